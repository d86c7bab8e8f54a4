/** Where points are: the nearest one to a place, and those inside a loop. */
export class Places {
  /** @param {Float32Array} xy u, v, u, v, ... */
  constructor(xy) {
    this.xy = xy;
    this.count = xy.length / 2;
    this.#sort();
  }

  /** Points in the order of the squares of a grid in which they lie. */
  #sort() {
    const { xy, count } = this;
    let [left, bottom, right, top] = [Infinity, Infinity, -Infinity, -Infinity];
    for (let i = 0; i < count; i++) {
      left = Math.min(left, xy[2 * i]);
      right = Math.max(right, xy[2 * i]);
      bottom = Math.min(bottom, xy[2 * i + 1]);
      top = Math.max(top, xy[2 * i + 1]);
    }
    this.side = Math.max(1, Math.ceil(Math.sqrt(count / 4)));
    this.left = left;
    this.bottom = bottom;
    this.cell = Math.max(right - left, top - bottom, 1e-12) / this.side;
    const cellOf = new Uint32Array(count);
    this.starts = new Uint32Array(this.side * this.side + 1);
    for (let i = 0; i < count; i++) {
      cellOf[i] = this.#row(xy[2 * i + 1] - bottom) * this.side + this.#row(xy[2 * i] - left);
      this.starts[cellOf[i] + 1]++;
    }
    for (let c = 0; c < this.side * this.side; c++) this.starts[c + 1] += this.starts[c];
    const next = this.starts.slice();
    this.order = new Uint32Array(count);
    for (let i = 0; i < count; i++) this.order[next[cellOf[i]]++] = i;
  }

  #row(distance) {
    return Math.min(this.side - 1, Math.max(0, Math.floor(distance / this.cell)));
  }

  *#cells(left, bottom, right, top) {
    if (!this.count) return;
    for (let row = this.#row(bottom - this.bottom); row <= this.#row(top - this.bottom); row++) {
      for (let column = this.#row(left - this.left); column <= this.#row(right - this.left); column++) {
        yield row * this.side + column;
      }
    }
  }

  /** The point nearest to a place, at most `reach` away; -1 for none. */
  nearest(u, v, reach) {
    if (reach === Infinity) {
      // In wider and wider rings; the last one holds all.
      for (let wider = this.cell; ; wider *= 4) {
        const found = this.nearest(u, v, wider);
        if (found >= 0 || !this.count || !(wider < Number.MAX_VALUE)) return found;
      }
    }
    let [best, least] = [-1, reach * reach];
    for (const cell of this.#cells(u - reach, v - reach, u + reach, v + reach)) {
      for (let at = this.starts[cell]; at < this.starts[cell + 1]; at++) {
        const i = this.order[at];
        const far = (this.xy[2 * i] - u) ** 2 + (this.xy[2 * i + 1] - v) ** 2;
        if (far <= least) [best, least] = [i, far];
      }
    }
    return best;
  }

  /** Points inside a loop of places [[u, v], ...], in their order. */
  inside(loop) {
    const us = loop.map(([u]) => u);
    const vs = loop.map(([, v]) => v);
    const [left, right] = [Math.min(...us), Math.max(...us)];
    const [bottom, top] = [Math.min(...vs), Math.max(...vs)];
    const found = [];
    for (const cell of this.#cells(left, bottom, right, top)) {
      for (let at = this.starts[cell]; at < this.starts[cell + 1]; at++) {
        const i = this.order[at];
        if (encloses(loop, this.xy[2 * i], this.xy[2 * i + 1])) found.push(i);
      }
    }
    return Uint32Array.from(found).sort();
  }
}

/** Whether a loop goes round a place: a ray from there crosses it an odd number of times. */
function encloses(loop, u, v) {
  let within = false;
  for (let i = 0, j = loop.length - 1; i < loop.length; j = i++) {
    const [u0, v0] = loop[i];
    const [u1, v1] = loop[j];
    if (v0 > v !== v1 > v && u < ((u1 - u0) * (v - v0)) / (v1 - v0) + u0) within = !within;
  }
  return within;
}
