/** Lines over epochs that grow while a training runs, by uPlot. */
import uPlot from "../vendor/uplot.js";
import { colour, h, short } from "../dom.js";

const HEIGHT = 300;
const RANGE = 10; // from which ratio on of the greatest to the least value a log scale is easier to read
const MOST = 8; // colours that there are

/**
 * A plot in `host`. `set(lines)` shows lines { label, x, y, dashed, series }, where x and y are arrays
 * and series counts the colours from 1; `toggle` is a switch for a log scale; `clear()` lets go of it.
 */
export function curves(host, label, xTitle = "epoch") {
  const box = h("div", { class: "curves", role: "img", "aria-label": label });
  const log = h("input", { type: "checkbox" });
  const dark = matchMedia("(prefers-color-scheme: dark)");
  let chosen = false;
  let lines = [];
  let plot = null;
  let shape = "";
  host.append(box);

  const data = () => {
    const xs = [...new Set(lines.flatMap(({ x }) => x))].sort((a, b) => a - b);
    const ys = lines.map(({ x, y }) => {
      const at = new Map(x.map((value, i) => [value, y[i]]));
      return xs.map((value) => (log.checked && !(at.get(value) > 0) ? null : (at.get(value) ?? null)));
    });
    return [xs, ...ys];
  };

  const build = () => {
    plot?.destroy();
    const [ink, grid] = [colour("quiet"), colour("line")];
    const axis = { stroke: ink, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid, width: 1 }, font: "12px system-ui" };
    plot = new uPlot(
      {
        width: Math.max(200, box.clientWidth),
        height: HEIGHT,
        scales: { x: { time: false }, y: log.checked ? { distr: 3 } : {} },
        axes: [
          { ...axis, label: xTitle, labelSize: 18, size: 34, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000, 10000, 100000] },
          { ...axis, size: 64, values: (_, values) => values.map((value) => (value == null ? "" : short(value))) },
        ],
        series: [
          { label: xTitle },
          ...lines.map((line) => ({
            label: line.label,
            stroke: colour(`series-${((line.series - 1) % MOST) + 1}`),
            width: 2,
            dash: line.dashed ? [6, 4] : undefined,
            spanGaps: true,
            points: { show: line.x.length < 3 },
            value: (_, value) => short(value),
          })),
        ],
      },
      data(),
      box,
    );
  };

  const draw = () => {
    if (!chosen) {
      const values = lines.flatMap(({ y }) => y).filter((value) => value != null);
      log.checked = values.length > 0 && Math.min(...values) > 0 && Math.max(...values) / Math.min(...values) > RANGE;
    }
    const now = JSON.stringify([log.checked, lines.map(({ label: name, dashed, series, x }) => [name, dashed, series, x.length < 3])]);
    if (plot && now === shape) plot.setData(data());
    else build();
    shape = now;
    plot.setLegend({ idx: plot.data[0].length - 1 });
    const last = lines.map(({ label: name, y }) => `${name} ${short(y.at(-1))}`);
    box.setAttribute("aria-label", `${label}: ${last.join(", ")}`);
  };

  log.addEventListener("change", () => ((chosen = true), draw()));
  dark.addEventListener("change", build);
  const resized = new ResizeObserver(() => plot?.setSize({ width: Math.max(200, box.clientWidth), height: HEIGHT }));
  resized.observe(box);
  return {
    toggle: h("label", { class: "quiet" }, log, "Logarithmic"),
    set: (given) => ((lines = given), draw()),
    clear: () => (resized.disconnect(), dark.removeEventListener("change", build), plot?.destroy()),
  };
}

/** The columns of rows of metrics: one line for each name that is there. */
export const lineOf = (rows, name, options) => {
  const known = rows.filter((row) => row[name] != null);
  return { x: known.map((row) => row.epoch), y: known.map((row) => row[name]), ...options };
};
