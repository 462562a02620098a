// While the pen moves, the slate is read again and again by the server's route /read, and what the
// page shows of the drawing is hidden behind the answers. When the pen is lifted, the page reads the
// drawing itself, and its result takes their place. Where there is no such route, that is all.
// Beside that, three workarounds for streamlit-drawable-canvas, which offers no option for them:
// - Its canvas has no text alternative for screen readers: it gets a role and a label here.
// - Its toolbar cannot be switched off. CSS hides it; `inert` takes it out of the Tab order.
// - It waits 200 ms before it sends a finished stroke. The toolbar's first button sends at once, so
//   it is clicked after each stroke.
// Depends on: the container keys "slate" (class st-key-slate), "verdict", "bars" and
// "network-input", the attribute data-drawing of the verdict, Streamlit's data-testid
// "stBidiComponentIsolated" and the shadow root in it, the component's classes dc-toolbar,
// lower-canvas and upper-canvas. Seen in Streamlit 1.67 and streamlit-drawable-canvas 0.13.0.
// Where none of these is found, nothing happens.
// This script goes through st.html, whose sanitiser takes a less-than sign before a letter, a slash
// or an exclamation mark for a tag: there must be none in here.
window.digitLabSlate ??= (() => {
  let words = "";
  let waiting = 0;
  let drawing = false;
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
    if (live && !drawing && shown() !== before) unveil();
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
  function picture() {
    const small = document.createElement("canvas");
    small.width = small.height = SIDE;
    const pixels = small.getContext("2d", { willReadFrequently: true });
    pixels.imageSmoothingQuality = "high";
    for (const layer of shadow().querySelectorAll("canvas.lower-canvas, canvas.upper-canvas"))
      pixels.drawImage(layer, 0, 0, small.width, small.height);
    // Not toBlob: it waits until the browser has nothing else to do, which is rare while a pen moves.
    const coded = small.toDataURL().replace(/^.*,/, "");
    return new Blob([Uint8Array.from(atob(coded), (byte) => byte.charCodeAt())], { type: "image/png" });
  }
  function send(method, body) {
    const signal = AbortSignal.timeout(PATIENCE);
    return fetch("read", { method, body, signal, headers: { "X-Digit-Lab-Page": token } });
  }
  async function ask() {
    if (asking || !moved || !drawing || !token || resting > Date.now()) return;
    asking = true;
    moved = false;
    const asked = stroke;
    try {
      const answer = await send("POST", picture());
      if (answer.ok) {
        const { html } = await answer.json();
        if (drawing && asked === stroke) show(html);
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
  function move(event) {
    if (event.type === "mousemove" && !event.buttons) return finish(); // lifted elsewhere
    moved = drawing;
    ask();
  }
  function begin(event) {
    if (event.button) return; // not the main one
    drawing = event.composedPath().some((element) => element.classList?.contains("upper-canvas"));
    stroke += drawing;
    clearTimeout(fallback);
  }
  function finish() {
    if (!drawing) return;
    drawing = false;
    before = shown();
    if (token && (live || asking)) send("DELETE").catch(() => {}); // updates need not wait any more
    fallback = setTimeout(unveil, 3000); // nothing new was drawn
    setTimeout(() => shadow()?.querySelector(".dc-toolbar button")?.click()); // once it is on the canvas
  }
  for (const type of ["mousedown", "touchstart"]) window.addEventListener(type, begin, true);
  for (const type of ["mousemove", "touchmove"]) window.addEventListener(type, move);
  for (const type of ["mouseup", "touchend", "touchcancel"]) window.addEventListener(type, finish);
  return {
    say(spoken, key) {
      words = spoken;
      token = key;
      dress();
    },
  };
})();
