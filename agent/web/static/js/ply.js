// PLY files: points with colours, and Gaussian splats (the layout of "3D Gaussian Splatting", Kerbl et al. 2023).

const SIZES = { char: 1, int8: 1, uchar: 1, uint8: 1, short: 2, int16: 2, ushort: 2, uint16: 2, int: 4, int32: 4, uint: 4, uint32: 4, float: 4, float32: 4, double: 8, float64: 8 };
const READ = {
  char: "getInt8", int8: "getInt8", uchar: "getUint8", uint8: "getUint8", short: "getInt16", int16: "getInt16", ushort: "getUint16", uint16: "getUint16",
  int: "getInt32", int32: "getInt32", uint: "getUint32", uint32: "getUint32", float: "getFloat32", float32: "getFloat32", double: "getFloat64", float64: "getFloat64",
};
const C0 = 0.28209479177387814; // of spherical harmonics of degree 0
const MOST_POINTS = 4_000_000;

/** ArrayBuffer -> {count, positions [3N], colours [4N, 0..1], scales [3N] or null, turns [4N] or null}.
 * Throws Error with a line for the person. */
export function readPly(buffer) {
  const { format, elements, start } = readHeader(buffer);
  const vertex = elements.findIndex((element) => element.name === "vertex");
  if (vertex < 0) throw new Error("This file holds no points.");
  const { count, properties } = elements[vertex];
  if (count > MOST_POINTS) throw new Error(`This file holds ${count} points; the viewer shows at most ${MOST_POINTS}.`);
  if (vertex > 0) throw new Error("This file does not begin with its points.");
  if (properties.some((property) => property.list)) throw new Error("Points with lists cannot be shown.");
  const columns = format === "ascii" ? readText(buffer, start, count, properties) : readBinary(buffer, start, count, properties);
  return cloud(count, columns, properties);
}

function readHeader(buffer) {
  const head = new TextDecoder("latin1").decode(buffer.slice(0, 65536));
  const end = /end_header\r?\n/.exec(head);
  if (!head.startsWith("ply") || !end) throw new Error("This is no PLY file.");
  const elements = [];
  let format = "";
  for (const line of head.slice(0, end.index).split(/\r?\n/)) {
    const words = line.trim().split(/\s+/);
    if (words[0] === "format") format = words[1];
    else if (words[0] === "element") elements.push({ name: words[1], count: Number(words[2]), properties: [] });
    else if (words[0] === "property") elements.at(-1)?.properties.push({ type: words[1], name: words.at(-1), list: words[1] === "list" });
  }
  if (format !== "ascii" && format !== "binary_little_endian") throw new Error(`PLY files as ${format || "unknown"} cannot be shown; write binary_little_endian or ascii.`);
  return { format, elements, start: end.index + end[0].length };
}

function readText(buffer, start, count, properties) {
  const numbers = new TextDecoder().decode(new Uint8Array(buffer, start)).split(/\s+/).filter(Boolean);
  if (numbers.length < count * properties.length) throw new Error("This file ends before its last point.");
  return new Map(properties.map(({ name }, column) =>
    [name, Float32Array.from({ length: count }, (_, row) => Number(numbers[row * properties.length + column]))]));
}

function readBinary(buffer, start, count, properties) {
  const width = properties.reduce((sum, { type }) => sum + (SIZES[type] ?? NaN), 0);
  if (!(width > 0)) throw new Error("This file has a kind of number that is not known.");
  if (start + count * width > buffer.byteLength) throw new Error("This file ends before its last point.");
  const view = new DataView(buffer, start);
  const columns = new Map();
  let offset = 0;
  for (const { type, name } of properties) {
    const read = READ[type];
    const column = new Float32Array(count);
    for (let row = 0, place = offset; row < count; row += 1, place += width) column[row] = view[read](place, true);
    columns.set(name, column);
    offset += SIZES[type];
  }
  return columns;
}

const TURN = ["rot_0", "rot_1", "rot_2", "rot_3"];
const SCALE = ["scale_0", "scale_1", "scale_2"];

function cloud(count, columns, properties) {
  const all = (names) => names.every((name) => columns.has(name));
  if (!all(["x", "y", "z"])) throw new Error("The points of this file have no x, y and z.");
  const weave = (names, change = (value) => value) => {
    const woven = new Float32Array(count * names.length);
    names.forEach((name, place) => {
      const column = columns.get(name);
      for (let row = 0; row < count; row += 1) woven[row * names.length + place] = change(column[row]);
    });
    return woven;
  };
  const colours = new Float32Array(count * 4).fill(1);
  const put = (place, column, change) => { for (let row = 0; row < count; row += 1) colours[row * 4 + place] = change(column[row]); };
  const names = ["red", "green", "blue"].map((name) => [name, `diffuse_${name}`].find((one) => columns.has(one)));
  if (all(["f_dc_0", "f_dc_1", "f_dc_2"])) {
    [0, 1, 2].forEach((place) => put(place, columns.get(`f_dc_${place}`), (value) => Math.min(1, Math.max(0, 0.5 + C0 * value))));
  } else if (names.every(Boolean)) {
    const most = properties.find(({ name }) => name === names[0]).type.startsWith("float") ? 1 : 255;
    names.forEach((name, place) => put(place, columns.get(name), (value) => value / most));
  }
  const splats = all(SCALE);
  if (columns.has("opacity") && splats) put(3, columns.get("opacity"), (value) => 1 / (1 + Math.exp(-value)));
  return {
    count,
    positions: weave(["x", "y", "z"]),
    colours,
    scales: splats ? weave(SCALE, Math.exp) : null,
    turns: splats && all(TURN) ? weave(TURN) : null,
  };
}
