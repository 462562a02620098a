// The wall of a room: large numbers, filters, and the drawings as tiles. It asks the server what there
// is once per second, for as long as it is in the document and can be seen. On the presenter's page it
// is a Streamlit v2 component (ui/page/room.py), which can also remove and allow drawings; by itself it
// is the page /wall/CODE (ui/room/routes.py).
//
// data: code; key, which opens the wall where there is no cookie; presenter; words, by their names.
const EVERY = 1000; // milliseconds
const PATIENCE = 8000; // milliseconds that an answer may take
const FEW = 40; // tiles that are shown larger

const fill = (text, fields) => text.replace(/\{(\w+)\}/g, (_, name) => fields[name]);

function make(tag, name = "", text = "", more = {}) {
  const element = document.createElement(tag);
  if (name) element.className = name;
  if (text !== "") element.textContent = text;
  for (const [key, value] of Object.entries(more)) element.setAttribute(key, value);
  return element;
}

function share(right, of) {
  if (!of) return "–";
  const percent = Math.round((100 * right) / of);
  return `${right < of ? Math.min(percent, 99) : percent} %`;
}

// Make an element's children these, moving none that is in its place: so the focus stays.
function arrange(parent, children) {
  children.forEach((child, i) => {
    if (parent.children[i] !== child) parent.insertBefore(child, parent.children[i] ?? null);
  });
  while (parent.children.length > children.length) parent.lastElementChild.remove();
}

class Wall {
  only = "all";
  digit = "";
  page = 0;
  chosen = null;
  images = new Map();
  tiles = new Map();
  asked = 0;

  constructor(root, words) {
    this.words = words;
    this.root = root;
    this.figures = make("div", "wall-figures");
    this.note = make("p", "small");
    this.filters = make("div", "wall-filters", "", { role: "group", "aria-label": words.WALL_SHOW });
    this.select = make("select", "", "", { "aria-label": words.WALL_DIGIT });
    this.select.append(new Option(words.WALL_ANY, ""));
    for (let digit = 0; digit < 10; digit++) this.select.append(new Option(digit, digit));
    this.select.onchange = () => this.turn({ digit: this.select.value });
    this.actions = make("div", "wall-actions", "", { role: "status" });
    this.status = make("p", "wall-status", "", { role: "status" });
    this.grid = make("ul", "wall", "", { "aria-label": words.WALL_LABEL });
    this.pager = make("div", "wall-pager");
    this.board = make("div", "wall-board");
    root.replaceChildren(
      this.figures, this.note, this.filters, this.actions, this.status, this.grid, this.pager,
      this.board,
    );
  }

  start() {
    if (this.running) return;
    this.running = true;
    this.ask();
  }

  async ask() {
    clearTimeout(this.timer);
    if (!this.root.isConnected) return (this.running = false);
    const mine = ++this.asked;
    if (!document.hidden) {
      try {
        const query = new URLSearchParams({ only: this.only, page: this.page, known: this.known ?? 0 });
        if (this.digit !== "") query.set("digit", this.digit);
        if (this.data.key) query.set("key", this.data.key);
        if (this.data.presenter) query.set("presenter", 1);
        const answer = await fetch(`/wall/${this.data.code}/tiles?${query}`, {
          credentials: "same-origin", signal: AbortSignal.timeout(PATIENCE),
        });
        const found = await answer.json();
        if (mine !== this.asked) return; // another question has been asked since
        if (answer.ok) this.show(found);
        else this.tell(found.sentence);
      } catch {
        if (mine === this.asked) this.tell(this.words.WALL_LOST);
      }
    }
    if (mine === this.asked) this.timer = setTimeout(() => this.ask(), EVERY);
  }

  // Not again what is there already: a screen reader would read it out every time.
  tell(sentence) {
    if (this.status.textContent !== sentence) this.status.textContent = sentence;
  }

  turn(changes) {
    Object.assign(this, { page: 0, known: 0, chosen: null }, changes);
    this.ask();
  }

