// The report's data: JSON at once, columns when they are unpacked.
const data = JSON.parse(document.getElementById("edgesim-data").textContent);

function bytesOf(text) {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let place = 0; place < binary.length; place += 1) bytes[place] = binary.charCodeAt(place);
  return bytes;
}

async function inflated(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// Bytes of equal weight stand together: plane k holds byte k of every row.
function wholeNumbers(bytes, start, rows) {
  const values = new Float64Array(rows);
  let value = 0;
  for (let row = 0; row < rows; row += 1) {
    let low = 0;
    let high = 0;
    for (let plane = 3; plane >= 0; plane -= 1) {
      low = low * 256 + bytes[start + plane * rows + row];
      high = (high << 8) | bytes[start + (plane + 4) * rows + row];
    }
    value += high * 4294967296 + low;
    values[row] = value;
  }
  return values;
}

function floats(bytes, start, rows) {
  const joined = new Uint8Array(rows * 8);
  for (let plane = 0; plane < 8; plane += 1) {
    for (let row = 0; row < rows; row += 1) joined[row * 8 + plane] = bytes[start + plane * rows + row];
  }
  const view = new DataView(joined.buffer);
  return Float64Array.from({ length: rows }, (_, row) => view.getFloat64(row * 8, true));
}

async function unpackedColumns() {
  const element = document.getElementById("edgesim-columns");
  const bytes = await inflated(bytesOf(element.textContent));
  const columns = {};
  let place = 0;
  for (const { name, kind, rows } of data.columns) {
    columns[name] = kind === "i" ? wholeNumbers(bytes, place, rows) : floats(bytes, place, rows);
    place += rows * 8;
  }
  return columns;
}

// First position whose value is at least (lower) or more than (upper) `wanted`, in ascending values[from .. to).
function lower(values, wanted, from = 0, to = values.length) {
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (values[middle] < wanted) from = middle + 1;
    else to = middle;
  }
  return from;
}

function upper(values, wanted, from = 0, to = values.length) {
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (values[middle] <= wanted) from = middle + 1;
    else to = middle;
  }
  return from;
}
