// The interactive timeline: lanes of requests, units and radios, a minimap, search, details of what is clicked.
const STATUS_COLOURS = { done: "good", late: "bad", dropped: "bad", expired: "bad", unfinished: "muted" };
const AXIS = 24;

function timelineCard(columns, view) {
  const about = data.timeline;
  const section = card("timeline", "Timeline", "Drag to pan. Click the timeline, then use the wheel or + and − to zoom (Ctrl and wheel works at once); pinch on a touch screen. Where spans are narrower than a pixel, the height of a column is the share of time that the lane was busy.");
  const state = { rows: timelineRows(columns), columns, view, query: "", matches: null, selected: null, hoverRow: -1, hidden: new Set(), frames: 0 };
  if (about.kept_s) section.append(el("p", { class: "notice", text: `This run has ${about.spans.toLocaleString("en")} spans; the page holds ${about.spans_kept.toLocaleString("en")} of them, from ${moment(about.kept_s[0], 0.001)} to ${moment(about.kept_s[1], 0.001)}. Elsewhere grey columns show how busy each lane was.` }));
  if (!about.spans) section.append(el("p", { class: "notice", text: "This run recorded no spans (trace: requests or summary in the scenario), so the lanes of the units are empty." }));
  const tall = () => AXIS + state.rows.reduce((sum, row) => sum + row.height + (row.gap = row.kind === "request" ? 2 : 5), 0) + 6;
  state.picture = picture({ label: timelineLabel(state), height: tall, focusable: true, role: "application", draw: (context, width, height) => drawTimeline(state, context, width, height) });
  state.picture.canvas.setAttribute("aria-roledescription", "timeline");
  state.picture.canvas.setAttribute("aria-describedby", "timeline-keys");
  state.picture.canvas.id = "timeline-canvas";
  state.minimap = picture({ label: "The whole run; the frame is what the timeline shows", height: 34, draw: (context, width, height) => drawMinimap(state, context, width, height) });
  state.details = el("div", { id: "span-details", class: "details", "aria-live": "polite" }, el("p", { class: "about", text: "Click a span or a request for its details." }));
  section.append(timelineTools(state), stageLegend(state), state.minimap.box, state.picture.box);
  section.append(el("p", { id: "timeline-keys", class: "about small", text: "Keys: ← → pan, + − zoom, 0 the whole run, ↑ ↓ choose a lane, , and . the span before and after, Escape lets go." }));
  section.append(state.details, spanTable(state));
  timeGestures(view, state.picture, { tapped: (x, y) => choose(state, hit(state, x, y)), hovered: (x, y, event) => hover(state, x, y, event), left: () => { state.hoverRow = -1; } });
  minimapGestures(state);
  state.picture.canvas.addEventListener("keydown", (event) => timelineKey(state, event));
  view.listeners.push(state.picture.redraw, state.minimap.redraw);
  return state;
}

function timelineLabel(state) {
  return `Timeline of ${data.title}: ${data.timeline.spans.toLocaleString("en")} spans on ${data.timeline.lanes.length} lanes in ${duration(data.timeline.end_s)}`;
}

function timelineTools(state) {
  const { view } = state;
  const search = el("input", { type: "search", id: "span-search", placeholder: "stage, model or request number", "aria-label": "Search spans", autocomplete: "off", spellcheck: "false" });
  const found = el("output", { class: "small about", for: "span-search" });
  search.addEventListener("input", () => {
    state.query = search.value.trim().toLowerCase();
    state.matches = state.query ? matching(state) : null;
    const count = state.matches ? state.matches.reduce((sum, marks) => sum + marks.count, 0) : 0;
    found.textContent = state.query ? `${count.toLocaleString("en")} found` : "";
    state.picture.redraw();
  });
  search.addEventListener("keydown", (event) => event.key === "Enter" && nextMatch(state, event.shiftKey ? -1 : 1));
  const window_ = data.timeline.window;
  return el("div", { class: "tools" },
    button("−", "Zoom out", () => view.zoom(2)), button("+", "Zoom in", () => view.zoom(0.5)),
    button("◀", "Earlier", () => view.pan(-(view.to - view.from) / 4)), button("▶", "Later", () => view.pan((view.to - view.from) / 4)),
    button("Whole run", "Whole run", view.all),
    window_ ? button("99th percentile", window_.title, () => view.show(window_.from_s, window_.to_s)) : null,
    el("span", { class: "grow" }), search, button("Next", "Next match", () => nextMatch(state, 1)), found);
}

