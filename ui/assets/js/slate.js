// While the pen moves, the slate is read again and again by the server's route /read, and what the
// page shows of the drawing is hidden behind the answers. When the pen is lifted, the page reads the
// drawing itself, and its result takes their place. Where there is no such route, that is all.
// Beside that, it decides which pointer draws, lets keys undo and redo, and works around what
// streamlit-drawable-canvas offers no option for:
// - Its canvas has no text alternative for screen readers: it gets a role and a label here.
// - Its toolbar cannot be switched off. CSS hides it; `inert` takes it out of the Tab order.
// - It waits 200 ms before it sends a finished stroke. The toolbar's first button sends at once, so
//   it is clicked after each stroke.
// Depends on: the keys "slate" (class st-key-slate), "verdict", "bars", "network-input", "undo" and
// "redo", the attribute data-drawing of the verdict, Streamlit's data-testid
// "stBidiComponentIsolated" and the shadow root in it, the component's classes dc-toolbar,
// lower-canvas and upper-canvas. Seen in Streamlit 1.67 and streamlit-drawable-canvas 0.13.0.
// Where none of these is found, nothing happens.
// This script goes through st.html, whose sanitiser takes a less-than sign before a letter, a slash
// or an exclamation mark for a tag: there must be none in here.
window.digitLabSlate ??= (() => {
  let words = "";
  let waiting = 0;
  let pointer = null; // the one that draws now; all others are ignored
  const SIDE = 176; // pixels of a picture on its way
  const PATIENCE = 5000; // milliseconds that an answer may take; so long is a failure left alone
  let token = "";
  let stroke = 0; // how many have been begun
  let fallback = 0; // a timer
  let moved = false; // since the latest picture was taken
  let asking = false;
  let resting = 0; // until when the server is left alone
  let live = false; // whether answers are shown
  let before; // which drawing the page showed when the pen was lifted
  const shadow = () =>
    document.querySelector(".st-key-slate [data-testid=stBidiComponentIsolated]")?.shadowRoot;
  function dress() {
    waiting = 0;
    const root = shadow();
    root?.querySelector(".dc-toolbar")?.toggleAttribute("inert", true);
    const canvas = root?.querySelector("canvas.upper-canvas");
    if (canvas?.getAttribute("aria-label") === words) return;
    canvas?.setAttribute("role", "img");
    canvas?.setAttribute("aria-label", words);
  }
  new MutationObserver(() => {
    waiting ||= setTimeout(dress, 200);
    if (live && !pointer && shown() !== before) unveil();
  }).observe(document.body, { childList: true, subtree: true });
  const shown = () => document.querySelector(".verdict[data-drawing]")?.dataset.drawing;
  function unveil() {
    live = false;
    document.body.classList.remove("reading-live");
    for (const answer of document.querySelectorAll(".live")) answer.remove();
  }
  function show(html) {
    for (const [key, part] of Object.entries(html)) {
      const place = document.querySelector(`.st-key-${key}`);
      if (!place) continue;
      const answer = place.querySelector(".live") ?? place.appendChild(document.createElement("div"));
      answer.className = "live";
      answer.ariaHidden = "true"; // too quick to be read out
      const next = document.createElement("div");
      next.innerHTML = part;
      adapt(answer, next);
    }
    live = true;
    document.body.classList.add("reading-live");
  }
  // Gives one element the content of another. What is alike stays and is only changed: a
  // new element costs 15 ms, as Streamlit's styles for printing make the browser look at the whole
  // page again.
  function adapt(element, next) {
    const pairs = [...next.childNodes].map((child, n) => [element.childNodes[n], child]);
    const alike = pairs.length === element.childNodes.length
      && pairs.every(([mine, theirs]) => mine.nodeName === theirs.nodeName);
    if (!alike) return element.replaceChildren(...next.childNodes);
    for (const [mine, theirs] of pairs) {
      if (mine.nodeValue !== theirs.nodeValue) mine.nodeValue = theirs.nodeValue;
      const names = [mine, theirs].flatMap((one) => one.getAttributeNames?.() ?? []);
      for (const name of names) {
        const value = theirs.getAttribute(name);
        if (value === null) mine.removeAttribute(name);
        else if (value !== mine.getAttribute(name)) mine.setAttribute(name, value);
      }
      adapt(mine, theirs);
    }
  }
  function reduced(layers) {
    const small = document.createElement("canvas");
    small.width = small.height = SIDE;
    const pixels = small.getContext("2d", { willReadFrequently: true });
    pixels.imageSmoothingQuality = "high";
    for (const layer of shadow().querySelectorAll(layers))
      pixels.drawImage(layer, 0, 0, small.width, small.height);
    return small;
  }
  function isBlank() {
    const { data } = reduced("canvas.lower-canvas").getContext("2d").getImageData(0, 0, SIDE, SIDE);
    return !data.some((value, n) => n % 4 === 0 && value > 127); // the paper is dark
  }
  function picture() {
    const small = reduced("canvas.lower-canvas, canvas.upper-canvas");
    // Not toBlob: it waits until the browser has nothing else to do, which is rare while a pen moves.
    const coded = small.toDataURL().replace(/^.*,/, "");
    return new Blob([Uint8Array.from(atob(coded), (byte) => byte.charCodeAt())], { type: "image/png" });
  }
  function send(method, body) {
    const signal = AbortSignal.timeout(PATIENCE);
    return fetch("read", { method, body, signal, headers: { "X-Digit-Lab-Page": token } });
  }
  async function ask() {
    if (asking || !moved || !pointer || !brush.isPen || !token || resting > Date.now()) return;
    asking = true;
    moved = false;
    const asked = stroke;
    try {
      const answer = await send("POST", picture());
      if (answer.ok) {
        const { html } = await answer.json();
        if (pointer && asked === stroke) show(html);
      } else if ([403, 404, 405].includes(answer.status)) {
        token = ""; // there is no such route, or no such page any more
      } else {
        resting = Date.now() + (1000 * Number(answer.headers.get("Retry-After")) || PATIENCE);
      }
    } catch {
      resting = Date.now() + PATIENCE;
    }
    asking = false;
    ask();
  }
  // Which pointer draws: the same rules as in room/join.js. The canvas itself would take the first
  // finger for the one that draws, and the end of any other for the end of the stroke. So it gets no
  // touch and no press of its own, but each finished stroke as a mouse's. Until then the stroke is
  // inked here, on the layer that the canvas inks its strokes on.
  let brush = { width: 0, colour: "", isPen: true };
  let pen = false; // whether a pen has written on this drawing; then a touch is a palm
  let points = []; // of the stroke, in pixels of the canvas
  let forwarding = false;
  const layer = () => shadow()?.querySelector("canvas.upper-canvas");
  const isOnSlate = (event) => event.composedPath().includes(layer());
  function place(event) {
    const box = layer().getBoundingClientRect();
    const scale = layer().width / box.width;
    return [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
  }
  function ink(from, to) {
    const context = layer().getContext("2d");
    context.save();
    context.lineWidth = brush.width;
    context.lineCap = "round";
    context.strokeStyle = brush.colour;
    context.beginPath();
    context.moveTo(...from);
    context.lineTo(to[0] + 0.01, to[1]); // a dot, in every browser
    context.stroke();
    context.restore();
  }
  function forward(type, [x, y]) {
    const box = layer().getBoundingClientRect();
    const scale = box.width / layer().width;
    const at = { clientX: box.left + x * scale, clientY: box.top + y * scale };
    layer().dispatchEvent(new MouseEvent(type, { ...at, bubbles: true, composed: true, cancelable: true }));
  }
  function begin(event) {
    if (event.button || !isOnSlate(event)) return;
    const isPen = event.pointerType === "pen";
    const isOnly = event.isPrimary && event.pointerType === pointer?.type;
    if (isOnly) lift(true); // the end of the last stroke was never told, as at a change of apps
    if (isPen && pointer?.type === "touch") lift(false); // that was the palm
    pen &&= !isBlank();
    if (pointer || (pen && event.pointerType === "touch")) return;
    pointer = { id: event.pointerId, type: event.pointerType };
    pen ||= isPen;
    points = [place(event)];
    try {
      layer().setPointerCapture(event.pointerId); // a stroke may leave the slate and come back
    } catch {} // lifted already
    ink(points[0], points[0]);
    stroke += 1;
    clearTimeout(fallback);
  }
  function move(event) {
    if (event.pointerId !== pointer?.id || !layer()) return;
    if (!event.buttons) return lift(true); // lifted elsewhere
    points.push(place(event));
    ink(...points.slice(-2));
    moved = true;
    ask();
  }
  function lift(meant) {
    pointer = null;
    const canvas = layer();
    canvas?.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
    if (token && (live || asking)) send("DELETE").catch(() => {}); // updates need not wait any more
    if (!meant || !canvas) return unveil();
    forwarding = true;
    forward("mousedown", points[0]);
    for (const point of points.slice(1)) forward("mousemove", point);
    forward("mouseup", points.at(-1));
    forwarding = false;
    before = shown();
    fallback = setTimeout(unveil, 3000); // nothing new was drawn
    setTimeout(() => shadow()?.querySelector(".dc-toolbar button")?.click()); // once it is on the canvas
  }
  function hold(event) {
    if (forwarding || !isOnSlate(event)) return;
    event.stopImmediatePropagation();
    if (event.type === "touchstart") event.preventDefault(); // no scrolling, no zoom, no magnifier
  }
  window.addEventListener("pointerdown", begin, true);
  window.addEventListener("pointermove", move, true);
  for (const type of ["pointerup", "pointercancel"])
    window.addEventListener(type, (event) => {
      if (event.pointerId === pointer?.id) lift(type === "pointerup");
    }, true);
  for (const type of ["mousedown", "touchstart"])
    window.addEventListener(type, hold, { capture: true, passive: false });
  // Ctrl+Z or Cmd+Z, and the same with Shift or Ctrl+Y, press the page's own buttons.
  window.addEventListener("keydown", (event) => {
    const key = event.key.toLowerCase();
    const isUndo = key === "z" && (event.ctrlKey || event.metaKey);
    if (event.altKey || !(isUndo || (key === "y" && event.ctrlKey))) return;
    if (pointer || event.composedPath()[0].matches?.(":read-write")) return; // it is the text's
    const name = isUndo && !event.shiftKey ? "undo" : "redo";
    const button = document.querySelector(`.st-key-${name} button`);
    if (!button) return;
    event.preventDefault();
    button.click();
  });
  return {
    say(spoken, key, drawsWith) {
      words = spoken;
      token = key;
      brush = drawsWith;
      dress();
    },
  };
})();
