// Three workarounds for streamlit-drawable-canvas, which offers no option for them:
// - Its canvas has no text alternative for screen readers: it gets a role and a label here.
// - Its toolbar cannot be switched off. CSS hides it; `inert` takes it out of the Tab order.
// - It waits 200 ms before it sends a finished stroke. The toolbar's first button sends at once, so
//   it is clicked after each stroke.
// Depends on: the container key "slate" (class st-key-slate), Streamlit's data-testid
// "stBidiComponentIsolated" and the shadow root in it, the component's classes dc-toolbar and
// upper-canvas. Seen in Streamlit 1.67 and streamlit-drawable-canvas 0.13.0.
// Where none of these is found, nothing happens.
// This script goes through st.html, whose sanitiser takes a less-than sign before a letter, a slash
// or an exclamation mark for a tag: there must be none in here.
window.digitLabSlate ??= (() => {
  let words = "";
  let waiting = 0;
  let drawing = false;
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
  new MutationObserver(() => (waiting ||= setTimeout(dress, 200))).observe(document.body, {
    childList: true,
    subtree: true,
  });
  function begin(event) {
    drawing = event.composedPath().some((element) => element.classList?.contains("upper-canvas"));
  }
  function finish() {
    if (!drawing) return;
    drawing = false;
    setTimeout(() => shadow()?.querySelector(".dc-toolbar button")?.click()); // once it is on the canvas
  }
  for (const type of ["mousedown", "touchstart"]) window.addEventListener(type, begin, true);
  for (const type of ["mouseup", "touchend", "touchcancel"]) window.addEventListener(type, finish);
  return {
    say(spoken) {
      words = spoken;
      dress();
    },
  };
})();