function stageLegend(state) {
  const used = new Set();
  state.rows.filter((row) => row.kind !== "request").forEach((row) => { for (const stage of row.colours) used.add(stage); });
  const list = el("div", { class: "legend", role: "group", "aria-label": "Stages shown" });
  for (const stage of [...used].sort((a, b) => a - b)) {
    const swatch = el("span", { class: "swatch" });
    const paint = () => { swatch.style.background = hue(stage); };
    paint();
    repainted.push(paint);
    const toggle = el("button", { type: "button", class: "key", "aria-pressed": "true", title: "Show or hide" }, swatch, el("bdi", { text: data.timeline.stages[stage] }));
    toggle.addEventListener("click", () => {
      const hide = !state.hidden.has(stage);
      if (hide) state.hidden.add(stage);
      else state.hidden.delete(stage);
      toggle.setAttribute("aria-pressed", String(!hide));
      state.picture.redraw();
    });
    list.append(toggle);
  }
  return list;
}

function drawTimeline(state, context, width, height) {
  const { view, rows } = state;
  state.frames += 1;
  drawTimeAxis(context, view, width, 10, height);
  const gutter = gutterOf(width);
  let top = AXIS;
  state.tops = rows.map((row) => { const at = top; top += row.height + row.gap; return at; });
  const buckets = new Map();
  const labels = [];
  rows.forEach((row, number) => layoutRow(row, view, width, (code, x, wide, share, place) => {
    const tall = Math.max(row.height * share, share < 1 ? 1.5 : 0);
    const style = styleOf(state, row, number, code, place);
    if (!style) return;
    let bucket = buckets.get(style);
    if (!bucket) buckets.set(style, (bucket = []));
    bucket.push(x, state.tops[number] + row.height - tall, wide > 3 && share === 1 ? wide - 0.5 : wide, tall);
    if (wide > 34 && share === 1 && row.kind !== "request") labels.push([row, place, x, wide, number]);
  }));
  for (const [style, flat] of buckets) {
    context.globalAlpha = style.endsWith("~") ? 0.16 : 1;
    context.fillStyle = style.replace("~", "");
    for (let at = 0; at < flat.length; at += 4) context.fillRect(flat[at], flat[at + 1], flat[at + 2], flat[at + 3]);
  }
  context.globalAlpha = 1;
  drawSpanLabels(state, context, labels.slice(0, 400));
  drawRowLabels(state, context, gutter);
  drawSelection(state, context, width);
  drawCursor(context, view, width, AXIS - 4, height);
}

// A colour; with ~ at its end: faint. Empty: not drawn.
function styleOf(state, row, number, code, place) {
  if (code === -1) return ink("muted");
  if (row.kind === "request") {
    const colour_ = ink(STATUS_COLOURS[data.timeline.statuses[code]] ?? "muted");
    return state.matches && place >= 0 && !state.matches[number].has(place) ? `${colour_}~` : colour_;
  }
  if (state.hidden.has(code)) return "";
  const faint = state.matches && (place >= 0 ? !state.matches[number].has(place) : !state.matches[number].codes.has(code));
  return faint ? `${hue(code)}~` : hue(code);
}

function drawSpanLabels(state, context, labels) {
  context.textAlign = "left";
  context.fillStyle = isDark() ? "#10141a" : "#ffffff";
  context.font = `600 11px ${FONT}`;
  for (const [row, place, x, wide, number] of labels) {
    const name = data.timeline.stages[row.colours[place]].split("/").pop();
    if (!isDark()) context.fillStyle = [1, 3, 4].includes(row.colours[place] % 10) ? "#111418" : "#ffffff";
    context.fillText(fitted(context, name, wide - 8), x + 4, state.tops[number] + row.height / 2 + 1);
  }
  context.font = `12px ${FONT}`;
}

function drawRowLabels(state, context, gutter) {
  context.textAlign = "right";
  state.rows.forEach((row, number) => {
    const top = state.tops[number];
    context.strokeStyle = ink("grid");
    context.lineWidth = 1;
    line(context, gutter, top + row.height + 1.5, state.picture.width - 8, top + row.height + 1.5);
    context.fillStyle = state.lane === number ? ink("accent") : row.kind === "request" ? ink("muted") : ink("text");
    if (row.label) context.fillText(fitted(context, row.label, gutter - 12), gutter - 8, top + row.height / 2);
  });
}

function drawSelection(state, context, width) {
  if (!state.selected) return;
  const row = state.rows[state.selected.row];
  const left = Math.max(state.view.x(row.starts[state.selected.place], width), gutterOf(width));
  const right = Math.min(state.view.x(row.ends[state.selected.place], width), width - 8);
  if (right < left) return;
  context.strokeStyle = ink("text");
  context.lineWidth = 2;
  context.strokeRect(left - 1, state.tops[state.selected.row] - 1, Math.max(right - left, 2) + 2, row.height + 2);
}

