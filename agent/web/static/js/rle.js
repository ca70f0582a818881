// Masks as COCO run-length codes: lengths of runs of 0s and 1s in turn, down the columns, beginning with 0s.

/** Lengths of the runs of compressed counts (the COCO API's rleFrString), or of a list of them. Throws RangeError. */
export function runs(counts) {
  if (Array.isArray(counts)) return counts;
  const lengths = [];
  let value = 0;
  let shift = 0;
  for (const character of counts) {
    const code = character.charCodeAt(0) - 48;
    if (code < 0 || code > 63 || shift > 25) throw new RangeError("not a run-length code");
    value |= (code & 31) << shift;
    shift += 5;
    if (code & 32) continue;
    if (code & 16) value |= -1 << shift; // the sign reaches into the higher bits
    if (lengths.length > 2) value += lengths[lengths.length - 2];
    if (value < 0) throw new RangeError("a run of negative length");
    lengths.push(value);
    value = shift = 0;
  }
  if (shift) throw new RangeError("the code ends within a number");
  return lengths;
}

/** The mask as 0 and 1, row by row; every `step`-th pixel both ways. size: [height, width]. Throws RangeError. */
export function decode(counts, [height, width], step = 1) {
  const lengths = runs(counts);
  if (lengths.reduce((sum, length) => sum + length, 0) !== height * width) {
    throw new RangeError(`the code does not fill ${width}×${height} pixels`);
  }
  const across = Math.ceil(width / step);
  const mask = new Uint8Array(across * Math.ceil(height / step));
  let start = 0;
  lengths.forEach((length, index) => {
    if (index % 2) fill(mask, start, start + length, height, across, step);
    start += length;
  });
  return mask;
}

function fill(mask, start, end, height, across, step) {
  for (let column = Math.floor(start / height); column * height < end; column += 1) {
    if (column % step) continue;
    const top = Math.max(0, start - column * height);
    const bottom = Math.min(height, end - column * height);
    for (let row = Math.ceil(top / step) * step; row < bottom; row += step) {
      mask[(row / step) * across + column / step] = 1;
    }
  }
}
