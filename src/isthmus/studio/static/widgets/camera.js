/** What part of a plane is seen: from places (u, v) to pixels and back, both axes at one scale. */
export class Camera {
  u = 0; // in the middle of the screen
  v = 0;
  scale = 1; // pixels of a unit
  width = 1; // pixels
  height = 1;
  #whole = 1; // the scale at which everything is seen

  /** Times by which the plane is enlarged. */
  get zoom() {
    return this.scale / this.#whole;
  }

  /** Pixels of a place; v goes up. */
  toScreen(u, v) {
    return [this.width / 2 + (u - this.u) * this.scale, this.height / 2 - (v - this.v) * this.scale];
  }

  /** Place under a pixel. */
  toPlane(x, y) {
    return [this.u + (x - this.width / 2) / this.scale, this.v - (y - this.height / 2) / this.scale];
  }

  /** Show all of [least u, least v, greatest u, greatest v], with a margin. */
  fit([left, bottom, right, top]) {
    this.u = (left + right) / 2;
    this.v = (bottom + top) / 2;
    const across = Math.max(right - left, 1e-9);
    const up = Math.max(top - bottom, 1e-9);
    this.scale = this.#whole = 0.92 * Math.min(this.width / across, this.height / up);
  }

  /** Another size of the screen; what is seen in the middle stays. */
  resize(width, height) {
    const factor = Math.min(width, height) / Math.min(this.width, this.height);
    this.scale *= factor;
    this.#whole *= factor;
    this.width = width;
    this.height = height;
  }

  pan(dx, dy) {
    this.u -= dx / this.scale;
    this.v += dy / this.scale;
  }

  /** Enlarge around a pixel, which stays where it is. */
  enlarge(factor, x = this.width / 2, y = this.height / 2) {
    const [u, v] = this.toPlane(x, y);
    this.scale = Math.min(Math.max(this.scale * factor, this.#whole / 8), this.#whole * 1e5);
    const [x1, y1] = this.toScreen(u, v);
    this.pan(x - x1, y - y1);
  }

  centre(u, v) {
    this.u = u;
    this.v = v;
  }

  sees(u, v) {
    const [x, y] = this.toScreen(u, v);
    return x >= 0 && y >= 0 && x <= this.width && y <= this.height;
  }
}

/** [least u, least v, greatest u, greatest v] of places u, v, u, v, ...; far outliers are left out of many. */
export function boundsOf(places) {
  const count = places.length / 2;
  const step = Math.max(1, Math.floor(count / 20000));
  const axes = [0, 1].map((axis) => {
    const values = new Float32Array(Math.ceil(count / step));
    for (let i = 0, at = 0; i < count; i += step) values[at++] = places[2 * i + axis];
    values.sort();
    const cut = Math.floor(values.length * 0.001);
    return [values[cut], values[values.length - 1 - cut]];
  });
  return [axes[0][0], axes[1][0], axes[0][1], axes[1][1]];
}
