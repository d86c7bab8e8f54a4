/** A lattice of decoded pictures under the points of a scatter, made anew for what is seen. */
import { countOf, imageOf } from "./picture.js";
import { newest } from "./newest.js";

const SIDE = 36; // pixels of a picture at least
const MOST = 900;
const REST = 90; // milliseconds after which the new part is asked for

/**
 * @param {ReturnType<import("./scatter.js").scatter>} plot
 * @param {(places: Float32Array) => Promise<import("./picture.js").Block>} decode pictures at places u, v, u, v, ...
 * @param {(error: Error) => void} failed
 * @param {number[]} [bounds] beyond which nothing is decoded: [left, bottom, right, top]
 */
export function lattice(plot, decode, failed, bounds = [-Infinity, -Infinity, Infinity, Infinity]) {
  const context = plot.under.getContext("2d");
  let sheet = null; // { canvas, left, top, width, height } in units of the plane
  let on = false;
  let timer = 0;
  let version = 0; // of the plane

  /** Places of the pictures that fill what is seen, on a grid that stays where it is. */
  function wanted() {
    const { camera } = plot;
    const side = SIDE * Math.max(1, Math.sqrt((camera.width * camera.height) / (SIDE * SIDE * MOST)));
    const step = 2 ** Math.ceil(Math.log2(side / camera.scale));
    const [left, bottom] = camera.toPlane(0, camera.height).map((one, axis) => Math.floor(Math.max(one, bounds[axis]) / step));
    const [right, top] = camera.toPlane(camera.width, 0).map((one, axis) => Math.floor(Math.min(one, bounds[2 + axis]) / step));
    const [columns, rows] = [right - left + 1, top - bottom + 1].map((count) => Math.max(1, count));
    const places = new Float32Array(2 * columns * rows);
    for (let row = 0, at = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        places[at++] = (left + column + 0.5) * step;
        places[at++] = (top - row + 0.5) * step;
      }
    }
    return { places, columns, left: left * step, top: (top + 1) * step, step, version };
  }

  const ask = newest(
    ({ places }) => decode(places),
    (block, asked) => {
      if (!on || asked.version !== version) return;
      const [, height, width] = block.shape;
      const rows = Math.ceil(countOf(block) / asked.columns);
      const [across, down] = [width + 1, height + 1]; // a line stays free between pictures
      const canvas = new OffscreenCanvas(asked.columns * across, rows * down);
      const sprites = canvas.getContext("2d");
      for (let i = 0; i < countOf(block); i++) {
        sprites.putImageData(imageOf(block, i), (i % asked.columns) * across, Math.floor(i / asked.columns) * down);
      }
      sheet = { canvas, left: asked.left, top: asked.top, width: asked.columns * asked.step, height: rows * asked.step };
      plot.element.dataset.lattice = countOf(block);
      draw();
    },
    failed,
  );

  function draw() {
    const { under, camera } = plot;
    const ratio = under.width / camera.width;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, camera.width, camera.height);
    if (!on || !sheet) return;
    const [x, y] = camera.toScreen(sheet.left, sheet.top);
    context.imageSmoothingEnabled = sheet.canvas.width > sheet.width * camera.scale * ratio;
    context.globalAlpha = 0.9;
    context.drawImage(sheet.canvas, x, y, sheet.width * camera.scale, sheet.height * camera.scale);
  }

  function later() {
    clearTimeout(timer);
    if (on) timer = setTimeout(() => ask(wanted()), REST);
  }

  return {
    /** Show or hide it. */
    set(now) {
      on = now;
      delete plot.element.dataset.lattice;
      draw();
      later();
    },
    /** What is seen has changed. */
    view() {
      draw();
      later();
    },
    /** The plane, or what decodes it, is another one. */
    renew() {
      version++;
      sheet = null;
      draw();
      later();
    },
    free: () => clearTimeout(timer),
  };
}
