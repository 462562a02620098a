// Works around tabs that ignore clicks: in each run of the page Streamlit disables them for a moment,
// while their elements arrive one by one. A click in that moment is repeated once the tab is enabled.
// Depends on: the class stTabs, and role="tab" with aria-disabled on each tab. Seen in Streamlit 1.67.
// This script goes through st.html, whose sanitiser takes a less-than sign before a letter, a slash
// or an exclamation mark for a tag: there must be none in here.
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
    watch.disconnect(); // the last click counts
    pressed = disabled(tab) ? tab : null;
    if (pressed) watch.observe(tab, { attributes: true, attributeFilter: ["aria-disabled"] });
  };
  document.addEventListener("click", press, true);
  return {};
})();
