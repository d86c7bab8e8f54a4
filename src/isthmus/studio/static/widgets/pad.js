/** A pad to draw a digit on, with mouse, pen or finger. */
import { h } from "../dom.js";

const SIDE = 280; // pixels of the pad
const PEN = 22;
const REST = 250; // milliseconds after a stroke

/**
 * @param {object} options
 * @param {number[]} options.size [height, width] of a sample
 * @param {(drawn: Blob) => void} options.ondrawn a PNG of that size, white on black, after each stroke
 */
export function pad({ size, ondrawn }) {
  const canvas = h("canvas", { width: SIDE, height: SIDE, class: "pad", tabindex: 0, role: "img", "aria-label": "Pad to draw on" });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const element = h("div", { class: "pad-box" }, canvas, h("button", { onclick: clear }, "Clear the pad"));
  let last = null;
  let timer = 0;

  function clear() {
    clearTimeout(timer);
    context.fillStyle = "#000";
    context.fillRect(0, 0, SIDE, SIDE);
  }

  function at(event) {
    const box = canvas.getBoundingClientRect();
    return [((event.clientX - box.left) * SIDE) / box.width, ((event.clientY - box.top) * SIDE) / box.height];
  }

  function stroke(event) {
    if (!last) return;
    const now = at(event);
    context.strokeStyle = "#fff";
    context.lineWidth = PEN;
    context.lineCap = context.lineJoin = "round";
    context.beginPath();
    context.moveTo(...last);
    context.lineTo(...now);
    context.stroke();
    last = now;
  }

  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    clearTimeout(timer);
    last = at(event);
    stroke(event);
  });
  canvas.addEventListener("pointermove", (event) => {
    const parts = event.getCoalescedEvents?.() ?? [];
    (parts.length ? parts : [event]).forEach(stroke);
  });
  for (const name of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(name, () => {
      if (last) timer = setTimeout(send, REST);
      last = null;
    });
  }
  clear();

  function send() {
    const small = centred(context, size);
    if (small) small.toBlob(ondrawn, "image/png");
  }

  return { element, clear };
}

/** The drawing as digits of MNIST are: in a box of 20 / 28 of the side, its weight in the middle. */
function centred(context, [height, width]) {
  const { data } = context.getImageData(0, 0, SIDE, SIDE);
  let [left, top, right, bottom, sum, x, y] = [SIDE, SIDE, -1, -1, 0, 0, 0];
  for (let row = 0; row < SIDE; row++) {
    for (let column = 0; column < SIDE; column++) {
      const light = data[4 * (row * SIDE + column)];
      if (light < 32) continue;
      left = Math.min(left, column);
      right = Math.max(right, column);
      top = Math.min(top, row);
      bottom = Math.max(bottom, row);
      sum += light;
      x += light * column;
      y += light * row;
    }
  }
  if (!sum) return null;
  const scale = ((20 / 28) * Math.min(height, width)) / Math.max(right - left, bottom - top, 1);
  // Halved again and again first, since a canvas made much smaller at once leaves pixels out.
  let [source, factor] = [context.canvas, 1];
  while (scale / factor < 0.5) {
    const half = new OffscreenCanvas(source.width / 2, source.height / 2);
    half.getContext("2d").drawImage(source, 0, 0, half.width, half.height);
    [source, factor] = [half, factor / 2];
  }
  const canvas = h("canvas", { width, height });
  const small = canvas.getContext("2d");
  small.fillStyle = "#000";
  small.fillRect(0, 0, width, height);
  const side = (source.width * scale) / factor;
  small.drawImage(source, width / 2 - (x / sum) * scale, height / 2 - (y / sum) * scale, side, side);
  return canvas;
}
