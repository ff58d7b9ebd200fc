// Numbers as people read them. Data are SI; prefixes appear here and nowhere else.
const PREFIXES = [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"], [1, ""], [1e-3, "m"], [1e-6, "µ"], [1e-9, "n"], [1e-12, "p"]];
const BINARY = [[2 ** 40, "Ti"], [2 ** 30, "Gi"], [2 ** 20, "Mi"], [2 ** 10, "Ki"], [1, ""]];

function digits(value, count = 3) {
  if (value === 0) return "0";
  const shown = Number(value.toPrecision(count));
  const size = Math.abs(shown);
  return size >= 1e6 || size < 1e-4 ? shown.toExponential(Math.max(count - 1, 0)) : String(shown);
}

function prefixed(value, unit, count, table) {
  if (value === 0) return `0 ${unit}`;
  const size = Math.abs(Number(value.toPrecision(count)));
  const [scale, prefix] = table.find(([least]) => size >= least) ?? table[table.length - 1];
  return `${digits(value / scale, count)} ${prefix}${unit}`;
}

function quantity(value, unit = "1", count = 3) {
  if (value === null || value === undefined || Number.isNaN(value)) return "unknown";
  if (unit === "1") return digits(value, Math.max(count, 4));
  if (unit === "share") return `${digits(100 * value, count)} %`;
  if (unit === "degC") return `${value.toFixed(1)} °C`;
  if (unit === "s") return duration(value, count);
  if (unit === "B") return prefixed(value, "B", count, BINARY);
  if (["currency", "currency/h", "state", "1/J", "/s"].includes(unit)) return `${digits(value, count)} ${unit}`;
  return prefixed(value, unit, count, PREFIXES);
}

function duration(seconds, count = 3) {
  const size = Math.abs(seconds);
  if (size < 120) return prefixed(seconds, "s", count, PREFIXES.slice(4));
  if (size < 7200) return `${digits(seconds / 60, count)} min`;
  if (size < 172800) return `${digits(seconds / 3600, count)} h`;
  return `${digits(seconds / 86400, count)} d`;
}

// A moment on the axis, with as many digits as neighbours at distance `step` need to differ.
function moment(seconds, step) {
  if (step >= 60) {
    const whole = Math.round(seconds);
    const two = (number) => String(number).padStart(2, "0");
    const minutes = Math.floor(whole / 60);
    return minutes >= 60 ? `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(whole % 60)} h` : `${minutes}:${two(whole % 60)} min`;
  }
  const places = Math.min(Math.max(0, -Math.floor(Math.log10(Math.max(step, 1e-12)) + 1e-9)), 9);
  return `${seconds.toFixed(places)} s`;
}

const LONG_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 240, 360, 720, 1440].map((minutes) => 60 * minutes);

// Round steps that cut a range into at most `most` parts; of bytes in powers of two, of long times in minutes and hours.
function steps(from, to, most, unit = "") {
  const raw = (to - from) / Math.max(most, 1);
  if (!(raw > 0) || !Number.isFinite(raw)) return { step: 1, values: [from] };
  const power = 10 ** Math.floor(Math.log10(raw));
  let step = power * [1, 2, 5, 10].find((factor) => factor * power >= raw * (1 - 1e-9));
  if (unit === "B") step = 2 ** Math.ceil(Math.log2(raw) - 1e-9);
  if (unit === "s" && raw > 20) step = LONG_STEPS.find((length) => length >= raw) ?? 86400 * Math.ceil(raw / 86400);
  const values = [];
  for (let number = Math.ceil(from / step - 1e-9); number * step <= to * (1 + 1e-12) + step * 1e-9 && values.length < 200; number += 1) values.push(number * step);
  return { step, values };
}

function words(name) {
  const text = String(name).replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}
