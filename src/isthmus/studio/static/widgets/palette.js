/** Colours of classes and of numbers, for light and dark alike. */

// Ten hues that stay apart on white and on near-black; more go round by the golden angle.
const CLASSES = ["#3b82c4", "#f08a24", "#2f9e62", "#dc4a4a", "#9a6fd0", "#a0714f", "#e377b8", "#7f8c99", "#b5b02c", "#22b3c1"];
// Viridis, without its darkest and palest ends.
const SCALE = [[72, 40, 120], [62, 74, 137], [49, 104, 142], [38, 130, 142], [31, 158, 137], [53, 183, 121], [110, 206, 88], [181, 222, 43], [246, 218, 50]];
const NONE = [130, 140, 150];

const parse = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));

/** Red, green and blue of a class; -1 is none. */
export function classColour(label) {
  if (label < 0) return NONE;
  if (label < CLASSES.length) return parse(CLASSES[label]);
  const hue = (label * 137.508) % 360;
  const part = (n) => {
    const k = (n + hue / 30) % 12;
    return Math.round(255 * (0.55 - 0.3 * Math.max(-1, Math.min(k - 3, 9 - k, 1))));
  };
  return [part(0), part(8), part(4)];
}

/** Red, green and blue of a share of the way from low to high. */
export function scaleColour(share) {
  if (!(share >= 0)) return SCALE[0];
  const at = Math.min(share, 1) * (SCALE.length - 1);
  const low = Math.min(Math.floor(at), SCALE.length - 2);
  return SCALE[low].map((value, c) => Math.round(value + (at - low) * (SCALE[low + 1][c] - value)));
}

export const css = ([r, g, b]) => `rgb(${r} ${g} ${b})`;
export const scaleGradient = () => `linear-gradient(90deg, ${SCALE.map(css).join(", ")})`;

/** Between what values nearly all of many lie: [1 % quantile, 99 % quantile]. */
export function spread(values) {
  const step = Math.max(1, Math.floor(values.length / 20000));
  const some = Float32Array.from({ length: Math.ceil(values.length / step) }, (_, i) => values[i * step]).sort();
  const at = (share) => some[Math.round(share * (some.length - 1))];
  return [at(0.01), at(0.99)];
}
