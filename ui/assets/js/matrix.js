// The confusion matrix: a table of buttons that share one stop of the Tab key; arrow keys, Home and
// End move between them. Figures and text come from ui/view/confusion.py.
// A Streamlit v2 component (st.components.v2, Streamlit 1.67); it works around nothing, and touches
// only its own element.
const DIGITS = [...Array(10).keys()];

export default function ({ data, parentElement, setStateValue }) {
  let table = parentElement.querySelector("table.matrix");
  if (!table) {
    table = build();
    parentElement.append(table);
  }
  const { counts, shades, recall, precision, chosen, words } = data;
  const put = (element, text) => element.textContent === text || (element.textContent = text);
  put(table.caption, words.title);
  for (const name of ["truth", "said", "recall", "precision"])
    put(table.querySelector(`.${name}`), words[name]);
  table.querySelectorAll("td.recall-of").forEach((cell, i) => put(cell, recall[i]));
  table.querySelectorAll("td.precision-of").forEach((cell, i) => put(cell, precision[i]));
  const buttons = [...table.querySelectorAll("button")];
  buttons.forEach((button, i) => {
    const [truth, said] = [Math.floor(i / 10), i % 10];
    const count = counts[truth][said];
    put(button, count ? String(count) : "·");
    button.dataset.shade = truth === said ? "right" : shades[truth][said];
    button.setAttribute("aria-pressed", chosen !== null && chosen[0] === truth && chosen[1] === said);
    button.setAttribute("aria-label", words.cell.replace("{truth}", truth)
      .replace("{said}", said).replace("{count}", count));
    button.onclick = () => {
      const pressed = button.getAttribute("aria-pressed") === "true";
      buttons.forEach((other) => other.setAttribute("aria-pressed", !pressed && other === button));
      setStateValue("cell", pressed ? null : [truth, said]);
    };
  });
  table.onfocusin = ({ target }) => buttons.forEach((it) => (it.tabIndex = it === target ? 0 : -1));
  table.onkeydown = (event) => {
    const here = buttons.indexOf(event.target);
    const row = here - (here % 10);
    const there = {
      ArrowLeft: Math.max(here - 1, row), ArrowRight: Math.min(here + 1, row + 9),
      ArrowUp: here < 10 ? here : here - 10, ArrowDown: here > 89 ? here : here + 10,
      Home: row, End: row + 9,
    }[event.key];
    if (here < 0 || there === undefined) return;
    event.preventDefault();
    buttons[there].focus();
  };
}

function build() {
  const table = document.createElement("table");
  table.className = "matrix";
  const heads = DIGITS.map((said) => `<th scope="col">${said}</th>`).join("");
  const rows = DIGITS.map((truth) => `<tr><th scope="row">${truth}</th>${
    DIGITS.map((said) => `<td><button type="button" tabindex="${truth + said ? -1 : 0}"></button></td>`)
      .join("")}<td class="recall-of"></td></tr>`).join("");
  table.innerHTML = `<caption></caption>
    <thead><tr><td></td><th scope="colgroup" colspan="10" class="said"></th><td></td></tr>
    <tr><th scope="col" class="truth"></th>${heads}<th scope="col" class="recall"></th></tr></thead>
    <tbody>${rows}</tbody>
    <tfoot><tr><th scope="row" class="precision"></th>${
      DIGITS.map(() => '<td class="precision-of"></td>').join("")}<td></td></tr></tfoot>`;
  return table;
}
