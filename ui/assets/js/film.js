// A slider over the moments of a training run, and a button that plays them like a film. All frames
// are sent at once, so it reacts without asking the server. Text and frames come from
// ui/panels/through_time.py.
// A Streamlit v2 component (st.components.v2, Streamlit 1.67); it works around nothing, and touches
// only its own element.
const films = new WeakMap(); // per element: current frame, timer while playing
const CALM = matchMedia("(prefers-reduced-motion: reduce)");
const FRAME = 160; // milliseconds
const CALM_FRAME = 900;

const make = (tag, name, within, settings = {}) => {
  const node = document.createElement(tag);
  node.className = name;
  within?.append(node);
  return Object.assign(node, settings);
};

function build(root) {
  const film = { data: null, at: -1, timer: 0, rows: [], tiles: [] };
  const bar = make("div", "film-bar", root);
  film.play = make("button", "film-play", bar, { type: "button" });
  film.slider = make("input", "film-slider", bar, { type: "range", min: 0, step: 1 });
  film.best = make("button", "film-best", bar, { type: "button" });
  film.place = make("p", "film-place", root);
  const stage = make("div", "film-stage", root);
  const says = make("div", "film-says", stage);
  film.says = make("p", "film-verdict", says);
  const list = make("ol", "film-rows", says);
  for (let digit = 0; digit < 10; digit++) {
    const row = make("li", "film-row", list);
    make("span", "name", row, { textContent: digit });
    const track = make("span", "track", row);
    film.rows.push({ row, fill: make("span", "fill", track), figure: make("span", "figure", row) });
  }
  const units = make("div", "film-units", stage);
  film.caption = make("p", "film-caption", units);
  film.grid = make("div", "film-tiles", units);
  film.slider.addEventListener("input", () => (stop(film), show(film, Number(film.slider.value))));
  film.play.addEventListener("click", () => (film.timer ? stop(film) : start(film)));
  film.best.addEventListener("click", () => (stop(film), show(film, film.data.best)));
  return film;
}

function start(film) {
  if (film.at >= film.data.frames.length - 1) show(film, 0);
  const step = () => {
    if (!film.play.isConnected || film.at >= film.data.frames.length - 1) return stop(film);
    show(film, film.at + 1);
    film.timer = setTimeout(step, CALM.matches ? CALM_FRAME : FRAME);
  };
  film.timer = setTimeout(step, CALM.matches ? CALM_FRAME : FRAME);
  film.play.textContent = film.data.words.pause;
}

function stop(film) {
  clearTimeout(film.timer);
  film.timer = 0;
  film.play.textContent = film.data.words.play;
}

const decimal = (film, value, decimals) =>
  value.toFixed(decimals).replace(".", film.data.words.point);

function show(film, at) {
  const { frames, words } = film.data;
  film.at = Math.max(0, Math.min(at, frames.length - 1));
  const frame = frames[film.at];
  const told = frame.probabilities;
  const top = told ? told.indexOf(Math.max(...told)) : -1;
  const share = (p) => `${decimal(film, Math.min(p * 100, p < 1 ? 99.9 : 100), 1)} %`;
  film.slider.value = film.at;
  film.place.textContent = words.place
    .replace("{epoch}", decimal(film, frame.epoch, 2))
    .replace("{step}", String(frame.step));
  film.says.textContent = told
    ? words.says.replace("{digit}", top).replace("{share}", share(told[top]))
    : words.blank;
  film.slider.setAttribute("aria-valuetext", `${film.place.textContent}: ${film.says.textContent}`);
  film.rows.forEach(({ row, fill, figure }, digit) => {
    row.classList.toggle("top", digit === top);
    fill.style.width = told ? `${(told[digit] * 100).toFixed(1)}%` : "0";
    figure.textContent = told ? share(told[digit]) : "–";
  });
  film.tiles.forEach(({ picture, fill }, unit) => {
    const across = film.tiles.length > 1 ? unit / (film.tiles.length - 1) : 0;
    const down = frames.length > 1 ? film.at / (frames.length - 1) : 0;
    picture.style.backgroundPosition = `${across * 100}% ${down * 100}%`;
    fill.style.width = `${frame.answers[unit] * 100}%`;
  });
}

function furnish(film, data) {
  const before = film.data;
  const atEnd = !before || before.run !== data.run || film.at >= before.frames.length - 1;
  const step = before && before.frames[film.at]?.step;
  film.data = data;
  film.slider.max = data.frames.length - 1;
  film.slider.setAttribute("aria-label", data.words.moment);
  film.best.textContent = data.words.best;
  film.best.hidden = data.best === null;
  film.caption.textContent = data.words.units;
  film.play.textContent = film.timer ? data.words.pause : data.words.play;
  if (film.tiles.length !== data.units.length) {
    film.grid.replaceChildren();
    film.tiles = data.units.map(() => {
      const tile = make("div", "film-tile", film.grid);
      const picture = make("div", "picture", tile);
      return { picture, fill: make("span", "fill", make("div", "track", tile)) };
    });
  }
  film.grid.setAttribute("role", "img");
  film.grid.setAttribute("aria-label", data.words.alt);
  for (const { picture } of film.tiles) {
    picture.style.backgroundImage = `url(${data.picture})`;
    picture.style.backgroundSize = `${film.tiles.length * 100}% ${data.frames.length * 100}%`;
  }
  const same = data.frames.findIndex((frame) => frame.step === step);
  show(film, atEnd || same < 0 ? (film.timer ? film.at : data.frames.length - 1) : same);
}

export default function ({ parentElement, data }) {
  const root = parentElement.querySelector(".film");
  if (!films.has(root)) films.set(root, build(root));
  furnish(films.get(root), data);
}
