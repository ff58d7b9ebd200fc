// A sweep: two quantities against each other, with the points that no other point beats in both.
function sweepTable() {
  const { sweep } = data;
  const names = sweep.columns.map((column) => column.name);
  const sides = Object.fromEntries(sweep.columns.map((column) => [column.name, column.side]));
  const numeric = names.filter((name, place) => sides[name] !== "own" && sweep.rows.some((row) => typeof row[place] === "number"));
  const at = (row, name) => row[names.indexOf(name)];
  const title = (row) => {
    const axes = names.filter((name) => sides[name] === "axis" && at(row, name) !== null);
    return axes.length ? axes.map((name) => `${name.split(".").pop()} = ${shown(name, at(row, name))}`) : [`point ${at(row, "position")}`];
  };
  return { sweep, names, sides, numeric, at, title, axes: names.filter((name) => sides[name] === "axis") };
}

function unitOfName(name) {
  const endings = { _bytes_per_s: "B/s", _per_j: "1/J", _bytes: "B", _ratio: "share", _hz: "Hz", _s: "s", _j: "J", _w: "W", _v: "V", _c: "degC" };
  return Object.entries(endings).find(([ending]) => name.endsWith(ending))?.[1] ?? "1";
}

function shown(name, value) {
  return typeof value === "number" ? quantity(value, unitOfName(name)) : value === null || value === undefined ? "unknown" : String(value);
}

// Places of rows that no other row is at least as good as in both and better in one; `up`: more is better.
function paretoFront(points, up) {
  const signed = points.map(({ x, y }, place) => ({ x: up[0] ? -x : x, y: up[1] ? -y : y, place })).sort((a, b) => a.x - b.x || a.y - b.y);
  const front = [];
  let least = Infinity;
  let last = null;
  for (const point of signed) {
    if (point.y < least || (last && point.x === last.x && point.y === last.y)) {
      front.push(point.place);
      least = point.y;
      last = point;
    }
  }
  return front;
}

function moreIsBetter(name) {
  return /throughput|accuracy|per_j|valid|rate_hz|battery_life/.test(name);
}

function scatterCard(table) {
  const metrics = table.numeric.filter((name) => table.sides[name] === "metric");
  const choices = [...metrics, ...table.numeric.filter((name) => table.sides[name] === "axis")];
  if (choices.length < 2) return null;
  const prefer = (patterns, not) => patterns.map((pattern) => choices.find((name) => pattern.test(name) && name !== not)).find(Boolean) ?? choices.find((name) => name !== not);
  const first = prefer([/latency_p99_s$/, /latency/]);
  const section = card("scatter", "Points of the sweep", "Ringed points joined by a line are the Pareto front: nothing in the sweep is better in both.");
  const state = { table, x: first, y: prefer([/^energy_j$/, /energy/, /power/], first), by: table.axes[0] ?? "", up: [false, false], drawn: [], chosen: null };
  state.up = [moreIsBetter(state.x), moreIsBetter(state.y)];
  const details = el("div", { class: "details", id: "point-details", "aria-live": "polite" });
  const pictured = picture({ label: "Points of the sweep", height: (width) => (width < 560 ? 300 : 400), focusable: true, draw: (context, width, height) => drawScatter(state, context, width, height, pictured?.marked ?? -1) });
  pictured.canvas.id = "scatter-canvas";
  const names = choices.map((name) => [name, name]);
  const legend = el("div", { class: "legend" });
  const ways = el("span", { class: "tools" });
  const update = () => { scatterWays(state, ways, update); scatterPoints(state); scatterLegend(state, legend); pictured.canvas.setAttribute("aria-label", scatterLabel(state)); pictured.redraw(); };
  section.append(el("div", { class: "tools" }, select("Across", names, state.x, (name) => { state.x = name; state.up[0] = moreIsBetter(name); update(); }), select("Up", names, state.y, (name) => { state.y = name; state.up[1] = moreIsBetter(name); update(); }),
    table.axes.length ? select("Colour", table.axes.map((name) => [name, name]), state.by, (name) => { state.by = name; update(); }) : null, ways), legend, pictured.box, details,
  dataTable("Pareto front: numbers", [...table.axes, "across", "up"], () => state.front.map((number) => { const point = state.points[number]; return [...table.axes.map((name) => shown(name, table.at(point.row, name))), shown(state.x, point.x), shown(state.y, point.y)]; })));
  pointable(pictured, () => state.drawn, (point) => details.replaceChildren(el("p", { class: "small" }, el("bdi", { text: point.lines.join(" · ") }))));
  repainted.push(() => scatterLegend(state, legend));
  update();
  return state;
}

