// A tab pressed while Streamlit has it disabled, for a moment in each run, whose elements arrive one
// by one: it is pressed again as soon as it takes it.
window.digitLabTabs ??= (() => {
  const TAB = ".stTabs [role=tab]";
  const disabled = (tab) => tab.getAttribute("aria-disabled") === "true";
  let pressed = null;
  const watch = new MutationObserver(() => {
    if (disabled(pressed)) return;
    watch.disconnect();
    pressed.click();
  });
  const press = (event) => {
    const tab = event.target.closest?.(TAB);
    if (!tab) return;
    watch.disconnect(); // what is pressed last counts
    pressed = disabled(tab) ? tab : null;
    if (pressed) watch.observe(tab, { attributes: true, attributeFilter: ["aria-disabled"] });
  };
  document.addEventListener("click", press, true);
  return {};
})();
