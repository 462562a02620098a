// The slate in words, for those who listen to the page; and the toolbar that its component brings,
// which lies hidden under it, out of the keyboard's way. Both are within the component's shadow.
window.digitLabSlate ??= (() => {
  let words = "";
  let waiting = 0;
  function dress() {
    waiting = 0;
    const root = document.querySelector(".st-key-slate [data-testid=stBidiComponentIsolated]")?.shadowRoot;
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
  return {
    say(spoken) {
      words = spoken;
      dress();
    },
  };
})();
