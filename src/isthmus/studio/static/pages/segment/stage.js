/** The image with its mask, of one model or of two parted by a line that is dragged. */
import { h } from "../../dom.js";
import { ImageView } from "../../widgets/image-view.js";

/** How the mask is drawn, which outlives a change of images. */
export const look = { opacity: 0.35, outlines: true, heat: false, reference: true, single: true, hidden: new Set() };

const FINE = 2; // points of the screen for a pixel, from which outlines are lines

function stroke(context, path, colour) {
  context.strokeStyle = colour;
  context.stroke(path);
}

export class Stage {
  /** @param {string[]} names Of the models: one or two. */
  constructor(names) {
    this.names = names;
    this.wipe = 0.5;
    this.findings = [];
    this.readout = h("output", { class: "readout quiet" });
    this.view = new ImageView({ label: "no image", draw: (context, view) => this._draw(context, view), hover: (place) => this._hover(place) });
    this.element = h("div", { class: "stage" }, this.view.element, this.readout);
    if (names.length > 1) this.view.element.append(...this._wiper());
  }

  /** Shows what was found; the mask is coloured anew. */
  show(name, findings) {
    for (const old of this.findings) old.image.close();
    this.findings = findings;
    this._lit = null;
    this.recolour();
    const [{ width, height, told }] = findings;
    this.view.show(width, height, `${name}, with ${told.classes.slice(1).map((one) => one.name).join(", ")} in colour`);
  }

  clear() {
    this.findings = [];
    this.view.show(0, 0, "no image");
    this.view.redraw();
  }

  /** After classes were switched on or off. */
  recolour() {
    for (const finding of this.findings) {
      finding.paint((label) => label > 0 && !look.hidden.has(finding.told.classes[label].name), Boolean(finding.told.objects) && look.single);
    }
    this.view.redraw();
  }

  /** Lights an object of the first model up; 0 for none. */
  light(label) {
    if (label === (this._lit?.label ?? 0)) return;
    this._lit = label ? { label, ...this.findings[0].highlight(label) } : null;
    this.view.redraw();
  }

  /** The image as it is drawn, in its own size. */
  async picture() {
    const [{ width, height }] = this.findings;
    const canvas = new OffscreenCanvas(width, height);
    const context = canvas.getContext("2d");
    this._picture(context, Math.min(Math.max(this.view.pixelAtLeft(this.wipe), 0), width));
    return canvas.convertToBlob({ type: "image/png" });
  }

  end() {
    this.view.end();
  }

  _draw(context, view) {
    if (this.findings.length) this._picture(context, view.pixelAtLeft(this.wipe), view);
    if (this._lit) context.drawImage(this._lit.layer, this._lit.x, this._lit.y);
  }

  /** Draws the image with the masks left and right of a column; in a view with its fine lines. */
  _picture(context, column, view) {
    const [first, second] = this.findings;
    const { width, height } = first;
    context.drawImage(first.image, 0, 0);
    if (!second) return this._mask(context, first, view);
    const x = Math.min(Math.max(column, 0), width);
    for (const [finding, from, to] of [[first, 0, x], [second, x, width]]) {
      context.save();
      context.beginPath();
      context.rect(from, 0, to - from, height);
      context.clip();
      this._mask(context, finding, view);
      context.restore();
    }
  }

  _mask(context, finding, view) {
    if (look.heat) {
      context.drawImage(finding.heat, 0, 0);
    } else {
      context.globalAlpha = look.opacity;
      context.drawImage(finding.fill, 0, 0);
      context.globalAlpha = 1;
    }
    const known = look.reference && finding.reference;
    if (!view || view.scale < FINE) {
      if (look.outlines) context.drawImage(finding.outline, 0, 0);
      if (known) context.drawImage(finding.referenceOutline, 0, 0);
      return;
    }
    const point = 1 / view.scale;
    const sight = view.sight;
    context.lineCap = "square";
    context.lineWidth = 2 * point;
    if (look.outlines) for (const [colour, path] of finding.outlinesIn(sight)) stroke(context, path, colour);
    const path = known && finding.referenceIn(sight);
    if (path) {
      context.lineWidth = 2.5 * point;
      stroke(context, path, "black");
      context.lineWidth = 1.5 * point;
      context.lineCap = "butt";
      context.setLineDash([5 * point, 5 * point]);
      stroke(context, path, "white");
      context.setLineDash([]);
    }
  }

  _hover(place) {
    const finding = this.findings.length > 1 && place && place.x >= this.view.pixelAtLeft(this.wipe) ? this.findings[1] : this.findings[0];
    if (!place || !finding) {
      this.readout.textContent = "";
      this.light(0);
      return;
    }
    this.readout.textContent = `x ${place.x}, y ${place.y} · ${finding.describe(place.x, place.y)}`;
    this.light(finding === this.findings[0] && finding.told.objects ? finding.labels[place.y * finding.width + place.x] : 0);
  }

  /** The line between two models: dragged, or moved by the arrow keys. */
  _wiper() {
    const handle = h("div", { class: "wiper", role: "slider", tabindex: 0, "aria-label": "Line between the two masks", "aria-valuemin": 0, "aria-valuemax": 100 }, h("span", {}, "⇔"));
    const put = (wipe) => {
      this.wipe = Math.min(Math.max(wipe, 0), 1);
      handle.style.left = `${100 * this.wipe}%`;
      handle.setAttribute("aria-valuenow", Math.round(100 * this.wipe));
      this.view.redraw();
    };
    handle.addEventListener("pointerdown", (event) => handle.setPointerCapture(event.pointerId));
    handle.addEventListener("pointermove", (event) => {
      if (!handle.hasPointerCapture(event.pointerId)) return;
      const box = this.view.element.getBoundingClientRect();
      put((event.clientX - box.left) / box.width);
    });
    handle.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: -0.02, ArrowRight: 0.02, Home: -1, End: 1 }[event.key];
      if (!by) return;
      event.preventDefault();
      put(this.wipe + by);
    });
    put(0.5);
    return [handle, ...this.names.map((name, k) => h("span", { class: `side side-${k}` }, name))];
  }
}
