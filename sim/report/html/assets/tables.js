// Operators, findings, sources of the device's numbers, the scenario.
const OPERATOR_COLUMNS = [["index", "#", (row) => String(row.index)], ["name", "operator", (row) => row.name], ["operator", "kind", (row) => row.operator], ["unit", "unit", (row) => row.unit], ["time_s", "time", (row) => quantity(row.time_s, "s")],
  ["bound", "bound by", (row) => row.bound], ["utilisation", "of the peak", (row) => (row.utilisation === null ? "" : quantity(row.utilisation, "share"))], ["macs", "MAC", (row) => (row.macs ? prefixed(row.macs, "", 3, PREFIXES).trim() : "0")],
  ["traffic_bytes", "memory traffic", (row) => quantity(row.traffic_bytes, "B")], ["weights_bytes", "weights", (row) => quantity(row.weights_bytes, "B")], ["energy_j", "energy", (row) => quantity(row.energy_j, "J")]];
const ROWS_AT_FIRST = 25;
const FINDINGS_AT_FIRST = 6;

function operatorsCard() {
  const models = data.models.models;
  if (!models.length) return;
  const section = card("operators", "Operators", "One run alone on the device, at the highest clock. Click a head to sort.");
  const state = { model: models.find((model) => !model.is_code) ?? models[0], by: "time_s", down: true, all: false, filter: "" };
  const box = el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Operators" });
  const facts = el("p", { class: "small about" });
  const more = button("", "", () => { state.all = !state.all; fill(); });
  const fill = () => fillOperators(state, box, facts, more);
  const tools = el("div", { class: "tools" }, models.length > 1 ? select("Model", models.map((model) => [model.name, model.name]), state.model.name, (name) => { state.model = models.find((model) => model.name === name); fill(); }) : null,
    el("input", { type: "search", placeholder: "filter", "aria-label": "Filter operators", oninput: (event) => { state.filter = event.target.value.trim().toLowerCase(); fill(); } }));
  section.append(tools, facts, box, more);
  fill();
}

function fillOperators(state, box, facts, more) {
  const { model } = state;
  const key = (row) => row[state.by] ?? -1;
  const rows = model.operators.filter((row) => [row.name, row.operator, row.unit, row.bound].some((text) => text.toLowerCase().includes(state.filter)));
  rows.sort((a, b) => (typeof key(a) === "string" ? key(a).localeCompare(key(b)) : key(a) - key(b)) * (state.down ? -1 : 1));
  const shown = state.all ? rows : rows.slice(0, ROWS_AT_FIRST);
  facts.textContent = [model.is_code ? "code of one's own" : `${model.model}, ${model.precision} on ${model.runtime}`, `${model.operators.length} kernels`, duration(model.total_s, 4), quantity(model.energy_j, "J"), ...model.notes].join(" · ");
  const head = el("tr", {}, ...OPERATOR_COLUMNS.map(([name, text]) => {
    const sorted = state.by === name ? (state.down ? "descending" : "ascending") : "none";
    const arrow = sorted === "none" ? "" : state.down ? " ▼" : " ▲";
    const control = el("button", { type: "button", class: "head", "data-sort": name, text: text + arrow, onclick: () => {
      state.down = state.by === name ? !state.down : true;
      state.by = name;
      fillOperators(state, box, facts, more);
      box.querySelector(`[data-sort="${name}"]`).focus();
    } });
    return el("th", { scope: "col", "aria-sort": sorted }, control);
  }));
  const longest = Math.max(...model.operators.map((row) => row.time_s), 1e-30);
  const body = shown.map((row) => el("tr", {}, ...OPERATOR_COLUMNS.map(([name, , text]) => {
    const cell = el("td", { class: isNumber(text(row)) ? "number" : null }, el("bdi", { text: text(row) }));
    if (name === "time_s") { cell.classList.add("timed"); cell.style.backgroundSize = `${(100 * row.time_s) / longest}% 100%`; }
    return cell;
  })));
  box.replaceChildren(el("table", { id: "operators-table" }, el("thead", {}, head), el("tbody", {}, ...body)));
  more.hidden = rows.length <= ROWS_AT_FIRST;
  more.textContent = state.all ? "Show fewer" : `Show all ${rows.length}`;
}

