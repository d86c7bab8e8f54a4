/** What a model found in an image, as the server tells it: unpacked, and as layers to be drawn. */

import { contours } from "../../widgets/contours.js";

/** Numbers that the server packed by zlib. */
async function unpack(file, bytes = 1) {
  const stream = file.stream().pipeThrough(new DecompressionStream("deflate"));
  const buffer = await new Response(stream).arrayBuffer();
  return bytes === 1 ? new Uint8Array(buffer) : new Uint16Array(buffer);
}

// Dark blue to yellow, as matplotlib's viridis, which reports use: yellow is unsure.
const HEAT = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];

const packed = (red, green, blue, alpha = 255) => ((alpha << 24) | (blue << 16) | (green << 8) | red) >>> 0;

const heat = Uint32Array.from({ length: 256 }, (_, value) => {
  const place = (value / 255) * (HEAT.length - 1);
  const low = Math.min(Math.floor(place), HEAT.length - 2);
  const mixed = HEAT[low].map((part, k) => Math.round(part + (HEAT[low + 1][k] - part) * (place - low)));
  return packed(...mixed, Math.min(255, Math.round(value * 1.5)));
});

/** A canvas of the size of an image, filled pixel by pixel. */
function painted(width, height, fill) {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const context = canvas.getContext("2d");
  const data = context.createImageData(width, height);
  fill(new Uint32Array(data.data.buffer));
  context.putImageData(data, 0, 0);
  return canvas;
}

/** Calls back with each pixel that has another label above, below, to the left or to the right. */
function eachEdge(labels, width, height, call) {
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      const own = labels[i];
      if (own === 0) continue;
      if (
        (x > 0 && labels[i - 1] !== own) || (x < width - 1 && labels[i + 1] !== own) ||
        (y > 0 && labels[i - width] !== own) || (y < height - 1 && labels[i + width] !== own)
      ) call(i, x, y, own);
    }
  }
}

export class Finding {
  /**
   * Reads the parts of an answer.
   * @param {object} told The JSON of the answer.
   * @param {FormData} parts
   */
  static async read(told, parts) {
    const own = new Finding();
    const [image, labels, entropy, palette, reference] = await Promise.all([
      createImageBitmap(parts.get("image")),
      unpack(parts.get("labels"), told.label_bytes),
      unpack(parts.get("entropy")),
      unpack(parts.get("palette")),
      parts.has("reference") ? unpack(parts.get("reference"), told.label_bytes) : null,
    ]);
    return Object.assign(own, { told, image, labels, entropy, palette, reference, width: told.width, height: told.height });
  }

  /** The class of a label, which is a class itself or the number of an object. */
  classOf(label) {
    return label === 0 || !this.told.objects ? label : this.told.objects.label[label - 1];
  }

  colour(label) {
    return `rgb(${this.palette.slice(3 * label, 3 * label + 3).join(" ")})`;
  }

  /**
   * Colours the labels: sets `fill`, and the colours of the outlines.
   * @param {(label: number) => boolean} shown Of each class.
   * @param {boolean} single Whether each object has a colour of its own.
   */
  paint(shown, single) {
    const { labels, palette, width, height } = this;
    const count = palette.length / 3;
    const colours = new Uint32Array(count);
    for (let label = 1; label < count; label++) {
      if (this.told.objects && label > this.told.objects.label.length) break; // the reference has more
      const one = this.classOf(label);
      const from = 3 * (single ? label : one);
      if (shown(one)) colours[label] = packed(palette[from], palette[from + 1], palette[from + 2]);
    }
    this.fill = painted(width, height, (pixels) => {
      for (let i = 0; i < labels.length; i++) pixels[i] = colours[labels[i]];
    });
    this._colours = colours;
    this._outline = null;
  }

  /** The outlines of what is shown, as pixels. */
  get outline() {
    const { labels, width, height, _colours: colours } = this;
    this._outline ??= painted(width, height, (pixels) => eachEdge(labels, width, height, (i, x, y, label) => (pixels[i] = colours[label])));
    return this._outline;
  }

  /** The same as thin lines by colour, of the pixels in sight. */
  outlinesIn(sight) {
    return contours(this.labels, this.width, this.height, sight, (label) => {
      const colour = this._colours[label];
      return colour ? `rgb(${colour & 255} ${(colour >> 8) & 255} ${(colour >> 16) & 255})` : null;
    });
  }

  /** The outlines of the reference as thin lines. */
  referenceIn(sight) {
    return contours(this.reference, this.width, this.height, sight, () => "white").get("white");
  }

  /** The entropy of each pixel as a layer: clear where it is 0. */
  get heat() {
    this._heat ??= painted(this.width, this.height, (pixels) => {
      for (let i = 0; i < pixels.length; i++) pixels[i] = heat[this.entropy[i]];
    });
    return this._heat;
  }

  /** Outlines of the reference, dashed in black and white, so that they are seen on anything. */
  get referenceOutline() {
    this._reference ??= painted(this.width, this.height, (pixels) =>
      eachEdge(this.reference, this.width, this.height, (i, x, y) => (pixels[i] = ((x + y) >> 1) & 1 ? 0xffffffff : 0xff000000)));
    return this._reference;
  }

  /** A layer of one object, and where it stands. */
  highlight(label) {
    const { objects } = this.told;
    const [y0, x0, y1, x1] = ["y0", "x0", "y1", "x1"].map((name) => objects[name][label - 1]);
    const layer = painted(x1 - x0, y1 - y0, (pixels) => {
      for (let y = y0, k = 0; y < y1; y++) {
        for (let x = x0; x < x1; x++, k++) if (this.labels[y * this.width + x] === label) pixels[k] = packed(255, 255, 255, 140);
      }
    });
    return { layer, x: x0, y: y0 };
  }

  /** What is at a pixel, in words. */
  describe(x, y) {
    const i = y * this.width + x;
    const label = this.labels[i];
    const { classes, objects, most_bits: most } = this.told;
    const words = [classes[this.classOf(label)].name];
    if (objects && label) words[0] += ` ${label}, ${objects.area_px[label - 1].toLocaleString("en")} px`;
    words.push(`entropy ${((this.entropy[i] / 255) * most).toFixed(2)} bits`);
    if (this.reference) {
      const known = this.reference[i];
      words.push(`reference: ${objects ? (known ? `object ${known}` : classes[0].name) : classes[known].name}`);
    }
    return words.join(" · ");
  }
}

/**
 * Dice of two label maps of one image, 2 |A ∩ B| / (|A| + |B|), by the name of the class; null where
 * neither has any of it, and nothing of classes that only one of the models knows.
 */
export function agreement(a, b) {
  const places = new Map(b.told.classes.map((one) => [one.name, one.label]));
  const both = a.told.classes.filter((one) => one.label && places.has(one.name));
  const ofA = classNumbers(a);
  const ofB = classNumbers(b);
  const shared = new Map(both.map((one) => [one.label, 0]));
  const partner = new Map(both.map((one) => [one.label, places.get(one.name)]));
  for (let i = 0; i < a.labels.length; i++) {
    const label = ofA[a.labels[i]];
    if (label && partner.get(label) === ofB[b.labels[i]]) shared.set(label, shared.get(label) + 1);
  }
  return new Map(both.map((one) => {
    const sum = one.pixels + b.told.classes[places.get(one.name)].pixels;
    return [one.name, sum ? (2 * shared.get(one.label)) / sum : null];
  }));
}

const classNumbers = (finding) => Uint16Array.from({ length: finding.palette.length / 3 }, (_, label) =>
  finding.told.objects && label > finding.told.objects.label.length ? 0 : finding.classOf(label));
