// The plan of a model's activations: where in the arena each buffer lies, and from which kernel to which.
function buffersCard() {
  const models = data.models.models.filter((model) => model.plan.buffers.length);
  if (!models.length) return;
  const section = card("buffers", "Memory plan", "Each rectangle is an activation: as wide as it is alive, as high as it is large, at its place in the arena. Buffers at the top of the tallest stack set the peak.");
  const state = { model: models[0], drawn: [] };
  const label = () => `Memory plan of ${state.model.name}: arena of ${quantity(state.model.plan.arena_bytes, "B")} with ${state.model.plan.buffers.length} buffers; no plan could be smaller than ${quantity(state.model.plan.lower_bound_bytes, "B")}`;
  const pictured = picture({ label: label(), height: 280, focusable: true, draw: (context, width, height) => drawBuffers(state, context, width, height, pictured?.marked ?? -1) });
  const facts = el("p", { class: "small about" });
  const tableBox = el("div");
  const update = () => {
    const { plan } = state.model;
    pictured.canvas.setAttribute("aria-label", label());
    facts.textContent = `arena ${quantity(plan.arena_bytes, "B", 4)}, at least ${quantity(plan.lower_bound_bytes, "B", 4)} for any plan; weights ${quantity(state.model.weights_bytes, "B", 4)}${plan.left_out ? `; ${plan.left_out} smaller buffers are not drawn` : ""}`;
    tableBox.replaceChildren(dataTable("Memory plan: numbers", ["tensor", "size", "offset", "from kernel", "to kernel"], () => plan.buffers.map(([name, size, first, last, offset]) => [name, quantity(size, "B", 4), quantity(offset, "B", 4), String(first), String(last)])));
    pictured.redraw();
  };
  if (models.length > 1) section.append(el("div", { class: "tools" }, select("Model", models.map((model) => [model.name, model.name]), models[0].name, (name) => { state.model = models.find((model) => model.name === name); update(); })));
  section.append(facts, pictured.box, tableBox);
  pointable(pictured, () => state.drawn);
  update();
}

function drawBuffers(state, context, width, height, marked) {
  const { plan } = state.model;
  const last = plan.buffers.reduce((most, buffer) => Math.max(most, buffer[3]), 0) + 1;
  const axes = frame(context, width, height, { x: scaleOf(0, last, false), y: scaleOf(0, plan.arena_bytes * 1.04, false), xText: "kernel", yText: "offset", xUnit: (value) => digits(value, 6), yUnit: "B" });
  state.drawn = plan.buffers.map(([name, size, first, end, offset], number) => {
    const [x, y] = [axes.x(first), axes.y(offset + size)];
    const [wide, tall] = [Math.max(axes.x(end + 1) - x, 1), Math.max(axes.y(offset) - y, 0.5)];
    context.globalAlpha = number === marked ? 1 : 0.72;
    context.fillStyle = hue(number);
    context.fillRect(x, y, wide, tall);
    context.globalAlpha = 1;
    context.lineWidth = number === marked ? 2 : 0.5;
    context.strokeStyle = number === marked ? ink("text") : ink("card");
    context.strokeRect(x, y, wide, tall);
    return { x: x + wide / 2, y: y + tall / 2, lines: [name, `${quantity(size, "B", 4)} at ${quantity(offset, "B", 4)}`, `kernels ${first} to ${end}`] };
  });
  context.setLineDash([5, 4]);
  context.strokeStyle = ink("bad");
  context.lineWidth = 1.2;
  line(context, axes.box.left, axes.y(plan.lower_bound_bytes), axes.box.right, axes.y(plan.lower_bound_bytes));
  context.setLineDash([]);
}