  show(found) {
    this.found = found;
    for (const [number, image] of Object.entries(found.images)) this.images.set(+number, image);
    const missing = found.tiles.some((tile) => !this.images.has(tile.number));
    this.known = missing ? 0 : Math.max(this.known ?? 0, ...found.tiles.map((tile) => tile.number));
    const { words } = this;
    const ended = found.ended ? words.WALL_ENDED : "";
    const empty = found.tiles.length ? "" : words.WALL_EMPTY;
    this.tell(found.hidden ? words.WALL_HIDDEN : [ended, empty].join(" ").trim());
    this.showFigures(found);
    this.showFilters(found);
    this.showTiles(found);
    this.showPager(found);
    this.showBoard(found);
  }

  showFigures(found) {
    const { words } = this;
    const tested = found.test.drawings > 0;
    const of = tested ? found.test.drawings : found.drawings;
    const figures = [
      [String(found.writers), words.WALL_WRITERS],
      [String(found.drawings), words.WALL_DRAWINGS],
    ];
    const learned = found.scores.some((score) => score.name === "room");
    for (const score of found.scores) {
      if (score.name === "room" && !tested) continue; // it has learned the others
      const right = tested ? score.test_right : score.right;
      figures.push([share(right, of), words.WALL_READERS[score.name], score.name]);
    }
    this.figures.replaceChildren(
      ...figures.map(([number, name, kind]) => {
        const figure = make("div", kind === "room" ? "figure ours" : "figure");
        figure.append(make("strong", "", number), make("span", "", name));
        return figure;
      }),
    );
    const note = fill(tested ? words.WALL_TEST : words.WALL_ALL, { of, writers: found.test.writers });
    const without = learned && !tested ? ` ${words.WALL_NO_TEST}` : "";
    this.note.textContent = of ? `${words.WALL_READ} ${note}.${without}` : "";
  }

  showFilters(found) {
    const kinds = ["all", "misread"];
    if (found.scores.some((score) => score.name === "room")) kinds.push("learned");
    if (this.data.presenter) kinds.push("waiting");
    this.buttons ??= {};
    for (const kind of kinds) {
      const button = (this.buttons[kind] ??= make("button", "", "", { type: "button" }));
      button.textContent = fill(this.words.WALL_FILTERS[kind], found);
      button.setAttribute("aria-pressed", String(kind === this.only));
      button.onclick = () => this.turn({ only: kind });
    }
    found.per_digit.forEach((count, digit) => {
      this.select.options[digit + 1].textContent = `${digit} (${count})`;
    });
    arrange(this.filters, [...kinds.map((kind) => this.buttons[kind]), this.select]);
  }

  showTiles(found) {
    const tiles = found.tiles.map((tile) => this.tile(tile));
    const there = new Set(found.tiles.map((tile) => tile.number));
    for (const number of this.tiles.keys()) if (!there.has(number)) this.tiles.delete(number);
    if (this.images.size > 2000)
      for (const number of this.images.keys()) if (!there.has(number)) this.images.delete(number);
    if (!there.has(this.chosen)) this.chosen = null;
    this.grid.classList.toggle("few", tiles.length <= FEW);
    arrange(this.grid, tiles);
    this.showActions();
  }

