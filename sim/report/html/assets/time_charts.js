// Curves below the timeline, over the same stretch of time and with the same cursor.
function chartsCard(columns, view, standAlone) {
  const section = card("charts", "Over time", standAlone ? "" : "These charts follow the timeline: zoom or pan either. Dotted lines are trip points and limits.");
  return data.charts.filter((about) => about.series.some((one) => columns[`${one.column}_v`]?.length)).map((about) => timeChart(section, about, columns, view));
}

function timeChart(section, about, columns, view) {
  const series = about.series.map((one, number) => ({ ...one, number, t: columns[`${one.column}_t`] ?? new Float64Array(), v: columns[`${one.column}_v`] ?? new Float64Array() })).filter((one) => one.t.length && one.t.length === one.v.length);
  const names = [...new Set(series.map((one) => one.name))];
  series.forEach((one) => { one.hue = names.indexOf(one.name); });
  const values = el("div", { class: "values" });
  const chart = { about, series, values, range: rangeOf(about, series) };
  chart.picture = picture({ label: chartLabel(about, series), height: (width) => (width < 560 ? 96 : 118), draw: (context, width, height) => drawChart(chart, view, context, width, height) });
  const note = [about.note, series.some((one) => one.averaged) ? "means over short stretches" : ""].filter(Boolean).join("; ");
  section.append(el("div", { class: "chart", id: `chart-${about.id}` }, el("div", { class: "chart-head" }, el("h3", { text: about.title }), note ? el("span", { class: "small about", text: note }) : null, values), chart.picture.box,
    dataTable(`${about.title}: numbers`, ["series", "least", "mean", "largest", "at the end"], () => series.map((one) => [one.name + (one.dashed ? " (limit)" : ""), ...summaryOf(one).map((value) => quantity(value, about.unit, 4))]))));
  timeGestures(view, chart.picture, {});
  view.listeners.push(chart.picture.redraw, () => chartValues(chart, view));
  repainted.push(() => chartValues(chart, view));
  chartValues(chart, view);
  return chart;
}

function chartLabel(about, series) {
  const parts = series.filter((one) => !one.dashed).slice(0, 6).map((one) => { const [low, , high] = summaryOf(one); return `${one.name} ${quantity(low, about.unit)} to ${quantity(high, about.unit)}`; });
  return `${about.title} over time: ${parts.join(", ")}`;
}

function summaryOf({ t, v }) {
  let low = Infinity;
  let high = -Infinity;
  let area = 0;
  for (let place = 0; place < v.length; place += 1) {
    low = Math.min(low, v[place]);
    high = Math.max(high, v[place]);
    if (place + 1 < t.length) area += v[place] * (t[place + 1] - t[place]);
  }
  const span = t[t.length - 1] - t[0];
  return [low, span > 0 ? area / span : v[0], high, v[v.length - 1]];
}

function rangeOf(about, series) {
  let low = Infinity;
  let high = -Infinity;
  if (about.stacked) {
    const rows = series[0]?.v.length ?? 0;
    for (let row = 0; row < rows; row += 1) high = Math.max(high, series.reduce((sum, one) => sum + one.v[row], 0));
    low = 0;
  } else {
    for (const one of series) { const [least, , most] = summaryOf(one); low = Math.min(low, least); high = Math.max(high, most); }
  }
  if (about.unit !== "degC") low = Math.min(low, 0);
  if (about.unit === "share") [low, high] = [0, 1];
  const span = Math.max(high - low, about.unit === "degC" ? 5 : 1e-12);
  for (const level of about.levels) if (level.value > high && level.value - low <= 2.2 * span) high = level.value;
  return [low, high + 0.06 * Math.max(high - low, about.unit === "degC" ? 5 : 1e-12)];
}

function drawChart(chart, view, context, width, height) {
  const [low, high] = chart.range;
  const gutter = gutterOf(width);
  const top = 6;
  const bottom = height - 22;
  const y = (value) => bottom - ((value - low) / (high - low)) * (bottom - top);
  drawTimeAxis(context, view, width, height - 9);
  context.textAlign = "right";
  const ticks = steps(low, high, 3, chart.about.unit).values;
  for (const tick of ticks) {
    context.strokeStyle = ink("grid");
    context.lineWidth = 1;
    line(context, gutter, Math.round(y(tick)) + 0.5, width - 8, Math.round(y(tick)) + 0.5);
    context.fillStyle = ink("muted");
    context.fillText(quantity(tick, chart.about.unit), gutter - 6, y(tick));
  }
  context.save();
  context.beginPath();
  context.rect(gutter, 0, width - gutter - 8, bottom + 1);
  context.clip();
  if (chart.about.stacked) drawStack(chart, view, context, width, y);
  else chart.series.forEach((one) => drawCurve(one, view, context, width, y));
  context.restore();
  drawLevels(chart, context, width, y, top);
  drawCursor(context, view, width, top, bottom);
}

