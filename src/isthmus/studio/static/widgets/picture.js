/** Samples on a canvas: images as they are, rows of a table as bars. */
import { colour, h, short } from "../dom.js";

/**
 * Samples as they come from a model.
 * @typedef {{ shape: number[], data: Uint8Array | Float32Array }} Block
 * shape is [N, H, W, 1 or 3] of images as bytes, or [N, D] of rows.
 */

const isTable = (block) => block.shape.length === 2;
/** Number of samples of a block. */
export const countOf = (block) => block.shape[0];

/** Pixels of one image of a block. */
export function imageOf(block, index = 0) {
  const [, height, width, channels] = block.shape;
  const image = new ImageData(width, height);
  const size = width * height;
  const from = index * size * channels;
  for (let i = 0; i < size; i++) {
    for (let c = 0; c < 3; c++) image.data[4 * i + c] = block.data[from + i * channels + (channels === 3 ? c : 0)];
    image.data[4 * i + 3] = 255;
  }
  return image;
}

/** A canvas for samples; `name` says what is on it. */
export const picture = (name, properties = {}) => h("canvas", { role: "img", "aria-label": name, width: 1, height: 1, ...properties });

/**
 * Paint a sample of a block on a canvas.
 * @param {{ name: string, low: number, high: number }[]} features of a table
 */
export function paint(canvas, block, index = 0, features = []) {
  if (isTable(block)) {
    paintBars(canvas, block.data.subarray(index * block.shape[1], (index + 1) * block.shape[1]), features);
    return;
  }
  const image = imageOf(block, index);
  if (canvas.width !== image.width || canvas.height !== image.height) {
    canvas.width = image.width;
    canvas.height = image.height;
  }
  canvas.classList.toggle("pixels", Math.max(image.width, image.height) <= 64);
  canvas.getContext("2d").putImageData(image, 0, 0);
}

const BAR = 18;

/** A bar for each value, between the usual values of its column; names where there is room. */
function paintBars(canvas, values, features) {
  const named = canvas.clientWidth > 150;
  const height = named ? BAR : 6;
  const ratio = window.devicePixelRatio || 1;
  const width = Math.max(48, canvas.clientWidth || 64);
  canvas.width = width * ratio;
  canvas.height = Math.max(1, values.length) * height * ratio;
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  const [ink, quiet, accent, line] = ["ink", "quiet", "accent", "line"].map(colour);
  const from = named ? width * 0.42 : 2;
  const room = named ? width * 0.36 : width - 4;
  context.font = "12px system-ui, sans-serif";
  context.textBaseline = "middle";
  values.forEach((value, i) => {
    const { name, low, high } = features[i] ?? { name: `x${i}`, low: Math.min(...values), high: Math.max(...values) };
    const share = Math.min(1, Math.max(0, (value - low) / (high - low || 1)));
    const y = i * height;
    context.fillStyle = line;
    context.fillRect(from, y + height * 0.2, room, height * 0.6);
    context.fillStyle = accent;
    context.fillRect(from, y + height * 0.2, Math.max(1, share * room), height * 0.6);
    if (!named) return;
    context.fillStyle = quiet;
    context.textAlign = "right";
    context.fillText(name.length > 22 ? `${name.slice(0, 21)}…` : name, from - 6, y + height / 2, from - 8);
    context.fillStyle = ink;
    context.textAlign = "left";
    context.fillText(short(value), from + room + 6, y + height / 2, width - from - room - 8);
  });
}