// A finding: {text, weight_ratio, of, evidence: {name: figure}, what_ifs: [title], why_none}; the costliest come first.
function findingsCard() {
  if (!data.findings?.length) return;
  const section = card("findings", "Findings", "The costliest first, each with its evidence. edgesim explain simulates what each change would bring.");
  const list = el("ol", { class: "findings" });
  const rest = el("ol", { class: "findings", start: FINDINGS_AT_FIRST + 1 });
  for (const one of data.findings) {
    const evidence = Object.entries(one.evidence ?? {}).map(([name, value]) => `${words(name.replace(/_(bytes_per_s|s|j|w|hz|c|bytes|ratio|count)$/, ""))} ${shown(name, value)}`);
    const changes = one.what_ifs?.length ? `Worth a try: ${one.what_ifs.join("; ")}.` : one.why_none;
    const weight = el("div", { class: "weight", "aria-hidden": "true" }, el("div"));
    weight.firstChild.style.width = `${Math.min(100 * (one.weight_ratio ?? 0), 100)}%`;
    (list.childElementCount < FINDINGS_AT_FIRST ? list : rest).append(el("li", {}, el("p", { class: "strong", text: one.text }), weight, el("p", { class: "small about", text: evidence.join(" · ") }), changes ? el("p", { class: "small", text: changes }) : null));
  }
  section.append(list);
  if (rest.childElementCount) section.append(el("details", { class: "numbers" }, el("summary", { text: `${rest.childElementCount} more` }), rest));
}

function sourcesCard() {
  const { figures, notes, sources } = data.sources;
  if (!figures.length) return;
  const counts = {};
  for (const row of figures) counts[row[2]] = (counts[row[2]] ?? 0) + 1;
  const section = card("sources", "Where the device's numbers come from", `${figures.length} numbers: ${Object.entries(counts).sort((a, b) => b[1] - a[1]).map(([kind, count]) => `${count} ${kind}`).join(", ")}. What is estimated nobody has published; its note gives the reasoning.`);
  const bar = el("div", { class: "kinds", role: "img", "aria-label": Object.entries(counts).map(([kind, count]) => `${count} ${kind}`).join(", ") });
  for (const [kind, count] of Object.entries(counts).sort((a, b) => b[1] - a[1])) { const part = el("span", { class: `kind-${kind}`, title: `${kind}: ${count}` }); part.style.flexGrow = String(count); bar.append(part); }
  const state = { filter: "", kind: "" };
  const box = el("div", { class: "scroll tall", tabindex: "0", role: "region", "aria-label": "Numbers of the device" });
  const fill = () => {
    const rows = figures.filter((row) => (!state.kind || row[2] === state.kind) && row.join(" ").toLowerCase().includes(state.filter));
    const body = rows.map(([path, value, kind, source, note]) => el("tr", {}, el("th", { scope: "row" }, el("bdi", { text: path })), el("td", { class: "number", text: value }), el("td", {}, badge(kind, `kind-${kind}`)), el("td", {}, el("bdi", { text: source })), el("td", { class: "small", text: note >= 0 ? notes[note] : "" })));
    box.replaceChildren(el("table", {}, el("thead", {}, el("tr", {}, ...["number", "value", "kind", "source", "note"].map((text) => el("th", { scope: "col", text })))), el("tbody", {}, ...body)));
  };
  const tools = el("div", { class: "tools" }, select("Kind", [["", "all"], ...Object.keys(counts).map((kind) => [kind, kind])], "", (kind) => { state.kind = kind; fill(); }), el("input", { type: "search", placeholder: "filter", "aria-label": "Filter the device's numbers", oninput: (event) => { state.filter = event.target.value.trim().toLowerCase(); fill(); } }));
  const details = el("details", { class: "numbers" }, el("summary", { text: `All ${figures.length} numbers` }), tools, box);
  details.addEventListener("toggle", () => details.open && !box.childElementCount && fill());
  section.append(bar, details, dataTable("Sources", ["key", "what it is"], () => Object.entries(sources)));
}

function scenarioCard() {
  if (!data.scenario_yaml) return;
  const section = card("scenario", "Scenario", "As it was run, overrides applied; edgesim run reads it again.");
  section.append(el("pre", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Scenario as YAML", text: data.scenario_yaml }));
}
