// Rooflines: what a unit could do at most, and where each operator stands below it.
const BOUND_HUES = { compute: 0, memory: 1, overhead: 3 };

function rooflineCard() {
  const models = data.models.models.filter((model) => !model.is_code && model.operators.some((row) => row.macs > 0));
  const units = data.models.units.filter((unit) => models.some((model) => model.operators.some((row) => row.unit === unit.name && row.macs > 0)));
  if (!units.length) return;
  const section = card("roofline", "Roofline", "Each point is an operator, alone at the highest clock; the roof is the unit's nominal peak and the memory's bandwidth. Far below the roof: overhead, or a poorly filled array.");
  const legend = el("div", { class: "legend" });
  for (const [name, number] of Object.entries(BOUND_HUES)) {
    const swatch = el("span", { class: "swatch" });
    const paint = () => { swatch.style.background = hue(number); };
    paint();
    repainted.push(paint);
    legend.append(el("span", { class: "value" }, swatch, `bound by ${name}`));
  }
  section.append(legend);
  const box = el("div", { class: units.length > 1 ? "pair" : "" });
  section.append(box);
  for (const unit of units) unitRoofline(box, unit, models);
}

function unitRoofline(box, unit, models) {
  const points = models.flatMap((model) => model.operators.filter((row) => row.unit === unit.name && row.macs > 0 && row.time_s > 0).map((row) => ({ ...row, model: model.name, rate: row.macs / row.time_s, intensity: row.macs / Math.max(row.traffic_bytes, 1) })));
  const seen = [...new Set(points.map((row) => row.dtype))].filter((name) => unit.peaks_macs_per_s[name]);
  const peaks = Object.fromEntries((seen.length ? seen : Object.keys(unit.peaks_macs_per_s)).map((name) => [name, unit.peaks_macs_per_s[name]]));
  const state = { points, peaks, unit, drawn: [] };
  const pictured = picture({ label: `Roofline of ${unit.name} with ${points.length} operators`, height: 290, focusable: true, draw: (context, width, height) => drawRoofline(state, context, width, height, pictured?.marked ?? -1) });
  pointable(pictured, () => state.drawn);
  const table = dataTable(`${unit.name}: numbers`, ["operator", "model", "MAC per byte", "MAC/s", "of the peak", "bound"], () => points.map((row) => [row.name, row.model, digits(row.intensity), prefixed(row.rate, "MAC/s", 3, PREFIXES), row.utilisation === null ? "" : quantity(row.utilisation, "share"), row.bound]));
  box.append(el("figure", { class: "roofline" }, el("figcaption", {}, el("h3", {}, el("bdi", { text: unit.name }), el("span", { class: "small about", text: ` ${unit.title}` }))), pictured.box, table));
}

function drawRoofline({ points, peaks, unit, ...state_ }, context, width, height, marked) {
  const state = arguments[0];
  const ridges = Object.values(peaks).map((peak) => peak / unit.bandwidth_bytes_per_s);
  const x = widened([...points.map((row) => row.intensity), ...ridges], true);
  const y = widened([...points.map((row) => row.rate), ...Object.values(peaks)], true);
  const axes = frame(context, width, height, { x, y, xText: "multiply-accumulates per byte of memory traffic", yText: "MAC/s", xUnit: (value) => digits(value), yUnit: (value) => prefixed(value, "", 3, PREFIXES).trim() });
  context.save();
  context.beginPath();
  context.rect(axes.box.left, axes.box.top, axes.box.right - axes.box.left, axes.box.bottom - axes.box.top);
  context.clip();
  context.lineWidth = 2;
  context.strokeStyle = ink("text");
  for (const peak of Object.values(peaks)) {
    const ridge = peak / unit.bandwidth_bytes_per_s;
    context.beginPath();
    context.moveTo(axes.x(x.low), axes.y(x.low * unit.bandwidth_bytes_per_s));
    context.lineTo(axes.x(ridge), axes.y(peak));
    context.lineTo(axes.x(x.high), axes.y(peak));
    context.stroke();
  }
  state.drawn = points.map((row) => ({ x: axes.x(row.intensity), y: axes.y(row.rate), lines: [row.name, `${row.operator} of ${row.model}`, `${duration(row.time_s)}, bound by ${row.bound}`, `${digits(row.intensity)} MAC per byte, ${prefixed(row.rate, "MAC/s", 3, PREFIXES)}`, row.utilisation === null ? "" : `${quantity(row.utilisation, "share")} of the peak`].filter(Boolean) }));
  points.forEach((row, number) => dot(context, state.drawn[number].x, state.drawn[number].y, 4, hue(BOUND_HUES[row.bound] ?? 8), number === marked));
  context.restore();
  context.textAlign = "right";
  context.fillStyle = ink("text");
  for (const [name, peak] of Object.entries(peaks)) context.fillText(`${name} ${prefixed(peak, "MAC/s", 3, PREFIXES)}`, axes.box.right - 4, axes.y(peak) - 8);
}
