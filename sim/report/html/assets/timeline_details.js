// What a span or a request was, in words and numbers.
function spanFacts(state, { row: number, place: at }) {
  const row = state.rows[number];
  return row.kind === "request" ? requestFacts(state, row, at) : segmentFacts(state, row, at);
}

function segmentFacts(state, row, at) {
  const part = (name) => state.columns[`span_${name}`][row.first + at];
  const about = data.timeline;
  const program = part("program");
  const facts = [["name", about.stages[part("stage")]], ["on", row.label], ["takes", duration(part("end") * NS - part("start") * NS, 4)], ["from", moment(part("start") * NS, 1e-6)]];
  if (part("request") >= 0) facts.push(["request", String(part("request"))]);
  if (program >= 0) facts.push(["program", about.programs[program]]);
  if (part("clock") > 0) facts.push(["mean clock", quantity(part("clock") * 1e3, "Hz", 4)]);
  return facts;
}

function requestFacts(state, row, at) {
  const part = (name) => state.columns[`request_${name}`][row.first + at];
  const arrival = part("arrival") * NS;
  const status = data.timeline.statuses[part("status")];
  return [["name", `request ${part("number")} of ${data.timeline.workloads[row.workload]}`], ["status", status], ["from arrival to end", duration(part("end") * NS - arrival, 4)],
    ["arrives", moment(arrival, 1e-6)], ["waits", duration(Math.max(part("start") * NS - arrival, 0), 3)]];
}

function choose(state, found) {
  state.selected = found;
  if (found) state.lane = found.row;
  state.picture.redraw();
  if (!found) return state.details.replaceChildren(el("p", { class: "about", text: "Click a span or a request for its details." }));
  const row = state.rows[found.row];
  const facts = spanFacts(state, found);
  const list = el("dl", { class: "facts" }, ...facts.slice(1).flatMap(([name, value]) => [el("dt", { text: name }), el("dd", { text: value })]));
  const tools = el("div", { class: "tools" }, button("Zoom to it", "Zoom to it", () => { const length = Math.max(row.ends[found.place] - row.starts[found.place], 1e-8); state.view.show(row.starts[found.place] - length / 3, row.ends[found.place] + length / 3); }), button("Close", "Close", () => choose(state, null)));
  return state.details.replaceChildren(el("h3", {}, el("bdi", { text: facts[0][1] })), list, tools, ...kernelsInside(state, row, found.place));
}

// Operators of the model that ran in a span, as they take on an idle device.
function kernelsInside(state, row, at) {
  if (row.kind !== "unit") return [];
  const part = (name) => state.columns[`span_${name}`][row.first + at];
  const model = data.models?.models.find((one) => one.name === data.timeline.programs[part("program")]);
  const segment = model?.segments[Math.floor(part("first") / 65536)];
  if (!model || model.is_code || !segment) return [];
  const from = segment.first + (part("first") % 65536);
  const to = Math.min(segment.first + (part("last") % 65536), segment.last + 1);
  const inside = model.operators.filter((one) => one.index >= from && one.index < to);
  if (!inside.length) return [];
  const costliest = [...inside].sort((a, b) => b.time_s - a.time_s).slice(0, 8);
  return [el("p", { class: "small about", text: `${inside.length} kernels of ${model.name}; the longest, as they take alone at the highest clock (${segment.why}):` }),
    plainTable(["operator", "kind", "time", "bound"], costliest.map((one) => [one.name, one.operator, duration(one.time_s), one.bound]), "Longest operators of the span")];
}

// Places of each row that a search finds, and the colours it finds where spans share a pixel.
function matching(state) {
  const about = data.timeline;
  const named = (names) => new Set(names.flatMap((name, number) => (name.toLowerCase().includes(state.query) ? [number] : [])));
  const [stages, programs, workloads] = [named(about.stages), named(about.programs), named(about.workloads)];
  const wanted = /^#?[0-9]+$/.test(state.query) ? Number(state.query.replace("#", "")) : null;
  return state.rows.map((row) => {
    const isRequest = row.kind === "request";
    const found = (at) => {
      const own = row.first + at;
      if (wanted !== null) return state.columns[isRequest ? "request_number" : "span_request"][own] === wanted;
      if (isRequest) return workloads.has(row.workload) || about.statuses[row.colours[at]].includes(state.query);
      return stages.has(row.colours[at]) || programs.has(state.columns.span_program[own]);
    };
    let count = 0;
    for (let at = 0; at < row.starts.length; at += 1) if (found(at)) count += 1;
    return { has: found, count, codes: isRequest ? new Set() : stages };
  });
}

// Select the next match after what is selected, by time, on any lane.
function nextMatch(state, by) {
  if (!state.matches) return;
  const now = state.selected ? state.rows[state.selected.row].starts[state.selected.place] : state.view.from;
  let best = null;
  state.rows.forEach((row, number) => {
    if (!state.matches[number].count) return;
    const begin = by > 0 ? upper(row.starts, now) : lower(row.starts, now) - 1;
    for (let at = begin; at >= 0 && at < row.starts.length; at += by) {
      if (!state.matches[number].has(at)) continue;
      if (!best || by * (row.starts[at] - best.start) < 0) best = { row: number, place: at, start: row.starts[at] };
      break;
    }
  });
  if (!best) return;
  choose(state, { row: best.row, place: best.place });
  reveal(state, best.start, state.rows[best.row].ends[best.place]);
}

function spanTable(state) {
  return dataTable("Spans in view: numbers", ["lane", "what", "from", "takes", "request"], () => {
    const found = [];
    state.rows.filter((row) => row.kind !== "request").forEach((row) => {
      const low = lower(row.ends, state.view.from);
      const high = Math.min(lower(row.starts, state.view.to, low), low + 200);
      for (let at = low; at < high; at += 1) found.push([row.starts[at], row, at]);
    });
    return found.sort((a, b) => a[0] - b[0]).slice(0, 200).map(([start, row, at]) => [row.label, data.timeline.stages[row.colours[at]], moment(start, 1e-6), duration(row.ends[at] - start, 4), String(state.columns.span_request[row.first + at])]);
  });
}
