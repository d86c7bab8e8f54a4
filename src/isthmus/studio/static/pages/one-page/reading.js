/** Pictures between those of a lattice. */
import { blockOf } from "./blocks.js";

export class Reading {
  /** @param {object} told see Lattice in one_page/content.py */
  static async of(told) {
    const reading = new Reading();
    Object.assign(reading, told);
    reading.blocks = await Promise.all(told.of.map(blockOf));
    const [right, top] = [told.left + (told.columns - 1) * told.step, told.bottom + (told.rows - 1) * told.step];
    reading.bounds = told.rows > 1 ? [told.left, told.bottom, right, top] : [told.left, -Infinity, right, Infinity];
    return reading;
  }

  /** Whether a place lies beyond the outermost pictures. */
  beyond(u, v) {
    const [left, bottom, right, top] = this.bounds;
    return u < left || u > right || v < bottom || v > top;
  }

  /** The nodes before and after a coordinate, and the share of the second. */
  static #between(at, count) {
    const inside = Math.min(Math.max(at, 0), count - 1);
    const before = Math.min(Math.floor(inside), Math.max(0, count - 2));
    return [before, Math.min(before + 1, count - 1), inside - before];
  }

  /**
   * Bilinear means of the four pictures around each place; beyond them all, of the nearest ones.
   * @param {number[][]} places [[u, v], ...]
   * @param {number} which number of the class that the decoder was told
   */
  read(places, which = 0) {
    const { shape, data } = this.blocks[which];
    const size = data.length / shape[0];
    const found = new data.constructor(places.length * size);
    const whole = found instanceof Uint8Array ? 0.5 : 0; // rounds
    places.forEach(([u, v], at) => {
      const [i0, i1, s] = Reading.#between((u - this.left) / this.step, this.columns);
      const [j0, j1, t] = Reading.#between((v - this.bottom) / this.step, this.rows);
      const [a, b, c, d] = [[i0, j0], [i1, j0], [i0, j1], [i1, j1]].map(([i, j]) => (j * this.columns + i) * size);
      const [wa, wb, wc, wd] = [(1 - s) * (1 - t), s * (1 - t), (1 - s) * t, s * t];
      for (let k = 0; k < size; k++) {
        found[at * size + k] = wa * data[a + k] + wb * data[b + k] + wc * data[c + k] + wd * data[d + k] + whole;
      }
    });
    return { shape: [places.length, ...shape.slice(1)], data: found };
  }
}
