// The tour's card. It outlines the part of the page that a stop is about, and presses the page's
// own buttons. It never covers the slate. Text and stops come from ui/page/tour.py.
// Works around: Streamlit has no element that stays fixed beside the page and reacts without a run
// of the script, and nothing that opens a tab from Python. So the card is appended to the page's root
// here, and clicks tabs and buttons as a visitor would.
// Depends on: the classes stApp, stMain and stTabs, role="tab", the container key "tour-actions"
// (class st-key-tour-actions), and the selectors in assets/tour.toml. Seen in Streamlit 1.67.
// This script goes through st.html, whose sanitiser takes a less-than sign before a letter, a slash
// or an exclamation mark for a tag: there must be none in here.
window.digitLabTour ??= (() => {
  const MEMORY = "digit-lab-tour"; // the stop to resume at; unset until the tour is first used
  const ACTIONS = ".st-key-tour-actions"; // hidden buttons that only the card clicks
  let words = { stops: [] };
  let place = 0;
  let card = null;
  let outlined = null;
  let waiting = 0;
  const rule = document.head.appendChild(document.createElement("style"));
  const watch = new MutationObserver(() => {
    waiting ||= setTimeout(() => ((waiting = 0), point()), 200);
  });

  const recall = () => {
    try {
      return localStorage.getItem(MEMORY);
    } catch {
      return "0"; // nothing can be stored, so the tour is not offered each time
    }
  };
  const remember = (stop) => {
    try {
      localStorage.setItem(MEMORY, String(stop));
    } catch {
      // nothing can be stored: the tour starts at its first stop next time
    }
  };
  const atEnd = () => place === words.stops.length - 1;
  const part = (name) => card.querySelector(`.${name}`);
  const all = (selectors) => selectors.flatMap((one) => [...document.querySelectorAll(one)]);
  const inView = (it) => it.checkVisibility() && it.getBoundingClientRect().right > 0;

  // Built node by node: the sanitiser rejects a script that contains tags.
  function make(tag, name, within, settings = {}) {
    const node = document.createElement(tag);
    node.className = name;
    within?.append(node);
    return Object.assign(node, settings);
  }

  function build() {
    card = make("section", "tour", null, { role: "dialog" });
    card.setAttribute("aria-labelledby", "tour-title");
    const top = make("div", "top", card);
    make("p", "place", top);
    make("button", "leave", top, { type: "button", textContent: "×" });
    const says = make("div", "says", card, { ariaLive: "polite" });
    make("h2", "title", says, { id: "tour-title" });
    make("img", "picture", says, { hidden: true });
    make("p", "text", says);
    make("button", "act", card, { type: "button" });
    const moves = make("div", "go", card);
    make("button", "back", moves, { type: "button" });
    make("button", "next", moves, { type: "button" });
    card.addEventListener("keydown", (event) => {
      const does = { Escape: leave, ArrowRight: () => go(1), ArrowLeft: () => go(-1) }[event.key];
      if (!does) return;
      event.preventDefault();
      event.stopPropagation();
      does();
    });
    part("leave").addEventListener("click", () => leave());
    part("back").addEventListener("click", () => go(-1));
    part("next").addEventListener("click", () => (atEnd() ? leave() : go(1)));
    part("act").addEventListener("click", act);
    document.querySelector(".stApp").append(card);
    watch.observe(document.querySelector(".stMain"), { childList: true, subtree: true });
  }

  function start() {
    if (!card) {
      place = Math.min(Number(recall()) || 0, words.stops.length - 1);
      build();
      show();
    }
    part("next").focus();
  }

  function leave() {
    remember(atEnd() ? 0 : place);
    watch.disconnect();
    card.remove();
    card = outlined = null;
    rule.textContent = "";
    label();
    document.querySelector(".tour-start")?.focus();
  }

  function go(by) {
    place = Math.min(Math.max(place + by, 0), words.stops.length - 1);
    remember(place);
    show();
  }

  function act() {
    const { tab, press } = words.stops[place];
    const tabs = all([".stTabs [role=tab]"]).filter((it) => it.textContent.trim() === tab);
    const buttons = all(press).filter((it) => inView(it) || it.closest(ACTIONS));
    [...tabs, ...buttons].find((it) => !it.disabled)?.click();
  }

  function show() {
    const stop = words.stops[place];
    part("place").textContent = stop.place;
    part("title").textContent = stop.title;
    part("text").textContent = stop.text;
    part("picture").hidden = !stop.picture;
    if (stop.picture) Object.assign(part("picture"), { src: stop.picture, alt: stop.alt });
    if (!stop.act && document.activeElement === part("act")) part("next").focus();
    part("act").hidden = !stop.act;
    part("act").textContent = stop.act ?? "";
    part("back").textContent = words.back;
    part("back").setAttribute("aria-disabled", place === 0);
    part("next").textContent = atEnd() ? words.end : words.next;
    part("leave").setAttribute("aria-label", words.leave);
    outlined = null;
    point();
  }

  // Outline what the stop is about, and scroll to it; called again whenever the page's elements change.
  function point() {
    if (!card) return;
    const selector = words.stops[place].points.find((one) => all([one]).some(inView));
    if (selector === outlined) return;
    outlined = selector;
    rule.textContent = selector
      ? `${selector} { outline: var(--toured); outline-offset: 6px; border-radius: 8px;
         scroll-margin: var(--tour-room); }`
      : "";
    const it = selector && all([selector]).find(inView);
    const room = card.getBoundingClientRect().top - 80;
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    it?.scrollIntoView({
      block: it.getBoundingClientRect().height > room ? "start" : "nearest",
      behavior: still ? "auto" : "smooth",
    });
  }

  function label() {
    const button = document.querySelector(".tour-start");
    if (!button) return;
    const first = recall() === null;
    const room = matchMedia("(min-width: 641px)").matches;
    button.textContent = first && room ? words.offer : words.tour;
    button.classList.toggle("offer", first);
  }

  document.addEventListener("click", (event) => {
    if (event.target.closest?.(".tour-start")) start();
  });

  return {
    say(spoken) {
      words = spoken;
      label();
      if (card) show();
    },
  };
})();
