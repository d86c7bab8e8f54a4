/** What lies over the points: scales, marked points, a line, a loop. */
import { colour } from "../dom.js";

const APART = 90; // pixels between lines, about

/** A round number near to one: 1, 2 or 5 times a power of ten. */
function round(number) {
  const power = 10 ** Math.floor(Math.log10(number));
  const share = number / power;
  return power * (share < 1.5 ? 1 : share < 3.5 ? 2 : share < 7.5 ? 5 : 10);
}

export class Marks {
  list = []; // { at: [u, v], text }
  line = null; // [[u, v], [u, v]]
  hovered = null; // [u, v]
  loop = null; // [[x, y], ...]

  constructor(canvas, camera) {
    this.canvas = canvas;
    this.camera = camera;
    this.look();
  }

  /** Take the colours of the current look. */
  look() {
    [this.ink, this.quiet, this.paper, this.accent] = ["ink", "quiet", "paper", "accent"].map(colour);
  }

  draw() {
    const { canvas, camera } = this;
    const context = canvas.getContext("2d");
    const ratio = canvas.width / camera.width;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, camera.width, camera.height);
    context.font = "11px system-ui, sans-serif";
    this.#scales(context);
    if (this.line) this.#way(context, this.line.map((place) => camera.toScreen(...place)));
    if (this.hovered) this.#ring(context, camera.toScreen(...this.hovered), 7, this.ink, 2);
    for (const { at, text } of this.list) this.#flag(context, camera.toScreen(...at), text);
    if (this.loop) this.#loop(context);
  }

  /** Ticks at the edges, with what they stand for. */
  #scales(context) {
    const { camera } = this;
    const step = round(APART / camera.scale);
    const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
    const [left, bottom] = camera.toPlane(0, camera.height);
    const [right, top] = camera.toPlane(camera.width, 0);
    const label = (text, x, y) => {
      context.lineWidth = 3;
      context.lineJoin = "round";
      context.strokeStyle = this.paper; // so that it can be read over anything
      context.strokeText(text, x, y);
      context.fillStyle = this.quiet;
      context.fillText(text, x, y);
    };
    context.beginPath();
    context.textAlign = "center";
    context.textBaseline = "alphabetic";
    for (let u = Math.ceil(left / step) * step; u <= right; u += step) {
      const [x] = camera.toScreen(u, 0);
      context.moveTo(x, camera.height);
      context.lineTo(x, camera.height - 5);
      if (x > 34) label((Math.abs(u) < step / 2 ? 0 : u).toFixed(digits), x, camera.height - 8);
    }
    context.textAlign = "left";
    context.textBaseline = "middle";
    for (let v = Math.ceil(bottom / step) * step; v <= top; v += step) {
      const [, y] = camera.toScreen(0, v);
      context.moveTo(0, y);
      context.lineTo(5, y);
      if (y < camera.height - 20) label((Math.abs(v) < step / 2 ? 0 : v).toFixed(digits), 8, y);
    }
    context.strokeStyle = this.quiet;
    context.lineWidth = 1;
    context.stroke();
  }

  #ring(context, [x, y], radius, tint, width) {
    for (const [style, extra] of [[this.paper, 2], [tint, 0]]) {
      context.strokeStyle = style;
      context.lineWidth = width + extra;
      context.beginPath();
      context.arc(x, y, radius, 0, 7);
      context.stroke();
    }
  }

  #flag(context, [x, y], text) {
    this.#ring(context, [x, y], 7, this.ink, 2.5);
    if (!text) return;
    context.font = "600 12px system-ui, sans-serif";
    const width = context.measureText(text).width + 10;
    context.fillStyle = this.ink;
    context.beginPath();
    context.roundRect(x + 9, y - 22, width, 18, 5);
    context.fill();
    context.fillStyle = this.paper;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillText(text, x + 9 + width / 2, y - 12.5);
  }

  #way(context, [from, to]) {
    for (const [style, width] of [[this.paper, 4], [this.ink, 1.5]]) {
      context.strokeStyle = style;
      context.lineWidth = width;
      context.beginPath();
      context.moveTo(...from);
      context.lineTo(...to);
      context.stroke();
    }
  }

  #loop(context) {
    context.beginPath();
    this.loop.forEach((place) => context.lineTo(...place));
    context.closePath();
    context.fillStyle = context.strokeStyle = this.accent;
    context.globalAlpha = 0.15;
    context.fill();
    context.globalAlpha = 1;
    context.lineWidth = 2;
    context.stroke();
  }
}
