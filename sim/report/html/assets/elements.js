// Elements of the page. Names from scenarios and models only ever become text.
function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "class") element.className = value;
    else if (name === "text") element.textContent = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

function card(id, title, about = "") {
  const section = el("section", { id, class: "card", "aria-labelledby": `${id}-title` }, el("h2", { id: `${id}-title`, text: title }));
  if (about) section.append(el("p", { class: "about", text: about }));
  document.getElementById("main").append(section);
  return section;
}

function button(text, label, action) {
  return el("button", { type: "button", text, "aria-label": label === text ? null : label, title: label === text ? null : label, onclick: action });
}

function select(label, options, chosen, changed) {
  const input = el("select", { onchange: () => changed(input.value) }, ...options.map(([value, text]) => el("option", { value, text, selected: value === chosen })));
  return el("label", { class: "choice" }, el("span", { text: label }), input);
}

function badge(text, kind) {
  return el("span", { class: `badge ${kind}`, text });
}

// The numbers behind a picture, made when somebody opens them. `rows`: a function that gives arrays of cells.
function dataTable(title, heads, rows) {
  const details = el("details", { class: "numbers" }, el("summary", { text: title }));
  details.addEventListener("toggle", () => {
    if (details.open && details.childElementCount === 1) details.append(plainTable(heads, rows(), title));
  });
  return details;
}

function plainTable(heads, rows, caption) {
  const box = el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption });
  const head = el("tr", {}, ...heads.map((text) => el("th", { scope: "col", text })));
  const body = rows.map((row) => el("tr", {}, ...row.map((cell, place) => el(place ? "td" : "th", { text: cell, scope: place ? null : "row", class: isNumber(cell) ? "number" : null }))));
  box.append(el("table", {}, el("thead", {}, head), el("tbody", {}, ...body)));
  return box;
}

function isNumber(text) {
  return /^[-+−]?[0-9]/.test(String(text));
}

const tip = document.getElementById("tip");

function showTip(lines, x, y) {
  tip.replaceChildren(...lines.map((line, place) => el("div", { text: line, class: place ? null : "strong" })));
  tip.hidden = false;
  const box = tip.getBoundingClientRect();
  const left = Math.min(Math.max(x + 14, 6), window.innerWidth - box.width - 6);
  const top = y + 18 + box.height > window.innerHeight ? y - box.height - 12 : y + 18;
  tip.style.transform = `translate(${Math.round(Math.max(left, 6))}px, ${Math.round(Math.max(top, 6))}px)`;
}

function hideTip() {
  tip.hidden = true;
}