  tile({ number, label, said, was, held_out }) {
    const { words } = this;
    let item = this.tiles.get(number);
    if (!item) {
      item = make("li");
      item.body = make(this.data.presenter ? "button" : "div");
      item.picture = make("img", "pixels", "", { alt: "" });
      item.caption = make("span");
      item.body.append(item.picture, item.caption);
      item.body.onclick = () => this.choose(number);
      item.append(item.body);
      this.tiles.set(number, item);
    }
    const image = this.images.get(number);
    if (image && item.picture.src !== image) item.picture.src = image;
    const name = (digit) => (digit === -1 || digit === null ? words.WALL_REFUSED : digit);
    const learned = said === label && was !== null && was !== label;
    const kind = learned ? "learned" : said === label ? "right" : "wrong";
    const short = (digit) => (digit === -1 || digit === null ? "–" : digit);
    const sign = {
      learned: `${short(was)} → ${label}`, right: `${label} ✓`, wrong: `${label} ≠ ${short(said)}`,
    }[kind];
    const sentence = {
      learned: words.WALL_TILE_LEARNED, right: words.WALL_TILE_RIGHT, wrong: words.WALL_TILE,
    }[kind];
    const read = fill(sentence, { label, said: name(said), was: name(was) });
    const text = held_out ? `${read}, ${words.WALL_HELD_OUT}` : read;
    item.className = `wall-tile ${kind}`;
    item.caption.textContent = held_out ? `${sign} ◆` : sign;
    if (this.data.presenter) {
      item.body.setAttribute("aria-label", text);
      item.body.setAttribute("aria-pressed", String(number === this.chosen));
    } else item.picture.alt = text;
    item.caption.setAttribute("aria-hidden", "true");
    item.words = text;
    return item;
  }

  choose(number) {
    if (!this.data.presenter) return;
    this.chosen = this.chosen === number ? null : number;
    this.showTiles(this.found);
  }

  showActions() {
    const item = this.tiles.get(this.chosen);
    if (this.acting === this.chosen) return;
    this.acting = this.chosen;
    if (!item) return this.actions.replaceChildren();
    const button = (name, act) => {
      const made = make("button", "", this.words[name], { type: "button" });
      made.onclick = act;
      return made;
    };
    const send = (what) => () => {
      this.press(`${what}-${this.acting}`);
      this.chosen = null;
      this.showTiles(this.found);
    };
    this.actions.replaceChildren(
      make("span", "", item.words),
      ...(this.only === "waiting" ? [button("WALL_ALLOW", send("allow"))] : []),
      button("WALL_REMOVE", send("remove")),
      button("WALL_CLOSE", () => this.choose(this.chosen)),
    );
  }

  showPager({ page, pages }) {
    if (!(pages > 1)) {
      this.where = "";
      return this.pager.replaceChildren();
    }
    const button = (word, to) => {
      const made = make("button", "", word, { type: "button" });
      made.disabled = to < 0 || to >= pages;
      made.onclick = () => this.turn({ page: to });
      return made;
    };
    const { words } = this;
    const where = fill(words.WALL_PAGE, { page: page + 1, pages });
    if (this.where === where) return;
    this.where = where;
    this.pager.replaceChildren(
      button(words.WALL_NEWER, page - 1), make("span", "", where), button(words.WALL_OLDER, page + 1),
    );
  }

  showBoard({ leaderboard, test }) {
    const same = JSON.stringify([leaderboard, test]);
    if (this.boarded === same) return;
    this.boarded = same;
    if (!leaderboard) return this.board.replaceChildren();
    const { words } = this;
    const list = make("ol");
    for (const { number, name, right } of leaderboard) {
      const row = make("li");
      row.append(make("span", "", name), make("strong", "", share(right, test.drawings)));
      if (this.data.presenter) {
        const remove = make("button", "", words.WALL_REMOVE, { type: "button" });
        remove.setAttribute("aria-label", `${words.WALL_REMOVE}: ${name}`);
        remove.onclick = () => this.press(`entry-${number}`);
        row.append(remove);
      }
      list.append(row);
    }
    const head = fill(words.WALL_BOARD_HEAD, { of: test.drawings });
    this.board.replaceChildren(
      make("h2", "part", words.WALL_BOARD), list, make("p", "small", leaderboard.length ? head : words.WALL_EMPTY),
    );
  }
}

export default function wall({ parentElement, data, setTriggerValue }) {
  const root = parentElement.querySelector(".wall-root");
  if (root.wall?.words.WALL_ALL !== data.words.WALL_ALL) root.wall = new Wall(root, data.words);
  root.wall.data = data;
  root.wall.press = (what) => setTriggerValue?.("pressed", what);
  root.wall.start();
}
