// Parallel coordinates: every point of a sweep as a line through its axes and metrics; ranges keep those that pass through them.
const MOST_LINES = 4000;

function parallelCard(table) {
  const metrics = table.names.filter((name) => table.sides[name] === "metric" && table.numeric.includes(name));
  const wanted = [/latency_p99_s$/, /^energy_j$/, /average_w$|power/, /skin|temperature|peak_c/, /memory.*bytes/].map((pattern) => metrics.find((name) => pattern.test(name))).filter(Boolean);
  const dimensions = [...new Set([...table.axes.slice(0, 6), ...(wanted.length ? wanted : metrics.slice(0, 4))])];
  if (dimensions.length < 2) return null;
  const section = card("parallel", "Parallel coordinates", "Each line is a point of the sweep. Drag along an axis to keep the lines that pass there; click the axis to let go.");
  const state = { table, dimensions, ranges: {}, colour: dimensions[dimensions.length - 1], metrics };
  const count = el("output", { class: "small about" });
  const pictured = picture({ label: "Parallel coordinates of the sweep", height: (width) => (width < 560 ? 300 : 340), draw: (context, width, height) => { drawParallel(state, context, width, height); count.textContent = `${state.kept} of ${table.sweep.rows.length} points`; } });
  pictured.canvas.id = "parallel-canvas";
  const adding = el("select", { "aria-label": "Add or remove an axis" });
  const fill = () => adding.replaceChildren(el("option", { value: "", text: "add or remove an axis" }), ...[...table.axes, ...metrics].map((name) => el("option", { value: name, text: (state.dimensions.includes(name) ? "− " : "+ ") + name })));
  adding.addEventListener("change", () => {
    const name = adding.value;
    if (name) state.dimensions = state.dimensions.includes(name) ? (state.dimensions.length > 2 ? state.dimensions.filter((other) => other !== name) : state.dimensions) : [...state.dimensions, name];
    delete state.ranges[name];
    fill();
    pictured.redraw();
  });
  fill();
  section.append(el("div", { class: "tools" }, adding, button("All points", "All points", () => { state.ranges = {}; pictured.redraw(); }), count), pictured.box,
    dataTable("Points kept: numbers", ["point", ...state.dimensions], () => state.table.sweep.rows.filter((row) => keptIn(state, row)).slice(0, 500).map((row) => [String(table.at(row, "position") ?? ""), ...state.dimensions.map((name) => shown(name, table.at(row, name)))])));
  parallelGestures(state, pictured);
  return state;
}

function dimensionScale(state, name) {
  const values = state.table.sweep.rows.map((row) => state.table.at(row, name)).filter((value) => value !== null && value !== undefined);
  if (values.every((value) => typeof value === "number")) {
    const scale = values.length ? scaleOf(Math.min(...values), Math.max(...values), false) : scaleOf(0, 1, false);
    return { at: (value) => (typeof value === "number" ? (scale.high > scale.low ? scale.at(value) : 0.5) : null), ends: [scale.low, scale.high] };
  }
  const names = [...new Set(values.map(String))];
  return { at: (value) => (value === null || value === undefined ? null : names.length > 1 ? names.indexOf(String(value)) / (names.length - 1) : 0.5), names };
}

function keptIn(state, row) {
  return Object.entries(state.ranges).every(([name, [low, high]]) => {
    const share = (state.scales?.[name] ?? dimensionScale(state, name)).at(state.table.at(row, name));
    return share !== null && share >= low - 1e-9 && share <= high + 1e-9;
  });
}