function drawMinimap(state, context, width, height) {
  const whole = { from: 0, to: state.view.end, end: state.view.end };
  const busiest = state.rows.filter((row) => row.kind === "unit" && row.starts.length);
  const tall = Math.max((height - 8) / Math.max(busiest.length, 1), 1);
  busiest.forEach((row, number) => layoutRow(row, whole, width, (code, x, wide, share) => {
    context.globalAlpha = 0.25 + 0.75 * share;
    context.fillStyle = code === -1 ? ink("muted") : hue(code);
    context.fillRect(x, 4 + number * tall, wide, Math.max(tall - 0.5, 0.5));
  }));
  context.globalAlpha = 1;
  const scale = (width - gutterOf(width) - 8) / state.view.end;
  const left = gutterOf(width) + state.view.from * scale;
  const wide = Math.max((state.view.to - state.view.from) * scale, 3);
  context.fillStyle = ink("shade");
  context.fillRect(gutterOf(width), 0, left - gutterOf(width), height);
  context.fillRect(left + wide, 0, width - 8 - left - wide, height);
  context.strokeStyle = ink("accent");
  context.lineWidth = 2;
  context.strokeRect(left, 1, wide, height - 2);
}

function minimapGestures(state) {
  const { canvas } = state.minimap;
  const { view } = state;
  let held = false;
  const go = (event) => {
    const [x] = place(event, canvas);
    const width = state.minimap.width;
    const at = ((x - gutterOf(width)) / (width - gutterOf(width) - 8)) * view.end;
    const half = (view.to - view.from) / 2;
    view.show(at - half, at + half);
  };
  canvas.addEventListener("pointerdown", (event) => { held = true; canvas.setPointerCapture(event.pointerId); go(event); });
  canvas.addEventListener("pointermove", (event) => held && go(event));
  for (const kind of ["pointerup", "pointercancel"]) canvas.addEventListener(kind, () => { held = false; });
}

function hit(state, x, y) {
  const number = state.tops?.findIndex((top, index) => y >= top && y < top + state.rows[index].height + state.rows[index].gap) ?? -1;
  if (number < 0 || x < gutterOf(state.picture.width)) return null;
  const { view } = state;
  const slack = (3 * (view.to - view.from)) / state.picture.width;
  const found = spanAt(state.rows[number], view.at(x, state.picture.width), slack);
  return found < 0 ? null : { row: number, place: found };
}

function hover(state, x, y, event) {
  const found = hit(state, x, y);
  if (!found) return hideTip();
  return showTip(spanFacts(state, found).slice(0, 6).map(([name, value]) => (name === "name" ? value : `${name}: ${value}`)), event.clientX, event.clientY);
}

function timelineKey(state, event) {
  const { view } = state;
  const length = view.to - view.from;
  const moves = {
    ArrowLeft: () => view.pan(-length / 8), ArrowRight: () => view.pan(length / 8), "+": () => view.zoom(0.5), "=": () => view.zoom(0.5), "-": () => view.zoom(2),
    0: view.all, Home: () => view.pan(-view.end), End: () => view.pan(view.end), ArrowUp: () => lane(state, -1), ArrowDown: () => lane(state, 1),
    ".": () => neighbour(state, 1), ",": () => neighbour(state, -1), Enter: () => neighbour(state, 0), Escape: () => choose(state, null),
  };
  const move = moves[event.key];
  if (!move || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  move();
}

function lane(state, by) {
  state.lane = (((state.lane ?? (by > 0 ? -1 : 0)) + by) % state.rows.length + state.rows.length) % state.rows.length;
  state.selected = null;
  neighbour(state, 0);
}

// Select the span after, before or at the middle of the view, and bring it into sight.
function neighbour(state, by) {
  const number = state.lane ?? state.selected?.row ?? Math.max(state.rows.findIndex((row) => row.kind === "unit" && row.starts.length), 0);
  state.lane = number;
  const row = state.rows[number];
  if (!row.starts.length) return choose(state, null);
  const now = state.selected?.row === number ? state.selected.place : Math.max(upper(row.starts, (state.view.from + state.view.to) / 2) - 1, 0);
  const next = Math.min(Math.max(now + (state.selected?.row === number ? by : 0), 0), row.starts.length - 1);
  choose(state, { row: number, place: next });
  return reveal(state, row.starts[next], row.ends[next]);
}

function reveal(state, from, to) {
  const { view } = state;
  if (from >= view.from && to <= view.to) return;
  const length = Math.max(view.to - view.from, (to - from) * 1.2);
  view.show((from + to) / 2 - length / 2, (from + to) / 2 + length / 2);
}
