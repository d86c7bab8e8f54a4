/** A picture that is zoomed and moved: by wheel, fingers, keys and buttons; its pixels stay crisp. */
import { h } from "../dom.js";

const STEP = 1.3;
const MOST = 64; // points of the screen for a pixel
const KEYS = {
  "+": (view) => view.zoom(STEP),
  "=": (view) => view.zoom(STEP),
  "-": (view) => view.zoom(1 / STEP),
  0: (view) => view.fit(),
  1: (view) => view.zoom(1 / view.scale),
  ArrowLeft: (view) => view.move(60, 0),
  ArrowRight: (view) => view.move(-60, 0),
  ArrowUp: (view) => view.move(0, 60),
  ArrowDown: (view) => view.move(0, -60),
};

export class ImageView {
  /**
   * @param {object} given
   * @param {string} given.label What the picture is, for who cannot see it.
   * @param {(context: CanvasRenderingContext2D, view: ImageView) => void} given.draw Draws in
   *   pixels of the picture.
   * @param {(place: ?{x: number, y: number}) => void} given.hover Told the pixel under the pointer.
   */
  constructor({ label, draw, hover }) {
    Object.assign(this, { _draw: draw, _hover: hover, width: 0, height: 0, scale: 1, x: 0, y: 0, _fits: true });
    this.canvas = h("canvas", { tabindex: 0, role: "img", "aria-label": label });
    this.element = h("div", { class: "view" }, this.canvas, h("div", { class: "view-buttons row" },
      this._button("+", "Zoom in", () => this.zoom(STEP)),
      this._button("−", "Zoom out", () => this.zoom(1 / STEP)),
      this._button("1:1", "One point for each pixel", () => this.zoom(1 / this.scale)),
      this._button("Fit", "The whole image", () => this.fit())));
    this._pointers = new Map();
    this._listen();
    this._watching = new ResizeObserver(() => this._resize());
    this._watching.observe(this.element);
  }

  /** Another picture of a size; one of the same size stays where it is. */
  show(width, height, label) {
    this.canvas.setAttribute("aria-label", label);
    const same = width === this.width && height === this.height;
    Object.assign(this, { width, height });
    if (same) this.redraw();
    else this.fit();
  }

  redraw() {
    this._frame ??= requestAnimationFrame(() => this._paint());
  }

  fit() {
    const { clientWidth: w, clientHeight: h_ } = this.element;
    if (!this.width || !w) return;
    this.scale = Math.min(w / this.width, h_ / this.height);
    this.x = (w - this.width * this.scale) / 2;
    this.y = (h_ - this.height * this.scale) / 2;
    this._fits = true;
    this._moved();
  }

  /** By a factor, around a point of the element; around its middle by default. */
  zoom(factor, x = this.element.clientWidth / 2, y = this.element.clientHeight / 2) {
    const fit = Math.min(this.element.clientWidth / this.width, this.element.clientHeight / this.height);
    const scale = Math.min(Math.max(this.scale * factor, Math.min(fit, 1)), MOST);
    if (scale <= fit && factor < 1) return this.fit();
    this.x = x - ((x - this.x) * scale) / this.scale;
    this.y = y - ((y - this.y) * scale) / this.scale;
    this.scale = scale;
    this._fits = false;
    this._moved();
  }

  move(dx, dy) {
    this.x += dx;
    this.y += dy;
    this._fits = false;
    this._moved();
  }

  /** Brings a pixel to the middle, large enough to be seen. */
  centre(x, y) {
    this.scale = Math.max(this.scale, 2);
    this.x = this.element.clientWidth / 2 - x * this.scale;
    this.y = this.element.clientHeight / 2 - y * this.scale;
    this._fits = false;
    this._moved();
  }

  /** Pixel of the picture at a point of the element, or null beside it. */
  pixelAt(left, top) {
    const x = Math.floor((left - this.x) / this.scale);
    const y = Math.floor((top - this.y) / this.scale);
    return x >= 0 && y >= 0 && x < this.width && y < this.height ? { x, y } : null;
  }

