// Canvases as sharp as the screen, redrawn once a frame at most, and only while they can be seen.
function picture({ label, height, draw, focusable = false, role = "img" }) {
  const canvas = el("canvas", { role, "aria-label": label, tabindex: focusable ? "0" : null });
  const box = el("div", { class: "picture" }, canvas);
  const self = { canvas, box, width: 0, height: 0, context: canvas.getContext("2d"), dirty: true, seen: true };
  const paint = () => {
    self.dirty = false;
    const width = box.clientWidth;
    if (!width) return;
    const tall = typeof height === "function" ? height(width) : height;
    const ratio = Math.min(window.devicePixelRatio || 1, 2);
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(tall * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(tall * ratio);
      canvas.style.width = `${width}px`;
      canvas.style.height = `${tall}px`;
    }
    self.width = width;
    self.height = tall;
    self.context.setTransform(ratio, 0, 0, ratio, 0, 0);
    self.context.clearRect(0, 0, width, tall);
    self.context.font = `12px ${FONT}`;
    self.context.textBaseline = "middle";
    draw(self.context, width, tall);
  };
  self.paintNow = paint;
  self.redraw = () => {
    if (self.dirty) return;
    self.dirty = true;
    requestAnimationFrame(() => self.dirty && self.seen && paint());
  };
  new ResizeObserver(() => { self.dirty = false; self.redraw(); }).observe(box);
  new IntersectionObserver((entries) => {
    self.seen = entries.some((entry) => entry.isIntersecting);
    if (self.seen && self.dirty) paint();
  }, { rootMargin: "200px" }).observe(box);
  repainted.push(self.redraw);
  window.addEventListener("beforeprint", paint);
  return self;
}

const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif';

// Text cut to a width; names can be thousands of characters long.
function fitted(context, text, width) {
  let shown = text.length > 200 ? `${text.slice(0, 199)}…` : text;
  if (width < 14) return "";
  while (shown.length > 1 && context.measureText(shown).width > width) shown = `${shown.slice(0, Math.max(1, Math.floor(shown.length * 0.8) - 1))}…`;
  return shown.length > 1 || text.length === 1 ? shown : "";
}

function line(context, x1, y1, x2, y2) {
  context.beginPath();
  context.moveTo(x1, y1);
  context.lineTo(x2, y2);
  context.stroke();
}

function place(event, element) {
  const box = element.getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
}
