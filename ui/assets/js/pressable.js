// HTML or SVG in which every element with data-press is a button. The buttons of one data-group share
// one stop of the Tab key; arrow keys go to the nearest button in their direction. Used through
// ui/page/pressable.py.
// A Streamlit v2 component (st.components.v2, Streamlit 1.67); it works around nothing, and touches
// only its own element.
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

const buttonsOf = (group) => [...group.querySelectorAll("[data-press]")];

function centre(element) {
  const box = element.getBoundingClientRect();
  return [box.left + box.width / 2, box.top + box.height / 2];
}

function makeStops(root) {
  for (const group of root.querySelectorAll("[data-group]")) {
    const buttons = buttonsOf(group);
    const wanted = group.stop ?? group.dataset.stop;
    const stop = buttons.find((button) => button.dataset.press === wanted) ?? buttons[0];
    for (const button of buttons) button.setAttribute("tabindex", button === stop ? 0 : -1);
  }
}

// Update one node to equal another, changing only what differs, so that nothing flickers and the
// focus is kept.
function become(node, like) {
  if (node.nodeName !== like.nodeName) return node.replaceWith(like.cloneNode(true));
  if (node.nodeType === Node.TEXT_NODE) {
    if (node.data !== like.data) node.data = like.data;
    return;
  }
  for (const { name } of [...node.attributes])
    if (!like.hasAttribute(name)) node.removeAttribute(name);
  for (const { name, value } of like.attributes)
    if (node.getAttribute(name) !== value) node.setAttribute(name, value);
  const children = [...node.childNodes];
  [...like.childNodes].forEach((child, i) =>
    children[i] ? become(children[i], child) : node.append(child.cloneNode(true)),
  );
  for (const child of children.slice(like.childNodes.length)) child.remove();
}

function neighbour(button, [right, down]) {
  const group = button.closest("[data-group]");
  const [x, y] = centre(button);
  let nearest = null;
  let least = Infinity;
  for (const other of group ? buttonsOf(group) : []) {
    const [left, top] = centre(other);
    const along = (left - x) * right + (top - y) * down;
    const aside = Math.abs((left - x) * down) + Math.abs((top - y) * right);
    if (along > 1 && along + 2 * aside < least) [nearest, least] = [other, along + 2 * aside];
  }
  return nearest;
}

function stopAt(root, button) {
  const group = button.closest("[data-group]");
  if (group) group.stop = button.dataset.press;
  makeStops(root);
  button.focus({ preventScroll: true });
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".pressable");
  if (root.shown !== data.html) {
    root.shown = data.html;
    const wanted = root.cloneNode(false);
    wanted.innerHTML = data.html;
    become(root, wanted);
    makeStops(root);
  }
  root.onclick = (event) => {
    const button = event.target.closest("[data-press]");
    if (button) setTriggerValue("pressed", button.dataset.press);
  };
  root.onkeydown = (event) => {
    const button = event.target.closest("[data-press]");
    if (!button) return;
    const next = event.key in ARROWS && neighbour(button, ARROWS[event.key]);
    if (next) stopAt(root, next);
    else if (button.tagName !== "BUTTON" && (event.key === "Enter" || event.key === " "))
      setTriggerValue("pressed", button.dataset.press);
    else return;
    event.preventDefault();
  };
}