  /** Column of the picture, not rounded, at a share of the element's width. */
  pixelAtLeft(share) {
    return (share * this.element.clientWidth - this.x) / this.scale;
  }

  /** Pixels of the picture in sight. */
  get sight() {
    const { clientWidth: w, clientHeight: h_ } = this.element;
    const inside = (value, most) => Math.min(Math.max(value, 0), most);
    return {
      x0: inside(Math.floor(-this.x / this.scale), this.width),
      y0: inside(Math.floor(-this.y / this.scale), this.height),
      x1: inside(Math.ceil((w - this.x) / this.scale), this.width),
      y1: inside(Math.ceil((h_ - this.y) / this.scale), this.height),
    };
  }

  end() {
    this._watching.disconnect();
    cancelAnimationFrame(this._frame);
  }

  _button(words, title, onclick) {
    return h("button", { type: "button", title, "aria-label": title, onclick }, words);
  }

  _moved() {
    // Keeps a quarter of the element covered, so that the picture is never lost.
    const { clientWidth: w, clientHeight: h_ } = this.element;
    this.x = Math.min(Math.max(this.x, w / 4 - this.width * this.scale), (3 * w) / 4);
    this.y = Math.min(Math.max(this.y, h_ / 4 - this.height * this.scale), (3 * h_) / 4);
    this.canvas.style.touchAction = this._fits ? "pan-y" : "none"; // the page itself can be scrolled
    this.redraw();
  }

  _resize() {
    if (this._fits) this.fit();
    else this.redraw();
  }

  _paint() {
    this._frame = null;
    const ratio = window.devicePixelRatio || 1;
    const { clientWidth: w, clientHeight: h_ } = this.element;
    const [width, height] = [Math.round(w * ratio), Math.round(h_ * ratio)];
    if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, { width, height });
    const context = this.canvas.getContext("2d");
    context.resetTransform();
    context.clearRect(0, 0, width, height);
    if (!this.width) return;
    const scale = this.scale * ratio;
    context.imageSmoothingEnabled = scale < 1;
    context.setTransform(scale, 0, 0, scale, this.x * ratio, this.y * ratio);
    this._draw(context, this);
  }

  _listen() {
    const { canvas } = this;
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015)), event.offsetX, event.offsetY);
    }, { passive: false });
    canvas.addEventListener("keydown", (event) => {
      const act = event.ctrlKey || event.metaKey || event.altKey ? null : KEYS[event.key];
      if (!act) return;
      event.preventDefault();
      act(this);
    });
    canvas.addEventListener("pointerdown", (event) => {
      this._pointers.set(event.pointerId, event);
      canvas.setPointerCapture(event.pointerId);
      this._tell(event);
    });
    canvas.addEventListener("pointermove", (event) => this._drag(event));
    for (const kind of ["pointerup", "pointercancel"]) canvas.addEventListener(kind, (event) => this._pointers.delete(event.pointerId));
    canvas.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && this._hover(null));
  }

  _tell(event) {
    const box = this.canvas.getBoundingClientRect();
    this._hover(this.pixelAt(event.clientX - box.left, event.clientY - box.top));
  }

  _drag(event) {
    this._tell(event);
    const before = this._pointers.get(event.pointerId);
    if (!before) return;
    const others = [...this._pointers.values()].filter((one) => one.pointerId !== event.pointerId);
    this._pointers.set(event.pointerId, event);
    if (!others.length) {
      if (event.pointerType !== "touch" || !this._fits) this.move(event.clientX - before.clientX, event.clientY - before.clientY);
      return;
    }
    const [other] = others;
    const box = this.canvas.getBoundingClientRect();
    const apart = (one) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);
    const middle = (one) => [(one.clientX + other.clientX) / 2 - box.left, (one.clientY + other.clientY) / 2 - box.top];
    const [x, y] = middle(event);
    const [beforeX, beforeY] = middle(before);
    if (apart(before) > 0) this.zoom(apart(event) / apart(before), x, y);
    if (!this._fits) this.move(x - beforeX, y - beforeY);
  }
}