function drawLevels(chart, context, width, y, top) {
  context.textAlign = "right";
  context.lineWidth = 1.2;
  const at = levelsShown(chart.about.levels).filter((level) => level.value <= chart.range[1] && level.value >= chart.range[0]);
  let last = -Infinity;
  for (const level of at.sort((a, b) => b.value - a.value)) {
    context.setLineDash([2, 3]);
    context.strokeStyle = ink("bad");
    line(context, gutterOf(width), y(level.value), width - 8, y(level.value));
    context.setLineDash([]);
    const below = Math.max(y(level.value) - 7, top + 2);
    if (below - last < 13) continue;
    context.fillStyle = ink("bad");
    context.fillText(fitted(context, `${level.name} ${quantity(level.value, chart.about.unit)}`, width - gutterOf(width) - 20), width - 12, below);
    last = below;
  }
}

// Of a series with many levels the lowest and the highest.
function levelsShown(levels) {
  const found = new Map();
  for (const series of new Set(levels.map((level) => level.series))) {
    const own = levels.filter((level) => level.series === series).sort((a, b) => a.value - b.value);
    for (const level of own.length > 2 ? [own[0], own[own.length - 1]] : own) found.set(level.value, level);
  }
  return [...found.values()];
}

// Steps of one curve between the moments that are seen; where many rows share a pixel, their range.
function stepsSeen(one, view, width, visit) {
  const { t, v } = one;
  const first = Math.max(upper(t, view.from) - 1, 0);
  const last = Math.min(lower(t, view.to) + 1, t.length - 1);
  let x = -Infinity;
  for (let place = first; place <= last; place += 1) {
    let row = place;
    const here = view.x(t[row], width);
    if (here - x < 0.5 && place < last) {
      let best = row;
      while (place + 1 < last && view.x(t[place + 1], width) - x < 0.5) { place += 1; if (v[place] > v[best]) best = place; }
      row = best;
    }
    x = here;
    visit(x, v[row], row);
  }
}

function drawCurve(one, view, context, width, y) {
  context.strokeStyle = hue(one.hue);
  context.lineWidth = one.dashed ? 1.2 : 1.8;
  context.setLineDash(one.dashed ? [5, 4] : []);
  context.beginPath();
  let before = null;
  stepsSeen(one, view, width, (x, value) => {
    if (before === null) context.moveTo(x, y(value));
    else { context.lineTo(x, y(before)); context.lineTo(x, y(value)); }
    before = value;
  });
  context.stroke();
  context.setLineDash([]);
}

function drawStack(chart, view, context, width, y) {
  const base = new Float64Array(chart.series[0]?.v.length ?? 0);
  for (const one of chart.series) {
    const lowerEdge = [];
    const upperEdge = [];
    let before = null;
    stepsSeen(one, view, width, (x, value, row) => {
      if (before !== null) { lowerEdge.push([x, y(before[0])]); upperEdge.push([x, y(before[1])]); }
      before = [base[row], base[row] + value];
      lowerEdge.push([x, y(before[0])]);
      upperEdge.push([x, y(before[1])]);
    });
    for (let row = 0; row < base.length; row += 1) base[row] += one.v[row];
    context.fillStyle = hue(one.hue);
    context.beginPath();
    for (const [x, at] of upperEdge) context.lineTo(x, at);
    for (const [x, at] of lowerEdge.reverse()) context.lineTo(x, at);
    context.fill();
  }
}

// The legend tells values at the cursor, else at the end of what is seen.
function chartValues(chart, view) {
  const at = view.cursor ?? view.to;
  const parts = chart.series.filter((one) => !one.dashed).map((one) => {
    const row = Math.max(upper(one.t, at) - 1, 0);
    return [one, one.v[row]];
  });
  if (chart.values.childElementCount !== parts.length) {
    chart.values.replaceChildren(...parts.map(([one]) => el("span", { class: "value" }, el("span", { class: "swatch" }), el("bdi", { text: one.name || chart.about.title }), el("span", { class: "figure" }))));
  }
  parts.forEach(([one, value], number) => {
    const [swatch, , figure] = chart.values.children[number].children;
    swatch.style.background = hue(one.hue);
    figure.textContent = quantity(value, chart.about.unit);
  });
}
