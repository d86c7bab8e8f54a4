/** Outlines of labels as thin lines between pixels, of what is in sight. */

/**
 * Lines along the edges of the labels by their colour.
 * @param {ArrayLike<number>} labels Row by row; 0 is the background.
 * @param {number} width
 * @param {number} height
 * @param {{x0: number, y0: number, x1: number, y1: number}} sight Pixels in sight, x1 and y1 beyond.
 * @param {(label: number) => ?string} colourOf None for what is not drawn.
 * @returns {Map<string, Path2D>}
 */
export function contours(labels, width, height, { x0, y0, x1, y1 }, colourOf) {
  const paths = new Map();
  const line = (label, ax, ay, bx, by) => {
    const colour = colourOf(label);
    if (!colour) return;
    if (!paths.has(colour)) paths.set(colour, new Path2D());
    const path = paths.get(colour);
    path.moveTo(ax, ay);
    path.lineTo(bx, by);
  };
  const at = (x, y) => (x < 0 || y < 0 || x >= width || y >= height ? 0 : labels[y * width + x]);
  // Runs of one pair of labels on either side of a grid line are one line.
  function scan(from, to, begin, end, pair, draw) {
    for (let k = from; k <= to; k++) {
      let start = begin;
      let [a, b] = pair(k, begin);
      for (let i = begin + 1; i <= end; i++) {
        const [c, d] = i < end ? pair(k, i) : [-1, -1];
        if (c === a && d === b) continue;
        if (a !== b) for (const label of [a, b]) if (label > 0) draw(label, k, start, i);
        [start, a, b] = [i, c, d];
      }
    }
  }
  scan(y0, y1, x0, x1, (y, x) => [at(x, y - 1), at(x, y)], (label, y, from, to) => line(label, from, y, to, y));
  scan(x0, x1, y0, y1, (x, y) => [at(x - 1, y), at(x, y)], (label, x, from, to) => line(label, x, from, x, to));
  return paths;
}