function scatterWays(state, box, update) {
  box.replaceChildren(...[0, 1].map((side) => {
    const text = `${side ? "up" : "across"}: ${state.up[side] ? "more" : "less"} is better`;
    return button(text, text, () => { state.up[side] = !state.up[side]; update(); });
  }));
}

function scatterPoints(state) {
  const { table } = state;
  state.points = table.sweep.rows.map((row) => ({ row, x: table.at(row, state.x), y: table.at(row, state.y) })).filter((point) => typeof point.x === "number" && typeof point.y === "number");
  state.front = paretoFront(state.points, state.up);
  const values = [...new Set(state.points.map((point) => table.at(point.row, state.by)))];
  state.values = values.every((value) => typeof value === "number") ? values.sort((a, b) => a - b) : values;
}

function scatterLabel(state) {
  return `${state.y} against ${state.x}: ${state.points.length} points, ${state.front.length} on the Pareto front`;
}

function pointHue(state, point) {
  const place_ = state.values.indexOf(state.table.at(point.row, state.by));
  return state.values.length <= 10 ? hue(place_) : ramp(place_ / (state.values.length - 1));
}

// Blue to yellow, light or dark enough on either theme, in an order that is told apart without colour vision too.
function ramp(share) {
  const [from, to] = isDark() ? [[86, 110, 214], [250, 225, 100]] : [[24, 44, 140], [214, 150, 0]];
  return `rgb(${from.map((value, place_) => Math.round(value + (to[place_] - value) * share)).join(",")})`;
}

function scatterLegend(state, legend) {
  const few = state.values.length <= 10 ? state.values : [state.values[0], state.values[state.values.length - 1]];
  legend.replaceChildren(...(state.by ? few.map((value) => {
    const swatch = el("span", { class: "swatch" });
    swatch.style.background = pointHue(state, { row: state.points.find((point) => state.table.at(point.row, state.by) === value)?.row ?? [] });
    return el("span", { class: "value" }, swatch, el("bdi", { text: shown(state.by, value) }));
  }) : []));
}

function drawScatter(state, context, width, height, marked) {
  state.drawn = [];
  if (!state.points.length) {
    context.textAlign = "center";
    context.fillStyle = ink("muted");
    return context.fillText("no point has both of these numbers", width / 2, height / 2);
  }
  const [xs, ys] = [state.points.map((point) => point.x), state.points.map((point) => point.y)];
  const wide = (values) => Math.min(...values) > 0 && Math.max(...values) / Math.min(...values) > 100;
  const unit = (name) => (value) => quantity(value, unitOfName(name));
  const axes = frame(context, width, height, { x: widened(xs, wide(xs)), y: widened(ys, wide(ys)), xText: state.x, yText: state.y, xUnit: unit(state.x), yUnit: unit(state.y) });
  const on = new Set(state.front);
  context.strokeStyle = ink("text");
  context.lineWidth = 1.2;
  context.beginPath();
  [...state.front].sort((a, b) => state.points[a].x - state.points[b].x).forEach((number, place_) => context[place_ ? "lineTo" : "moveTo"](axes.x(state.points[number].x), axes.y(state.points[number].y)));
  context.stroke();
  state.points.forEach((point, number) => {
    const [x, y] = [axes.x(point.x), axes.y(point.y)];
    dot(context, x, y, on.has(number) ? 5.5 : 3.5, pointHue(state, point), number === marked);
    if (on.has(number)) { context.strokeStyle = ink("text"); context.lineWidth = 1.5; context.beginPath(); context.arc(x, y, 7.5, 0, 2 * Math.PI); context.stroke(); }
    state.drawn.push({ x, y, row: point.row, lines: [...state.table.title(point.row), `${state.x}: ${shown(state.x, point.x)}`, `${state.y}: ${shown(state.y, point.y)}`, on.has(number) ? "on the Pareto front" : ""].filter(Boolean) });
  });
  return undefined;
}

function sweepRowsCard(table) {
  const section = card("points", "All points", `${table.sweep.rows.length.toLocaleString("en")} points${table.sweep.left_out ? `; ${table.sweep.left_out.toLocaleString("en")} more are in the file but not on this page` : ""}.`);
  const rows = () => table.sweep.rows.slice(0, 1000).map((row) => table.names.map((name) => shown(name, table.at(row, name))));
  section.append(dataTable("Table of the first thousand points", table.names, rows));
}
