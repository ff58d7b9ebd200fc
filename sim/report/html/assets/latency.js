// How long requests took: cumulative distribution and histogram with the deadline and percentiles.
function latencyCard(columns) {
  const section = card("latency", "Latency", "From arrival to answer, of requests that arrived after the warm-up and were answered.");
  for (const one of data.latency) latencyPair(section, one, columns);
}

function latencyPair(section, one, columns) {
  const box = el("div", { class: "pair" });
  section.append(el("h3", {}, el("bdi", { text: one.workload })), box);
  const values = one.column ? columns[one.column] : null;
  if (!values?.length) {
    box.append(el("p", { class: "notice", text: "No rows of single requests were kept; the percentiles are in the table." }));
  } else {
    const marks = latencyMarks(one);
    const cdf = picture({ label: `Cumulative distribution of the latency of ${one.workload}: ${marks.map((mark) => `${mark.name} ${duration(mark.value)}`).join(", ")}`, height: 230, draw: (context, width, height) => drawCdf(values, marks, context, width, height) });
    const [counts, edges] = [columns[`${one.column}_counts`], columns[`${one.column}_edges`]];
    const histogram = picture({ label: `Histogram of the latency of ${one.workload}`, height: 230, draw: (context, width, height) => drawHistogram(counts, edges, marks, context, width, height) });
    box.append(cdf.box);
    if (counts && edges) box.append(histogram.box);
  }
  section.append(dataTable(`Percentiles of ${one.workload}`, ["percentile", "latency"], () => [...Object.entries(one.percentiles).map(([name, value]) => [name, quantity(value, "s", 5)]), ["deadline", one.deadline_s === null ? "none" : quantity(one.deadline_s, "s")]]));
}

function latencyMarks(one) {
  const marks = ["p50", "p99"].filter((name) => typeof one.percentiles[name] === "number").map((name) => ({ name, value: one.percentiles[name], ink: "text" }));
  if (one.deadline_s !== null) marks.push({ name: "deadline", value: one.deadline_s, ink: "bad" });
  return marks;
}

function latencyScale(values, marks) {
  const [low, high] = [values[0], values[values.length - 1]];
  const near = marks.filter((mark) => mark.value <= 4 * high).map((mark) => mark.value);
  const all = [low, high, ...near];
  const logarithmic = low > 0 && high / low > 50;
  const scale = widened(all, logarithmic);
  return !logarithmic && high - low <= 1e-6 * high && !near.some((value) => Math.abs(value - high) > 1e-6 * high) ? scaleOf(low * 0.9, high * 1.1, false) : scale;
}

function drawCdf(values, marks, context, width, height) {
  const axes = frame(context, width, height, { x: latencyScale(values, marks), y: scaleOf(0, 1.02, false), xText: "latency", yText: "share of requests", xUnit: "s", yUnit: "share", left: 62 });
  context.strokeStyle = hue(0);
  context.lineWidth = 2;
  context.beginPath();
  context.moveTo(axes.box.left, axes.y(0));
  const last = values.length - 1;
  values.forEach((value, place) => {
    context.lineTo(axes.x(value), axes.y(last ? place / (last + 1) : 0));
    context.lineTo(axes.x(value), axes.y((place + 1) / (last + 1)));
  });
  context.lineTo(axes.box.right, axes.y(1));
  context.stroke();
  drawMarks(context, axes, marks);
}

function drawHistogram(counts, edges, marks, context, width, height) {
  const most = counts.reduce((a, b) => Math.max(a, b), 1);
  const scale = latencyScale([edges[0], edges[edges.length - 1]], marks);
  const axes = frame(context, width, height, { x: scale, y: scaleOf(0, most * 1.08, false), xText: "latency", yText: "requests", xUnit: "s", yUnit: (value) => digits(value, 4), left: 62 });
  context.fillStyle = hue(0);
  counts.forEach((count, place) => {
    if (!count) return;
    const left = axes.x(edges[place]);
    context.fillRect(left, axes.y(count), Math.max(axes.x(edges[place + 1]) - left - 0.5, 1.5), axes.y(0) - axes.y(count));
  });
  drawMarks(context, axes, marks);
}

function drawMarks(context, axes, marks) {
  let row = 0;
  for (const mark of marks) {
    const x = axes.x(mark.value);
    if (x < axes.box.left || x > axes.box.right) continue;
    context.strokeStyle = ink(mark.ink);
    context.lineWidth = 1.2;
    context.setLineDash(mark.name === "deadline" ? [2, 3] : [5, 3]);
    line(context, x, axes.box.top, x, axes.box.bottom);
    context.setLineDash([]);
    const text = `${mark.name} ${duration(mark.value)}`;
    const flips = x + context.measureText(text).width + 6 > axes.box.right;
    context.textAlign = flips ? "right" : "left";
    context.fillStyle = ink(mark.ink);
    context.fillText(text, x + (flips ? -4 : 4), axes.box.top + 30 + 16 * row);
    row += 1;
  }
}
