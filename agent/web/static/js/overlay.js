// What is known of the picture, drawn over the playing video: boxes and masks of entities, boxes of evidence.

import { decode } from "./rle.js";

const MASK_SIDE = 640; // pixels of the longer side of a drawn mask
const KEPT_MASKS = 96;
const NEAR_S = 0.25; // an observation stands for this long where no neighbour is near
const GAP_S = 1.0; // between observations closer than this, boxes move evenly

export class Overlay {
  constructor(canvas) {
    this.canvas = canvas;
    this.size = [16, 9]; // width and height of the picture, source pixels
    this.shape = [16, 9]; // the same as it is shown: pixels need not be square
    /** id -> {colour, label, observations sorted by t_s}: those that are shown. */
    this.entities = new Map();
    this.evidence = [];
    this.focus = null;
    this.accent = "#3d5bd9";
    this.onAccent = "#ffffff";
    this.masks = new Map();
  }

  /** Draws what is to be seen at `t_s`. */
  draw(t_s) {
    const { canvas } = this;
    const ratio = devicePixelRatio || 1;
    const [width, height] = [Math.round(canvas.clientWidth * ratio), Math.round(canvas.clientHeight * ratio)];
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    const pen = canvas.getContext("2d");
    pen.clearRect(0, 0, width, height);
    // the picture is fitted into the canvas as the video is: whole, in the middle
    const fit = Math.min(width / this.shape[0], height / this.shape[1]);
    const [wide, high] = this.shape.map((side) => side * fit);
    pen.save();
    pen.translate((width - wide) / 2, (height - high) / 2);
    this.unit = ratio;
    this.scale = [wide / this.size[0], high / this.size[1]];
    let drawn = 0;
    for (const entity of this.entities.values()) drawn += this.#entity(pen, entity, t_s);
    for (const item of this.evidence) drawn += this.#evidence(pen, item, t_s);
    pen.restore();
    canvas.dataset.drawn = drawn;
  }

  #entity(pen, entity, t_s) {
    const seen = at(entity.observations, t_s);
    if (!seen) return 0;
    if (seen.masked) this.#mask(pen, seen.masked, entity.colour);
    if (seen.box) this.#box(pen, seen.box, entity.colour, entity.label, seen.masked ? 1.5 : 2);
    return 1;
  }

  #evidence(pen, item, t_s) {
    const still = item.end_s - item.start_s < 0.1;
    const near = t_s >= item.start_s - (still ? NEAR_S : 0.05) && t_s <= item.end_s + (still ? NEAR_S : 0.05);
    if (!item.box || !near) return 0;
    this.#box(pen, item.box, this.accent, item === this.focus ? item.tool : "", item === this.focus ? 3.5 : 2);
    return 1;
  }

  #box(pen, [x1, y1, x2, y2], colour, label, thick) {
    const [x, y, w, h] = [x1, y1, x2 - x1, y2 - y1].map((edge, axis) => edge * this.scale[axis % 2]);
    pen.lineWidth = (thick + 2) * this.unit;
    pen.strokeStyle = "rgb(0 0 0 / 45%)";
    pen.beginPath();
    pen.roundRect(x, y, w, h, 3 * this.unit);
    pen.stroke();
    pen.lineWidth = thick * this.unit;
    pen.strokeStyle = colour;
    pen.stroke();
    if (label) this.#label(pen, label, x, y, y + h, colour);
  }

  /** Above the box, or below it where there is no room. */
  #label(pen, label, x, y, below, colour) {
    const text = label.length > 32 ? `${label.slice(0, 31)}…` : label;
    pen.font = `600 ${12 * this.unit}px system-ui, sans-serif`;
    const width = pen.measureText(text).width + 10 * this.unit;
    const height = 18 * this.unit;
    const top = y >= height ? y - height : below;
    pen.fillStyle = colour;
    pen.beginPath();
    pen.roundRect(x, top, width, height, 3 * this.unit);
    pen.fill();
    pen.fillStyle = colour === this.accent ? this.onAccent : "#0b0e14";
    pen.textBaseline = "middle";
    pen.fillText(text, x + 5 * this.unit, top + height / 2 + this.unit / 2);
  }

  #mask(pen, observation, colour) {
    let image = this.masks.get(observation);
    if (!image) {
      image = picture(observation.mask, this.size, colour);
      if (this.masks.size >= KEPT_MASKS) this.masks.delete(this.masks.keys().next().value);
      this.masks.set(observation, image);
    }
    if (!image) return;
    pen.globalAlpha = 0.45;
    pen.drawImage(image, 0, 0, this.size[0] * this.scale[0], this.size[1] * this.scale[1]);
    pen.globalAlpha = 1;
  }
}

/** What is seen at `t_s`: {box, masked}; null where nothing is near. */
export function at(observations, t_s) {
  let low = 0;
  let high = observations.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (observations[middle].t_s <= t_s) low = middle + 1;
    else high = middle;
  }
  const [before, after] = [observations[low - 1], observations[low]];
  const nearest = !after || (before && t_s - before.t_s <= after.t_s - t_s) ? before : after;
  if (!nearest) return null;
  const between = before && after && after.t_s - before.t_s <= GAP_S;
  if (!between && Math.abs(nearest.t_s - t_s) > NEAR_S) return null;
  const box = between && before.box && after.box ? mixed(before, after, t_s) : nearest.box;
  return { box, masked: nearest.mask && Math.abs(nearest.t_s - t_s) <= NEAR_S ? nearest : null };
}

function mixed(before, after, t_s) {
  const share = (t_s - before.t_s) / (after.t_s - before.t_s);
  return before.box.map((edge, index) => edge + (after.box[index] - edge) * share);
}

/** A mask in one colour on a canvas; null for one that cannot be read. `mask`: counts, or {size, counts}. */
function picture(mask, [width, height], colour) {
  const size = mask.size ?? [height, width];
  const step = Math.max(1, Math.ceil(Math.max(...size) / MASK_SIDE));
  let bits;
  try {
    bits = decode(mask.counts ?? mask, size, step);
  } catch {
    return null;
  }
  const image = document.createElement("canvas");
  image.width = Math.ceil(size[1] / step);
  image.height = Math.ceil(size[0] / step);
  const pen = image.getContext("2d");
  const data = pen.createImageData(image.width, image.height);
  const pixels = new Uint32Array(data.data.buffer);
  const [red, green, blue] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
  const pixel = ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0; // little-endian RGBA
  bits.forEach((bit, index) => { if (bit) pixels[index] = pixel; });
  pen.putImageData(data, 0, 0);
  return image;
}
