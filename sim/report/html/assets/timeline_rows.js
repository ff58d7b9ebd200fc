// Rows of the timeline: sorted spans that never overlap in a row, with sums that tell how busy it was between any two moments.
const NS = 1e-9;

function timelineRows(columns) {
  const about = data.timeline;
  const rows = about.request_lanes.map((lane, number) => requestRow(columns, lane, number));
  about.lanes.forEach((lane, number) => rows.push(spanRow(columns, lane, number)));
  return rows;
}

function sliceOf(numbers, wanted) {
  return [lower(numbers, wanted), upper(numbers, wanted)];
}

function withSums(row) {
  const { starts, ends } = row;
  const busy = new Float64Array(starts.length + 1);
  for (let place = 0; place < starts.length; place += 1) busy[place + 1] = busy[place] + Math.max(ends[place] - starts[place], 0);
  row.busy = busy;
  return row;
}

function spanRow(columns, lane, number) {
  const [low, high] = sliceOf(columns.span_lane, number);
  const part = (name) => columns[`span_${name}`].subarray(low, high);
  const row = { label: lane.name, kind: lane.kind, first: low, height: 26, starts: part("start").map((value) => value * NS), ends: part("end").map((value) => value * NS) };
  row.colours = part("stage");
  if (columns.span_occupancy) row.bins = columns.span_occupancy.subarray(number * data.timeline.bins, (number + 1) * data.timeline.bins);
  return withSums(row);
}

function requestRow(columns, lane, number) {
  const [low, high] = sliceOf(columns.request_lane, number);
  const part = (name) => columns[`request_${name}`].subarray(low, high);
  const row = { label: lane.name, kind: "request", workload: lane.workload, crowded: lane.crowded, first: low, height: 13, starts: part("arrival").map((value) => value * NS) };
  row.ends = part("end").map((value) => value * NS);
  if (lane.crowded) for (let place = 0; place + 1 < row.ends.length; place += 1) row.ends[place] = Math.min(row.ends[place], row.starts[place + 1]);
  row.colours = part("status");
  return withSums(row);
}

// Seconds that a row was busy from the start of the run until `at`; `hint` is where the search may begin.
function busyUntil(row, at, hint) {
  const place = upper(row.starts, at, hint);
  if (!place) return [0, 0];
  return [row.busy[place - 1] + Math.min(Math.max(at - row.starts[place - 1], 0), Math.max(row.ends[place - 1] - row.starts[place - 1], 0)), place - 1];
}

// Rectangles of a row: `emit(colour, x, width, share, place)`; share 1 for a single span, else how busy that pixel was.
function layoutRow(row, view, width, emit) {
  const low = lower(row.ends, view.from);
  const high = lower(row.starts, view.to, low);
  const x0 = gutterOf(width);
  const pixels = width - x0 - 8;
  const scale = pixels / (view.to - view.from);
  if (row.bins) layoutBins(row, view, x0, pixels, emit);
  if (high - low <= pixels * 1.2) {
    for (let place = low; place < high; place += 1) {
      const left = Math.max(x0 + (row.starts[place] - view.from) * scale, x0);
      const right = Math.min(x0 + (row.ends[place] - view.from) * scale, x0 + pixels);
      emit(row.colours[place], left, Math.max(right - left, 1), 1, place);
    }
    return;
  }
  let [before, hint] = busyUntil(row, view.from, low);
  for (let pixel = 0; pixel < pixels; pixel += 1) {
    const until = view.from + (pixel + 1) / scale;
    const from = hint;
    const [after, next] = busyUntil(row, until, hint);
    const share = (after - before) * scale;
    if (share > 0.002) emit(dominant(row, from, next), x0 + pixel, 1, Math.min(share, 1), -1);
    before = after;
    hint = next;
  }
}

// Outside of what the page holds span by span: how busy the row was, in a neutral colour.
function layoutBins(row, view, x0, pixels, emit) {
  const [keptFrom, keptTo] = data.timeline.kept_s;
  const perBin = view.end / row.bins.length;
  for (let pixel = 0; pixel < pixels; pixel += 2) {
    const at = view.from + ((pixel + 1) / pixels) * (view.to - view.from);
    if (at >= keptFrom && at <= keptTo) continue;
    const share = row.bins[Math.min(Math.floor(at / perBin), row.bins.length - 1)] / 255;
    if (share > 0) emit(-1, x0 + pixel, 2, share, -1);
  }
}

// The colour of the longest of the first few spans from one place to another.
function dominant(row, from, to) {
  let best = from;
  const last = Math.min(to, from + 6);
  for (let place = from; place <= last; place += 1) {
    if (row.ends[place] - row.starts[place] > row.ends[best] - row.starts[best]) best = place;
  }
  return row.colours[best];
}

// The span at a moment, or the nearest within `slack` seconds; -1: none.
function spanAt(row, at, slack) {
  const place = upper(row.starts, at) - 1;
  if (place >= 0 && row.ends[place] >= at) return place;
  const before = place >= 0 ? at - row.ends[place] : Infinity;
  const after = place + 1 < row.starts.length ? row.starts[place + 1] - at : Infinity;
  if (Math.min(before, after) > slack) return -1;
  return before <= after ? place : place + 1;
}
