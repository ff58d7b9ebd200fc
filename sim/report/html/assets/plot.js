// Frames of plots that are not over the run's time: axes, ticks, points to hover and to walk through with the keys.
function scaleOf(low, high, logarithmic) {
  if (logarithmic) {
    const [from, to] = [Math.log10(low), Math.log10(high)];
    return { low, high, logarithmic, at: (value) => (Math.log10(Math.max(value, low * 1e-6)) - from) / (to - from || 1) };
  }
  return { low, high, logarithmic, at: (value) => (value - low) / (high - low || 1) };
}

function widened(values, logarithmic) {
  const low = Math.min(...values);
  const high = Math.max(...values);
  if (logarithmic) return scaleOf(low / 1.6, high * 1.6, true);
  const room = (high - low || Math.abs(high) || 1) * 0.06;
  return scaleOf(low - room, high + room, false);
}

function ticksOf(scale, most, unit = "") {
  if (!scale.logarithmic) return steps(scale.low, scale.high, most, unit).values;
  const found = [];
  for (let power = Math.ceil(Math.log10(scale.low) - 1e-9); power <= Math.log10(scale.high) + 1e-9; power += 1) found.push(10 ** power);
  if (found.length >= 2) return found.filter((_, place) => place % Math.ceil(found.length / most) === 0);
  return steps(scale.low, scale.high, most).values.filter((value) => value > 0);
}

function frame(context, width, height, { x, y, xText, yText, xUnit, yUnit, left }) {
  const box = { left: left ?? (width < 560 ? 62 : 84), right: width - 12, top: 12, bottom: height - 40 };
  const self = { box, x: (value) => box.left + x.at(value) * (box.right - box.left), y: (value) => box.bottom - y.at(value) * (box.bottom - box.top) };
  context.lineWidth = 1;
  context.textAlign = "center";
  for (const tick of ticksOf(x, Math.max(2, Math.floor((box.right - box.left) / 80)))) {
    context.strokeStyle = ink("grid");
    line(context, self.x(tick), box.top, self.x(tick), box.bottom);
    context.fillStyle = ink("muted");
    context.fillText(typeof xUnit === "function" ? xUnit(tick) : quantity(tick, xUnit), Math.min(Math.max(self.x(tick), box.left + 10), box.right - 14), box.bottom + 11);
  }
  context.textAlign = "right";
  for (const tick of ticksOf(y, Math.max(2, Math.floor((box.bottom - box.top) / 44)), yUnit)) {
    context.strokeStyle = ink("grid");
    line(context, box.left, self.y(tick), box.right, self.y(tick));
    context.fillStyle = ink("muted");
    context.fillText(typeof yUnit === "function" ? yUnit(tick) : quantity(tick, yUnit), box.left - 6, self.y(tick));
  }
  context.strokeStyle = ink("muted");
  line(context, box.left, box.bottom, box.right, box.bottom);
  context.fillStyle = ink("text");
  context.textAlign = "center";
  context.fillText(fitted(context, xText, box.right - box.left), (box.left + box.right) / 2, height - 10);
  context.save();
  context.translate(9, (box.top + box.bottom) / 2);
  context.rotate(-Math.PI / 2);
  context.fillText(fitted(context, yText, box.bottom - box.top), 0, 0);
  context.restore();
  return self;
}

// `points()`: [{x, y, lines}] in pixels as last drawn. Hovering, tapping and the arrow keys tell about the nearest.
function pointable(pictured, points, chosen = () => {}) {
  const { canvas } = pictured;
  let at = -1;
  const tell = (number) => {
    const point = points()[number];
    if (!point) return;
    at = number;
    pictured.marked = number;
    pictured.redraw();
    const box = canvas.getBoundingClientRect();
    showTip(point.lines, box.left + point.x, box.top + point.y);
    canvas.setAttribute("aria-description", point.lines.join(", "));
    chosen(point);
  };
  const near = (event) => {
    const [x, y] = place(event, canvas);
    let best = -1;
    let least = 26 * 26;
    points().forEach((point, number) => {
      const distance = (point.x - x) ** 2 + (point.y - y) ** 2;
      if (distance < least) { least = distance; best = number; }
    });
    if (best >= 0) tell(best);
    else { pictured.marked = -1; hideTip(); pictured.redraw(); }
  };
  canvas.addEventListener("pointermove", near);
  canvas.addEventListener("pointerdown", near);
  canvas.addEventListener("pointerleave", () => { pictured.marked = -1; hideTip(); pictured.redraw(); });
  canvas.addEventListener("blur", hideTip);
  canvas.addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!by || !points().length) return;
    event.preventDefault();
    tell((at + by + points().length) % points().length);
  });
}

function dot(context, x, y, radius, filled, marked) {
  context.beginPath();
  context.arc(x, y, marked ? radius + 3 : radius, 0, 2 * Math.PI);
  context.fillStyle = filled;
  context.fill();
  context.lineWidth = marked ? 2 : 1;
  context.strokeStyle = marked ? ink("text") : ink("card");
  context.stroke();
}
