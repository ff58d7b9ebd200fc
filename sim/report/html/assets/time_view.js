// The stretch of time that the timeline and every chart below it show, and the moment that the cursor is at.
const GUTTER = { wide: 118, narrow: 64 };

function gutterOf(width) {
  return width < 560 ? GUTTER.narrow : GUTTER.wide;
}

function timeView(end) {
  const least = Math.max(end * 1e-9, 1e-8);
  const view = { from: 0, to: end, end, cursor: null, listeners: [] };
  view.tell = () => view.listeners.forEach((listener) => listener());
  view.show = (from, to) => {
    const length = Math.min(Math.max(to - from, least), end);
    view.from = Math.min(Math.max((from + to - length) / 2, 0), end - length);
    view.to = view.from + length;
    view.tell();
  };
  view.zoom = (factor, at = (view.from + view.to) / 2) => {
    const length = Math.min(Math.max((view.to - view.from) * factor, least), end);
    const share = (at - view.from) / (view.to - view.from);
    const from = Math.min(Math.max(at - share * length, 0), end - length);
    view.from = from;
    view.to = from + length;
    view.tell();
  };
  view.pan = (by) => {
    const length = view.to - view.from;
    view.from = Math.min(Math.max(view.from + by, 0), end - length);
    view.to = view.from + length;
    view.tell();
  };
  view.point = (at) => {
    view.cursor = at === null ? null : Math.min(Math.max(at, 0), end);
    view.tell();
  };
  view.all = () => view.show(0, end);
  view.x = (at, width) => gutterOf(width) + ((at - view.from) / (view.to - view.from)) * (width - gutterOf(width) - 8);
  view.at = (x, width) => view.from + ((x - gutterOf(width)) / (width - gutterOf(width) - 8)) * (view.to - view.from);
  return view;
}

// Wheel, drag and pinch over a canvas move the view. `tapped(x, y)` and `hovered(x, y, event)` get what is neither.
function timeGestures(view, pictured, { tapped = () => {}, hovered = () => {}, left = () => {} }) {
  const { canvas } = pictured;
  const pointers = new Map();
  let moved = 0;
  const perPixel = () => (view.to - view.from) / Math.max(pictured.width - gutterOf(pictured.width) - 8, 1);
  canvas.addEventListener("wheel", (event) => {
    const along = Math.abs(event.deltaX) > Math.abs(event.deltaY) || event.shiftKey;
    const zooms = event.ctrlKey || event.metaKey || document.activeElement === canvas;
    if (!along && !zooms) return; // the page scrolls
    event.preventDefault();
    const unit = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? 400 : 1;
    if (along) view.pan((event.deltaX || event.deltaY) * unit * perPixel());
    else view.zoom(Math.exp(Math.min(Math.max(event.deltaY * unit, -300), 300) * 0.002), view.at(place(event, canvas)[0], pictured.width));
  }, { passive: false });
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button > 0) return;
    pointers.set(event.pointerId, event.clientX);
    moved = 0;
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    const before = pointers.get(event.pointerId);
    const [x, y] = place(event, canvas);
    if (before === undefined) {
      view.point(x >= gutterOf(pictured.width) ? view.at(x, pictured.width) : null);
      hovered(x, y, event);
      return;
    }
    moved += Math.abs(event.clientX - before);
    const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
    pointers.set(event.pointerId, event.clientX);
    if (other === undefined) {
      if (moved > 3) view.pan((before - event.clientX) * perPixel());
    } else {
      const was = Math.max(Math.abs(before - other), 8);
      const is = Math.max(Math.abs(event.clientX - other), 8);
      view.zoom(was / is, view.at((event.clientX + other) / 2 - canvas.getBoundingClientRect().left, pictured.width));
    }
  });
  const lifted = (event) => {
    const was = pointers.delete(event.pointerId);
    if (was && event.type === "pointerup" && moved <= 3) tapped(...place(event, canvas), event);
  };
  canvas.addEventListener("pointerup", lifted);
  canvas.addEventListener("pointercancel", lifted);
  canvas.addEventListener("pointerleave", () => {
    if (pointers.size) return;
    view.point(null);
    hideTip();
    left();
  });
}

function drawTimeAxis(context, view, width, y, below = null) {
  const gutter = gutterOf(width);
  const { step, values } = steps(view.from, view.to, Math.max(2, Math.floor((width - gutter) / 110)), "s");
  context.textAlign = "center";
  for (const value of values) {
    const x = view.x(value, width);
    if (x < gutter - 1 || x > width - 7) continue;
    if (below !== null) {
      context.strokeStyle = ink("grid");
      context.lineWidth = 1;
      line(context, Math.round(x) + 0.5, y + 8, Math.round(x) + 0.5, below);
    }
    if (y >= 0) {
      const text = moment(value, step);
      const half = context.measureText(text).width / 2;
      context.fillStyle = ink("muted");
      context.fillText(text, Math.min(Math.max(x, gutter + half), width - half - 1), y);
    }
  }
}

function drawCursor(context, view, width, top, bottom) {
  if (view.cursor === null) return;
  const x = view.x(view.cursor, width);
  if (x < gutterOf(width) || x > width - 8) return;
  context.strokeStyle = ink("cursor");
  context.lineWidth = 1;
  line(context, Math.round(x) + 0.5, top, Math.round(x) + 0.5, bottom);
}
