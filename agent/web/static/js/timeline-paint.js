// Where the things of a timeline lie, and how they are drawn.

import { time, words } from "./format.js";

export const RULER = 24;
const ROW = 22;
const LOW_ROW = 15; // of lanes with more than FEW_ROWS, whose items overlap
const FEW_ROWS = 3;
const GAP = 6;
const MOST_ROWS = 8;
const NAMES = { shots: "Shots", speech: "Speech", text: "Text", people: "People", things: "Things", sound: "Sound", events: "Events", evidence: "Evidence" };
const COLOURS = {
  shots: "#7c8aa5", speech: "#3aa0a8", text: "#c08a2e", people: "#c2599b", things: "#5f9b4b", sound: "#8b6fc9", events: "#a8705a",
  camera: "#5b8fc9", colour: "#9a9454", captions: "#b0664f", actions: "#4f9a83",
};

export const nameOf = (lane) => NAMES[lane] ?? lane[0].toUpperCase() + lane.slice(1);

/** Lanes with the place of each item: [{name, top, height, row (its height), items: [{...item, row, crowded}]}];
 * those that are crowded lie over others of the last row. */
export function layOut(lanes) {
  let top = RULER + GAP;
  return lanes.filter((lane) => lane.items.length).map((lane) => {
    const ends = [];
    const items = [...lane.items].sort((one, other) => one.start_s - other.start_s).map((item) => {
      let row = ends.findIndex((end) => end <= item.start_s + 1e-6);
      const crowded = row < 0 && ends.length === MOST_ROWS;
      if (row < 0) row = crowded ? MOST_ROWS - 1 : ends.length;
      ends[row] = Math.max(ends[row] ?? 0, item.end_s);
      return { ...item, source: item, row, crowded };
    });
    const row = ends.length > FEW_ROWS ? LOW_ROW : ROW;
    const laid = { name: lane.name, top, row, height: ends.length * (row + 2) - 2, items };
    top += laid.height + GAP;
    return laid;
  });
}

export const heightOf = (lanes) => (lanes.length ? lanes.at(-1).top + lanes.at(-1).height + GAP : RULER + 40);

/** A step of the ruler, seconds, for at least 70 pixels a step. */
export function tick(span_s, width) {
  const least = (span_s * 70) / Math.max(1, width);
  return [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200].find((step) => step >= least) ?? 14400;
}

/** Left edge and width of an item, pixels, at least wide enough to be hit. */
export function placeOf(item, view, area) {
  const scale = area.width / (view.end - view.start);
  const x = area.left + (item.start_s - view.start) * scale;
  return [x, Math.max(4, (item.end_s - item.start_s) * scale)];
}

/** scene: {lanes, view, area: {left, width, height}, lane (chosen name), hover, now, focus}. */
export function paint(pen, scene, style) {
  const { area, view, lanes } = scene;
  pen.clearRect(0, 0, area.left + area.width, area.height);
  pen.font = `12px ${style.font}`;
  pen.textBaseline = "middle";
  ruler(pen, scene, style);
  for (const lane of lanes) {
    pen.fillStyle = lane.name === scene.lane ? style.text : style.muted;
    pen.font = `${lane.name === scene.lane ? 600 : 400} 12px ${style.font}`;
    pen.fillText(nameOf(lane.name), 2, lane.top + ROW / 2, area.left - 8);
    pen.fillStyle = style.sunk;
    pen.beginPath();
    pen.roundRect(area.left, lane.top, area.width, lane.height, 4);
    pen.fill();
    pen.save();
    pen.clip();
    for (const item of lane.items) {
      if (item.end_s >= view.start && item.start_s <= view.end) draw(pen, item, lane, scene, style);
    }
    pen.restore();
  }
  playhead(pen, scene, style);
}

function ruler(pen, { area, view }, style) {
  const step = tick(view.end - view.start, area.width);
  pen.fillStyle = style.muted;
  pen.font = `11px ${style.font}`;
  for (let t = Math.ceil(view.start / step - 1e-9) * step; t <= view.end + 1e-9; t += step) {
    const [x] = placeOf({ start_s: t, end_s: t }, view, area);
    pen.fillRect(Math.round(x), RULER - 5, 1, 5);
    const text = time(t, step < 1);
    pen.fillText(text, Math.min(x + 4, area.left + area.width - pen.measureText(text).width), RULER / 2 - 1);
  }
}

function draw(pen, item, lane, scene, style) {
  const [x, width] = placeOf(item, scene.view, scene.area);
  const y = lane.top + item.row * (lane.row + 2);
  const evidence = lane.name === "evidence";
  const colour = evidence ? style.accent : COLOURS[lane.name] ?? "#7c8aa5";
  const strong = evidence || scene.hover === item || scene.focus === item.source;
  pen.globalAlpha = strong ? 0.95 : 0.55;
  pen.fillStyle = colour;
  pen.beginPath();
  pen.roundRect(x + 0.5, y + 1, Math.max(3, width - 1), lane.row - 1, 4);
  pen.fill();
  pen.globalAlpha = 1;
  if (scene.focus === item.source) {
    pen.lineWidth = 2;
    pen.strokeStyle = style.text;
    pen.stroke();
  }
  const left = Math.max(x, scene.area.left) + 6;
  const room = x + width - left - 4;
  if (room < 26 || item.crowded) return;
  pen.font = `${lane.row < ROW ? 10.5 : 11.5}px ${style.font}`;
  pen.fillStyle = strong && evidence ? style.onAccent : style.text;
  pen.fillText(fitted(pen, words(item.label), room), left, y + lane.row / 2 + 1);
}

function fitted(pen, text, room) {
  const short = text.length > 80 ? `${text.slice(0, 79)}…` : text;
  if (pen.measureText(short).width <= room) return short;
  let fits = Math.floor((short.length * room) / pen.measureText(short).width) - 1;
  while (fits > 0 && pen.measureText(`${short.slice(0, fits)}…`).width > room) fits -= 1;
  return fits > 1 ? `${short.slice(0, fits)}…` : "";
}

function playhead(pen, { area, view, now }, style) {
  if (now < view.start || now > view.end) return;
  const [x] = placeOf({ start_s: now, end_s: now }, view, area);
  pen.fillStyle = style.accent;
  pen.fillRect(Math.round(x) - 1, RULER - 8, 2, area.height);
  pen.beginPath();
  pen.moveTo(x - 6, RULER - 12);
  pen.lineTo(x + 6, RULER - 12);
  pen.lineTo(x, RULER - 3);
  pen.fill();
}
