// Where the energy went, as a Sankey diagram: components, the device, workloads.
function energyCard() {
  const { energy } = data;
  if (!(energy.total_j > 0)) return;
  const section = card("energy", "Energy", `${quantity(energy.total_j, "J", 4)} in the whole run. Left: the components that drew it. Right: what requests' own activity took; the rest is drawn whatever runs (base power, idling, leakage).`);
  const left = Object.entries(energy.components).filter(([, value]) => value > 0).sort((a, b) => b[1] - a[1]);
  const right = energy.workloads ? [...Object.entries(energy.workloads).filter(([, value]) => value > 0).sort((a, b) => b[1] - a[1]), ["standing", Math.max(energy.standing_j, 0)]] : [];
  const rows = Math.max(left.length, right.length);
  const label = `Energy: ${left.map(([name, value]) => `${name} ${quantity(value, "J")}`).join(", ")}`;
  const state = { left, right, drawn: [], total: energy.total_j };
  const pictured = picture({ label, height: Math.max(220, rows * 34), focusable: true, draw: (context, width, height) => drawSankey(state, context, width, height, pictured?.marked ?? -1) });
  pointable(pictured, () => state.drawn);
  section.append(pictured.box, dataTable("Energy: numbers", ["part", "energy", "share"], () => [...left, ...right.map(([name, value]) => [`requests of ${name}`.replace("requests of standing", "standing"), value])].map(([name, value]) => [name, quantity(value, "J", 4), quantity(value / energy.total_j, "share")])));
}

function drawSankey(state, context, width, height, marked) {
  const gap = 8;
  const rows = Math.max(state.left.length, state.right.length, 1);
  const scale = (height - 20 - gap * (rows - 1)) / state.total;
  const names = Math.min(Math.max(width * 0.24, 84), 200);
  const [xLeft, xMiddle, xRight] = [names, width / 2, width - names];
  state.drawn = [];
  const middleTop = (height - state.total * scale) / 2;
  const sides = state.right.length ? [[state.left, xLeft, -1], [state.right, xRight, 1]] : [[state.left, xLeft, -1]];
  for (const [parts, x, side] of sides) {
    const used = parts.reduce((sum, [, value]) => sum + value, 0) * scale + gap * (parts.length - 1);
    let y = (height - used) / 2;
    let inner = middleTop;
    let lastText = -Infinity;
    parts.forEach(([name, value], number) => {
      const tall = value * scale;
      const filled = name === "standing" && side > 0 ? ink("muted") : hue(number + (side > 0 ? 4 : 0));
      const isMarked = marked === state.drawn.length;
      flow(context, x + side * -10, y, xMiddle + side * 7, inner, tall, filled, isMarked ? 0.75 : 0.38);
      context.fillStyle = filled;
      context.fillRect(side < 0 ? x : x - 10, y, 10, Math.max(tall, 1));
      const centre = Math.max(y + tall / 2, lastText + 13);
      context.fillStyle = ink("text");
      context.textAlign = side < 0 ? "right" : "left";
      context.fillText(fitted(context, `${name} ${quantity(value / state.total, "share", 2)}`, names - 10), x + side * 6, Math.min(centre, height - 7));
      lastText = centre;
      state.drawn.push({ x: x + side * -30, y: y + tall / 2, lines: [name, quantity(value, "J", 4), quantity(value / state.total, "share")] });
      y += tall + gap;
      inner += tall;
    });
  }
  context.fillStyle = ink("text");
  context.fillRect(xMiddle - 7, middleTop, 14, state.total * scale);
}

function flow(context, x1, y1, x2, y2, tall, filled, alpha) {
  const middle = (x1 + x2) / 2;
  context.globalAlpha = alpha;
  context.fillStyle = filled;
  context.beginPath();
  context.moveTo(x1, y1);
  context.bezierCurveTo(middle, y1, middle, y2, x2, y2);
  context.lineTo(x2, y2 + Math.max(tall, 0.6));
  context.bezierCurveTo(middle, y2 + tall, middle, y1 + tall, x1, y1 + Math.max(tall, 0.6));
  context.fill();
  context.globalAlpha = 1;
}
