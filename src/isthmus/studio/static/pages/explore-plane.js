/** The plane on which codes are seen: which one, and the code at each of its places. */

/** Ways to lay out codes of so many units: [name, title]; where the plane is fixed, the first of them. */
export function viewsOf(space) {
  const views = allViewsOf(space);
  return space.fixed ? views.slice(0, 1) : views;
}

function allViewsOf(space) {
  const umap = space.umap ? [["umap", "UMAP (a view only)"]] : [];
  if (!space.shown) return [["units", space.units > 2 ? "Two units" : "Codes as they are"]];
  if (space.units === 1) return [["units", "Codes as they are"]];
  if (space.units === 2) return [["units", "Codes as they are"], ["principal", "Principal axes"], ...umap];
  return [["principal", "Principal axes"], ["units", "Two units"], ["anchors", "Three anchors"], ...umap];
}

/** o + u a + v b. */
export class Plane {
  constructor(origin, a, b) {
    Object.assign(this, { origin, a, b });
  }

  codeAt(u, v) {
    return this.origin.map((value, i) => value + u * this.a[i] + v * this.b[i]);
  }

  /** Where the foot of a code is. */
  placeOf(code) {
    let [u, v] = [0, 0];
    code.forEach((value, i) => {
      u += (value - this.origin[i]) * this.a[i];
      v += (value - this.origin[i]) * this.b[i];
    });
    return [u, v];
  }

  /** The same plane moved to hold a code; every code keeps its place. */
  through(code) {
    const [u, v] = this.placeOf(code);
    return new Plane(code.map((value, i) => value - u * this.a[i] - v * this.b[i]), this.a, this.b);
  }

  /** Codes of places u, v, u, v, ..., one after another. */
  codesAt(places) {
    const units = this.origin.length;
    const codes = new Float32Array((places.length / 2) * units);
    for (let i = 0; i < places.length / 2; i++) codes.set(this.codeAt(places[2 * i], places[2 * i + 1]), i * units);
    return codes;
  }
}

/**
 * Ask for the plane of a view: { plane or null, places }.
 * @param {{ kind: string, units: number[], anchors: number[] }} view
 */
export async function planeOf(source, space, view) {
  const units = space.units;
  if (!space.shown) return withoutData(space, view);
  const { kind } = view;
  const unitPair = units === 1 ? [0, 0] : view.units;
  const numbers = await source.view({ kind, units: unitPair, anchors: kind === "anchors" ? view.anchors : null });
  const from = kind === "umap" ? 0 : 3 * units;
  const plane = from ? new Plane(...[0, 1, 2].map((i) => numbers.slice(i * units, (i + 1) * units))) : null;
  const places = numbers.slice(from);
  if (units === 1) scatterUp(places);
  return { plane, places, bounds: null };
}

/** Without samples: two units, three standard deviations to either side. */
function withoutData(space, view) {
  const [i, j] = space.units === 1 ? [0, 0] : view.units;
  const mean = Float32Array.from(space.mean, (value) => (space.variational ? 0 : value));
  const reach = (unit) => 3 * (space.variational ? 1 : space.std[unit] || 1);
  const bounds = [mean[i] - reach(i), mean[j] - reach(j), mean[i] + reach(i), mean[j] + reach(j)];
  const axis = (unit, length) => Float32Array.from(mean, (_, at) => (at === unit ? length : 0));
  const origin = mean.map((value, at) => (at === i || at === j ? 0 : value));
  return { plane: new Plane(origin, axis(i, 1), axis(j, i === j ? 0 : 1)), places: new Float32Array(0), bounds };
}

/** Codes of one unit lie on a line: they are spread upwards, so that they can be told apart. */
function scatterUp(places) {
  let [least, greatest] = [Infinity, -Infinity];
  for (let i = 0; i < places.length; i += 2) [least, greatest] = [Math.min(least, places[i]), Math.max(greatest, places[i])];
  for (let i = 0; i < places.length; i += 2) places[i + 1] = (((i / 2) * 0.618034) % 1 - 0.5) * 0.4 * (greatest - least || 1);
}
