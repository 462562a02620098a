// The slate in words, for those who listen to the page; the toolbar that its component brings, which
// lies hidden under it, out of the keyboard's way; and each stroke sent as soon as it is finished:
// by itself the component waits 200 ms, its toolbar's first button does not. All are within the
// component's shadow.
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
    setTimeout(() => shadow()?.querySelector(".dc-toolbar button")?.click()); // once the stroke is taken
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
