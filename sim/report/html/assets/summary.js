// The head of the report: verdict, budgets, key numbers with their intervals.
function summaryCards() {
  const { result } = data;
  const header = document.getElementById("top");
  const valid = result?.valid;
  const heading = el("div", { class: "title" }, el("h1", {}, el("bdi", { text: data.title })), valid === undefined || valid === null ? null : badge(valid ? "✓ VALID" : "✗ NOT VALID", valid ? "good" : "bad"));
  header.append(heading, el("p", { class: "about" }, el("bdi", { text: data.device?.title ?? "" }), data.device ? ` · seed ${data.seed ?? result?.seed ?? "?"} · ${ambient(result)}` : ""));
  if (data.description) header.append(el("p", { text: data.description }));
  header.append(el("nav", { id: "nav", "aria-label": "Parts of the report" }), themeButton());
  for (const note of data.notes ?? []) document.getElementById("main").append(el("p", { class: "notice", role: "status", text: note }));
  if (!result) return;
  if (result.budgets?.length) budgetsCard(result);
  if (result.metrics) numbersCard(result);
}

function ambient(result) {
  const value = result?.ambient?.value;
  return typeof value === "number" ? `${value} °C ambient` : "";
}

function budgetsCard(result) {
  const held = result.budgets.filter((one) => one.ok).length;
  const section = card("budgets", "Budgets", `${held} of ${result.budgets.length} held. In brackets: what it may be, with a probability of 80 %.`);
  const list = el("ul", { class: "budgets" });
  for (const one of result.budgets) list.append(budgetRow(one));
  section.append(list);
}

function budgetRow(one) {
  const { value, limit, ok } = one;
  const name = [one.workload, words(String(one.name).replace(/_(s|w|j|c|hz|bytes)$/, ""))].filter(Boolean).join(" · ");
  const unit = value.unit === "1" && /rate|ratio|share|miss/.test(one.name) ? "share" : value.unit;
  const sure = typeof value.low === "number" ? ` (${quantity(value.low, unit)} to ${quantity(value.high, unit)})` : "";
  const bar = el("div", { class: "bar", "aria-hidden": "true" });
  const fill = el("div", { class: `fill ${ok ? "good" : "bad"}` });
  const base = unit === "degC" && typeof data.result.ambient?.value === "number" && limit.value > data.result.ambient.value ? data.result.ambient.value : 0;
  const most = (limit.value - base) * 1.25;
  const share = (number) => `${Math.min(Math.max(((number - base) / most) * 100, 0), 100)}%`;
  fill.style.width = typeof value.value === "number" && most > 0 ? share(value.value) : "0";
  bar.append(fill);
  if (typeof value.low === "number" && most > 0) {
    const whisker = el("div", { class: "whisker" });
    whisker.style.left = share(value.low);
    whisker.style.width = `calc(${share(value.high)} - ${share(value.low)})`;
    bar.append(whisker);
  }
  if (most > 0) { const mark = el("div", { class: "limit" }); mark.style.left = share(limit.value); bar.append(mark); }
  return el("li", { class: "budget" }, el("span", { class: `mark ${ok ? "good" : "bad"}`, text: ok ? "✓ held" : "✗ not held" }), el("span", { class: "budget-name" }, el("bdi", { text: name })), bar,
    el("span", { class: "figure", text: `${quantity(value.value, unit)}${sure} ${one.at_least ? "≥" : "≤"} ${quantity(limit.value, unit)}` }),
    el("span", { class: "about small", text: [one.likelihood, one.detail].filter(Boolean).join(" · ") }));
}

function numbersCard(result) {
  const section = card("numbers", "Key numbers");
  const tiles = el("div", { class: "tiles" });
  for (const [name, found, unit] of keyNumbers(result.metrics)) {
    if (typeof found?.value !== "number") continue;
    tiles.append(el("div", { class: "tile" }, el("div", { class: "small about", text: name }), el("div", { class: "big", text: quantity(found.value, unit) }), el("div", { class: "small about", text: between(found, unit) })));
  }
  section.append(...workloadTable(result.metrics.workloads), tiles, allNumbers(result.metrics));
}

function between(found, unit) {
  return typeof found.low === "number" && found.high > found.low ? `${quantity(found.low, unit)} to ${quantity(found.high, unit)}` : "";
}

function keyNumbers(metrics) {
  return [["Power, average", metrics.power?.average, "W"], ["Energy", metrics.energy?.total, "J"], ["Inferences per joule", metrics.inferences_per_j, "1/J"], ["Battery lasts", metrics.power?.battery_life, "s"],
    ["Skin, peak", metrics.heat?.skin_peak, "degC"], ["Die, peak", metrics.heat?.die_peak, "degC"], ["Throttled", metrics.heat?.throttled, "s"], ["Memory, peak", metrics.memory?.peak, "B"], ["Simulated", metrics.simulated, "s"]];
}

function workloadTable(workloads) {
  const names = Object.keys(workloads ?? {});
  if (!names.length) return [];
  const cell = (found, unit) => (found ? [quantity(found.value, unit), between(found, unit)] : ["unknown", ""]);
  const body = names.map((name) => {
    const one = workloads[name];
    const cells = [cell(one.latency?.p50, "s"), cell(one.latency?.p99, "s"), cell(one.latency?.max, "s"), cell(one.throughput, "/s"), cell(one.miss, "share"), cell(one.drop, "share")];
    return el("tr", {}, el("th", { scope: "row" }, el("bdi", { text: name })), ...cells.map(([value, sure]) => el("td", { class: "number" }, value, el("div", { class: "small about", text: sure }))));
  });
  const head = ["workload", "p50", "p99", "longest", "rate", "missed", "dropped"].map((text) => el("th", { scope: "col", class: text === "workload" ? null : "number", text }));
  return [el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Workloads" }, el("table", { id: "workloads" }, el("thead", {}, el("tr", {}, ...head)), el("tbody", {}, ...body)))];
}

// Every number of the result, filtered by name as one types.
function allNumbers(metrics) {
  const rows = [];
  const walk = (part, path) => {
    if (part === null || typeof part !== "object" || Array.isArray(part)) return;
    if ("value" in part && "unit" in part) {
      if (typeof part.value === "number") rows.push([path, quantity(part.value, part.unit, 5), typeof part.low === "number" ? `${quantity(part.low, part.unit, 3)} to ${quantity(part.high, part.unit, 3)}` : ""]);
      return;
    }
    for (const [key, inner] of Object.entries(part)) walk(inner, path ? `${path}.${key}` : key);
  };
  walk(metrics, "");
  return dataTable(`All ${rows.length} numbers`, ["metric", "value", "80 % interval"], () => rows);
}
