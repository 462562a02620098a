// A room on a phone: what is asked for, a slate, and what the network reads. Each drawing goes to a
// queue that survives a reload and is sent from there, so that nobody who writes has to wait for
// the network. The page may come over plain http, where browsers have no crypto.randomUUID and no
// service worker. The server's answers are described in ui/room/routes.py.
(() => {
  const UNITS = 1000; // a side of the slate, in the coordinates that are sent
  const PEN = UNITS / 16; // wide, as the server draws it
  const STEP = 6; // units between two points of a stroke
  const LARGEST = 19_000; // bytes of strokes; the server takes 20,000 in all
  const PATIENCE = 8000; // milliseconds that an answer may take
  const POLL = 1500; // milliseconds
  const ROOM_FULL = 10_000; // milliseconds until a phone knocks again
  const FORGOTTEN = 2; // times that a phone joins anew before it takes its cookies for blocked
  const BACKOFF = [2000, 4000, 8000, 15_000];
  const byId = (id) => document.getElementById(id);
  const words = JSON.parse(byId("words").textContent);
  const { code } = document.body.dataset;
  const title = document.title;
  const address = location.pathname.replace(/\/$/, "");
  const rules = new Intl.PluralRules(document.documentElement.lang);
  const jitter = () => 300 * Math.random(); // so that phones do not all ask at once
  const fill = (text, fields) => text.replace(/\{(\w+)\}/g, (_, field) => fields[field]);
  function counted(forms, count) {
    return count ? fill(forms[rules.select(count)] ?? forms.other, { count }) : "";
  }
  function write(id, text) {
    const place = byId(id);
    if (place.textContent !== text) place.textContent = text; // or else it would be read out again
  }

  let room = null; // the latest answer to /now
  let joined = false;
  let over = ""; // why nothing can be written any more
  let removable = false; // whether a room that has ended may hold drawings of this phone
  let note = ""; // what the server, or this page, has said last
  const trouble = { look: "", send: "" }; // what keeps each from the server

  // What stays on the phone: what is to be sent, and how many digits were written in "random".
  const NAME = `digit-lab-room-${code}`;
  let memory = null; // instead of the storage, where that is off or full
  function kept() {
    let found = {};
    try {
      found = JSON.parse(memory ?? localStorage.getItem(NAME)) ?? {};
    } catch {} // off, or not ours
    const todo = Array.isArray(found.todo) ? found.todo.filter((it) => it?.key) : [];
    return { todo, written: Number(found.written) || 0 };
  }
  function keep(changes) {
    const text = JSON.stringify({ ...kept(), ...changes });
    if (memory === null) {
      try {
        return localStorage.setItem(NAME, text);
      } catch {
        forget(); // what is in there must not be sent at a later visit
      }
    }
    memory = text;
  }
  function forget() {
    try {
      localStorage.removeItem(NAME);
    } catch {}
  }
  const waiting = () => kept().todo.filter((it) => it.strokes).length;
  const removing = () => kept().todo.some((it) => !it.strokes);
  function done(one) {
    keep({ todo: kept().todo.filter((it) => it.key !== one.key) });
  }
  function newKey() {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  // The slate.
  const slate = byId("slate");
  let strokes = []; // each a list x, y, x, y, ...
  let asked = null; // what was asked for when the first stroke began
  let chosen = null; // where the writer says which digit it is
  let pointer = null; // the one that draws now; all others are ignored
  let pen = false; // whether a pen has written on this slate; then a touch is a palm
  function ink(canvas, stroke, from = 0) {
    const context = canvas.getContext("2d");
    context.lineWidth = PEN;
    context.lineCap = context.lineJoin = "round";
    context.strokeStyle = "#f4f1e8";
    context.beginPath();
    context.moveTo(stroke[from], stroke[from + 1]);
    context.lineTo(stroke[from] + 0.1, stroke[from + 1]); // a dot, in every browser
    for (let i = from + 2; i < stroke.length; i += 2) context.lineTo(stroke[i], stroke[i + 1]);
    context.stroke();
  }
  function paint(canvas, drawing) {
    const side = Math.round(canvas.clientWidth * devicePixelRatio);
    if (!side) return;
    canvas.width = canvas.height = side; // this clears it, too
    canvas.getContext("2d").scale(side / UNITS, side / UNITS);
    for (const stroke of drawing) ink(canvas, stroke);
  }
  function place(event) {
    const box = slate.getBoundingClientRect();
    const along = (at, start, size) =>
      Math.round(Math.min(Math.max((at - start) / size, 0), 1) * UNITS);
    return [along(event.clientX, box.left, box.width), along(event.clientY, box.top, box.height)];
  }
  function begin(event) {
    if (event.button || closed()) return;
    const isPen = event.pointerType === "pen";
    const isOnly = event.isPrimary && event.pointerType === pointer?.type;
    if (isOnly) lift(true); // the end of the last stroke was never told, as at a change of apps
    if (pointer && isPen && pointer.type === "touch") lift(false); // that was the palm
    if (pointer || (pen && event.pointerType === "touch")) return;
    pointer = { id: event.pointerId, type: event.pointerType };
    pen ||= isPen;
    asked ??= asking();
    strokes.push(place(event));
    try {
      slate.setPointerCapture(event.pointerId); // a stroke may leave the slate and come back
    } catch {} // lifted already
    ink(slate, strokes.at(-1));
    render();
  }
  function move(event) {
    if (event.pointerId !== pointer?.id) return;
    const stroke = strokes.at(-1);
    const from = stroke.length - 2;
    const events = event.getCoalescedEvents?.() ?? []; // over https only
    for (const one of events.length ? events : [event]) {
      const [x, y] = place(one);
      if (Math.hypot(x - stroke.at(-2), y - stroke.at(-1)) >= STEP) stroke.push(x, y);
    }
    if (stroke.length - 2 > from) ink(slate, stroke, from);
  }
  function lift(meant) {
    pointer = null;
    if (!meant) strokes.pop();
    if (!strokes.length) wipe();
    else paint(slate, strokes); // all at once has smoother edges than bit by bit
    render();
  }
  function wipe() {
    strokes = [];
    asked = pointer = null;
    pen = false;
    paint(slate, strokes);
  }
  function thinner(drawing, step) {
    return drawing.map((stroke) => {
      const left = stroke.slice(0, 2);
      for (let i = 2; i < stroke.length; i += 2) {
        const far = Math.hypot(stroke[i] - left.at(-2), stroke[i + 1] - left.at(-1)) >= step;
        if (far || i === stroke.length - 2) left.push(stroke[i], stroke[i + 1]);
      }
      return left;
    });
  }
  slate.addEventListener("pointerdown", begin);
  slate.addEventListener("pointermove", move);
  for (const type of ["pointerup", "pointercancel"])
    slate.addEventListener(type, (event) => {
      if (event.pointerId === pointer?.id) lift(type === "pointerup");
    });
  // iOS: no magnifier, and no zoom by a second tap.
  slate.addEventListener("touchstart", (event) => event.preventDefault(), { passive: false });
  new ResizeObserver(() => paint(slate, strokes)).observe(slate);

  // What is asked for.
  function asking() {
    if (!room) return null;
    const { task, order } = room;
    const label = task === "random" ? order[kept().written % order.length] : Number(task);
    return { task, label: task === "free" ? null : label };
  }
  function sentence({ label }) {
    return label === null
      ? words.JOIN_WRITE_ANY
      : fill(words.JOIN_WRITE, { digit: words.JOIN_A_DIGIT[label] });
  }

  // What the page shows.
  function closed() {
    if (over) return over;
    if (!room) return trouble.look || words.JOIN_CONNECTING;
    if (room.state === "closed") return words.JOIN_CLOSED;
    if (room.state === "paused") return words.JOIN_PAUSED;
    if (room.sent + waiting() < room.limit) return "";
    return fill(words.JOIN_LIMIT, { count: room.limit });
  }
  function render() {
    const shut = closed();
    const current = asked ?? asking();
    const next = asking();
    const writes = !over && current && (!shut || room.state === "paused");
    const free = Boolean(writes && current.label === null);
    const later = asked && next && sentence(next) !== sentence(asked);
    const count = [
      counted(words.JOIN_SENT, room?.sent ?? 0),
      counted(words.JOIN_WAITING, waiting()),
    ].filter(Boolean);
    const stuck = room || over ? trouble.send || trouble.look : ""; // else it is on the slate
    write("task", writes ? sentence(current) : title);
    write("shut", shut);
    document.body.classList.toggle("shut", Boolean(shut));
    byId("keys").hidden = !free;
    for (const key of byId("keys").querySelectorAll("input")) {
      key.checked = Number(key.value) === chosen && chosen !== null;
      key.disabled = Boolean(shut);
    }
    const blank = !strokes.length || Boolean(shut);
    byId("clear").disabled = blank;
    byId("send").disabled = blank || (free && chosen === null);
    const hint = later ? fill(words.JOIN_NEXT, { task: sentence(next) }) : "";
    write("note", stuck && removing() ? words.JOIN_REMOVING : stuck || note || hint);
    const removes = count.length > 0 || removable;
    document.body.classList.toggle("written", removes);
    write("count", doubting ? words.JOIN_REMOVE_ALL : count.join(", "));
    byId("remove").hidden = doubting || !removes;
    byId("yes").hidden = byId("no").hidden = !doubting;
  }
  function tell(drawing, { reads, runner_up: second = null, waits }) {
    const { label } = drawing;
    const unsure = second !== null;
    const right = unsure ? words.JOIN_READS_PERHAPS : words.JOIN_READS;
    const wrong = unsure ? words.JOIN_MISREADS_PERHAPS : words.JOIN_MISREADS;
    const text = reads === null ? words.JOIN_UNREADABLE : reads === label ? right : wrong;
    const said = fill(text, { reads, second, digit: words.JOIN_A_DIGIT[label] });
    show(drawing.strokes, waits ? `${said}\n${words.JOIN_WAITS}` : said);
  }
  function show(drawing, text) {
    byId("small").classList.toggle("drawn", drawing.length > 0);
    paint(byId("small"), drawing);
    write("reading", text);
  }

  // The server. Without one, or without an answer that is JSON, the status is 0.
  async function request(path, body) {
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(), PATIENCE);
    const post = { method: "POST", body: JSON.stringify(body) };
    try {
      const response = await fetch(`${address}/${path}`, {
        ...(body && post),
        headers: body ? { "Content-Type": "application/json" } : {},
        credentials: "same-origin",
        cache: "no-store",
        signal: limit.signal,
      });
      const answer = await response.json();
      const wait = 1000 * Number(response.headers.get("Retry-After"));
      return { ...answer, ok: response.ok, status: response.status, wait };
    } catch {
      return { ok: false, status: 0 };
    } finally {
      clearTimeout(timer);
    }
  }
  // Runs a step again after as many milliseconds as it returns, or at once when it is called; one
  // run at a time.
  function repeated(step) {
    let timer = 0;
    let busy = false;
    let again = false;
    return async function run() {
      clearTimeout(timer);
      again = busy;
      if (busy) return;
      busy = true;
      let delay;
      try {
        delay = await step();
      } finally {
        busy = false;
      }
      render();
      if (again) run();
      else if (delay !== undefined) timer = setTimeout(run, delay);
    };
  }
  function pause(answer, failures) {
    if (answer.status === 429) return (answer.wait || BACKOFF[0]) + jitter();
    if (answer.error === "full" || answer.status === 404) return ROOM_FULL + jitter();
    return BACKOFF[Math.min(failures, BACKOFF.length) - 1] + jitter();
  }
  const isEnd = ({ status }) => status === 410;
  // A room that has ended takes no more drawings; those in it can still be removed.
  function end({ sentence: text }) {
    over = text || words.JOIN_ENDED;
    removable = room?.sent !== 0;
    wipe();
    trouble.look = trouble.send = note = "";
    keep({ todo: kept().todo.filter((it) => !it.strokes) });
    if (!removing()) forget();
    send();
  }

  let lookFailures = 0;
  let forgotten = 0; // how often the server did not know a phone that had just joined
  let lookRest = 0; // until when the server does not want to be asked
  const look = repeated(async () => {
    if (over || document.hidden) return;
    if (lookRest > Date.now()) return lookRest - Date.now();
    const answer = await (joined ? request("now") : request("phone", {}));
    if (isEnd(answer)) return end(answer);
    if (!answer.ok) {
      lookFailures += 1;
      if (answer.status === 401 && joined) {
        joined = false;
        if (++forgotten > FORGOTTEN) return end({ sentence: words.JOIN_COOKIES });
      }
      if (answer.status !== 429 || !joined) trouble.look = answer.sentence ?? words.JOIN_OFFLINE;
      const milliseconds = pause(answer, lookFailures);
      if (answer.status === 429 || answer.error === "full") lookRest = Date.now() + milliseconds;
      return milliseconds;
    }
    if (joined) lookFailures = forgotten = 0; // a phone that joins and is forgotten at once must not hurry
    joined = true;
    trouble.look = "";
    if (answer.ended) return end({ ...answer, sentence: "" });
    if (answer.number !== room?.number && !strokes.length) chosen = null;
    room = answer;
    reachable();
    send();
    return POLL + jitter();
  });

  let sendFailures = 0;
  let rest = 0; // until when nothing is sent
  let unreachable = false; // why it rests
  function reachable() {
    if (unreachable) rest = 0;
    unreachable = false;
  }
  const send = repeated(async () => {
    const [one] = kept().todo;
    const writes = joined && !over && room.state === "open";
    if (!one || (one.strokes && !writes)) {
      trouble.send = "";
      return;
    }
    if (rest > Date.now()) return rest - Date.now();
    const answer = await (one.strokes ? request("drawings", one) : request("remove", {}));
    if (isEnd(answer)) {
      done(one);
      return end(answer);
    }
    unreachable = answer.status === 0;
    // In a room that has ended, a phone that it does not know has nothing to remove.
    const hopeless = [400, 413].includes(answer.status) || (over && answer.status === 401);
    if (answer.ok) {
      sendFailures = 0;
      trouble.send = "";
      if (room) room.sent = answer.sent;
      if (one.strokes) {
        if (kept().todo.some((it) => it.key === one.key)) tell(one, answer);
      } else {
        removable = false;
        note = words.JOIN_REMOVED;
      }
      done(one);
      if (over) forget();
    } else if (hopeless || answer.error === "limit") {
      note = answer.sentence;
      removable = false;
      done(one);
    } else {
      sendFailures += 1;
      let milliseconds = pause(answer, sendFailures);
      if (answer.status === 401) {
        joined = false;
        if (sendFailures === 1) milliseconds = 0;
      } else if (["paused", "closed"].includes(answer.error)) {
        room.state = answer.error;
        milliseconds = POLL;
      } else if (answer.status !== 429) {
        trouble.send = answer.sentence ?? words.JOIN_OFFLINE;
      }
      rest = Date.now() + milliseconds;
    }
    look();
    return Math.max(rest - Date.now(), 0);
  });

  // What is pressed.
  let doubting = false; // whether "Remove my drawings" is meant
  function doubt(whether) {
    doubting = whether;
    render();
    byId(whether ? "no" : "remove").focus();
  }
  byId("clear").addEventListener("click", () => {
    wipe();
    render();
  });
  byId("send").addEventListener("click", () => {
    const { task, label } = asked;
    let drawing = strokes;
    for (let step = 2 * STEP; JSON.stringify(drawing).length > LARGEST && step < UNITS; step *= 2)
      drawing = thinner(drawing, step);
    const { todo, written } = kept();
    const one = { key: newKey(), task, label: label ?? chosen, strokes: drawing };
    keep({ todo: [...todo, one], written: written + (task === "random") });
    show(drawing, "");
    wipe();
    chosen = null;
    note = "";
    render();
    send();
  });
  byId("remove").addEventListener("click", () => doubt(true));
  byId("no").addEventListener("click", () => doubt(false));
  byId("yes").addEventListener("click", () => {
    keep({ todo: [{ key: newKey() }] });
    show([], "");
    note = "";
    doubt(false);
    send();
  });

  const labels = {
    which: words.JOIN_WHICH,
    clear: words.JOIN_CLEAR,
    send: words.JOIN_SEND,
    remove: words.JOIN_REMOVE,
    yes: words.JOIN_REMOVE_YES,
    no: words.JOIN_REMOVE_NO,
    stored: words.JOIN_STORED,
  };
  for (const [id, text] of Object.entries(labels)) write(id, text);
  slate.setAttribute("aria-label", words.JOIN_SLATE);
  for (let digit = 0; digit < 10; digit += 1) {
    const key = document.createElement("label");
    const input = Object.assign(document.createElement("input"), {
      type: "radio", name: "digit", value: digit,
    });
    const face = document.createElement("span");
    face.textContent = digit;
    input.addEventListener("change", () => {
      chosen = digit;
      render();
    });
    key.className = "key";
    key.append(input, face);
    byId("keys").append(key);
  }
  function wake() {
    reachable();
    look();
    send();
  }
  addEventListener("online", wake);
  addEventListener("offline", look);
  addEventListener("pageshow", (event) => event.persisted && wake());
  document.addEventListener("visibilitychange", wake);
  render();
  wake();
})();