function drawParallel(state, context, width, height) {
  const { table, dimensions } = state;
  state.scales = Object.fromEntries([...new Set([...dimensions, ...Object.keys(state.ranges)])].map((name) => [name, dimensionScale(state, name)]));
  const [top, bottom, side] = [58, height - 24, Math.min(70, width * 0.09)];
  const x = (number) => side + (number * (width - 2 * side)) / Math.max(dimensions.length - 1, 1);
  const y = (share) => bottom - share * (bottom - top);
  state.place = { x, y, top, bottom };
  const every = Math.max(1, Math.ceil(table.sweep.rows.length / MOST_LINES));
  const last = dimensions[dimensions.length - 1];
  state.kept = 0;
  const groups = [[], []];
  table.sweep.rows.forEach((row, number) => {
    const kept = keptIn(state, row);
    state.kept += kept ? 1 : 0;
    if (number % every === 0) groups[kept ? 1 : 0].push(row);
  });
  groups.forEach((rows, kept) => {
    context.globalAlpha = kept ? Math.max(0.12, Math.min(0.8, 60 / Math.max(rows.length, 1))) : 0.05;
    context.lineWidth = kept ? 1.4 : 1;
    for (const row of rows) {
      context.strokeStyle = kept ? ramp(state.scales[last].at(table.at(row, last)) ?? 0) : ink("muted");
      context.beginPath();
      let open = false;
      dimensions.forEach((name, number) => {
        const share = state.scales[name].at(table.at(row, name));
        if (share === null) { open = false; return; }
        context[open ? "lineTo" : "moveTo"](x(number), y(share));
        open = true;
      });
      context.stroke();
    }
  });
  context.globalAlpha = 1;
  dimensions.forEach((name, number) => drawDimension(state, context, name, x(number), number, width / dimensions.length));
}

function drawDimension(state, context, name, x, number, room) {
  const { top, bottom, y } = state.place;
  const scale = state.scales[name];
  context.strokeStyle = ink("text");
  context.lineWidth = 1;
  line(context, x, top, x, bottom);
  context.textAlign = "center";
  context.fillStyle = ink("text");
  context.fillText(fitted(context, name.split(".").pop(), room - 6), x, number % 2 ? 26 : 12);
  context.fillStyle = ink("muted");
  const halo = (text, atX, atY) => {
    context.lineWidth = 4;
    context.strokeStyle = ink("card");
    context.strokeText(text, atX, atY);
    context.fillText(text, atX, atY);
  };
  if (scale.names) {
    context.textAlign = number === state.dimensions.length - 1 ? "right" : "left";
    const beside = number === state.dimensions.length - 1 ? -7 : 7;
    scale.names.slice(0, 12).forEach((text, place_) => halo(fitted(context, text, room - 10), x + beside, y(scale.names.length > 1 ? place_ / (scale.names.length - 1) : 0.5)));
  } else {
    halo(shown(name, scale.ends[1]), x, top - 10);
    halo(shown(name, scale.ends[0]), x, bottom + 12);
  }
  const range = state.ranges[name];
  if (!range) return;
  context.fillStyle = ink("shade");
  context.strokeStyle = ink("accent");
  context.lineWidth = 2;
  context.fillRect(x - 7, y(range[1]), 14, y(range[0]) - y(range[1]));
  context.strokeRect(x - 7, y(range[1]), 14, y(range[0]) - y(range[1]));
}

function parallelGestures(state, pictured) {
  const { canvas } = pictured;
  let held = null;
  const share = (y) => Math.min(Math.max((state.place.bottom - y) / (state.place.bottom - state.place.top), 0), 1);
  canvas.addEventListener("pointerdown", (event) => {
    const [x, y] = place(event, canvas);
    const number = state.dimensions.findIndex((_, place_) => Math.abs(state.place.x(place_) - x) < 18);
    if (number < 0) return;
    held = { name: state.dimensions[number], from: share(y) };
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!held) return;
    const now = share(place(event, canvas)[1]);
    if (Math.abs(now - held.from) > 0.01) state.ranges[held.name] = [Math.min(held.from, now), Math.max(held.from, now)];
    pictured.redraw();
  });
  for (const kind of ["pointerup", "pointercancel"]) canvas.addEventListener(kind, (event) => {
    if (held && Math.abs(share(place(event, canvas)[1]) - held.from) <= 0.01) delete state.ranges[held.name];
    held = null;
    pictured.redraw();
  });
}
