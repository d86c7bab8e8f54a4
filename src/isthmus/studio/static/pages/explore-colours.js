/** What points are coloured by, and what stands out. */
import { h } from "../dom.js";
import { classLegend, scaleLegend } from "../widgets/legend.js";
import { classColour, scaleColour, spread } from "../widgets/palette.js";
import { opacityAmong } from "../widgets/scatter.js";

const TITLES = { class: "Class", error: "Reconstruction error", density: "Density", strangeness: "Strangeness" };
const DIM = 0.12; // share of their opacity that the others keep where some stand out

/** What is known of each sample: class (-1 for none), error, density and strangeness. */
export class Facts {
  /** @param {Float32Array} numbers four for each sample */
  constructor(numbers, classNames) {
    this.numbers = numbers;
    this.count = numbers.length / 4;
    this.classNames = classNames;
    this.labelled = classNames.length > 0 && numbers[0] >= 0;
  }

  label = (place) => this.numbers[4 * place];
  error = (place) => this.numbers[4 * place + 1];
  strangeness = (place) => this.numbers[4 * place + 3];
  className = (place) => (this.labelled ? this.classNames[this.label(place)] : "");
  column = (name) => {
    const at = { error: 1, density: 2, strangeness: 3 }[name];
    return Float32Array.from({ length: this.count }, (_, place) => this.numbers[4 * place + at]);
  };

  /** Number of samples of each class, of some samples or all. */
  counts(places = null) {
    const counts = this.classNames.map(() => 0);
    const total = places?.length ?? this.count;
    for (let i = 0; i < total; i++) counts[this.label(places ? places[i] : i)]++;
    return counts;
  }
}

/**
 * @param {Facts} facts
 * @param {(rgba: Uint8Array) => void} paint
 */
export function colouring(facts, paint) {
  const legend = h("div", { class: "legend-place" });
  const { count } = facts;
  let by = facts.labelled ? "class" : "density";
  let stands = null; // the class that stands out
  let chosen = null; // the samples that do
  let colours = new Uint8Array(0);

  function tint() {
    const opacity = 255 * opacityAmong(count);
    for (let place = 0; place < count; place++) {
      const dim = (chosen && !chosen[place]) || (stands != null && facts.label(place) !== stands);
      colours[4 * place + 3] = dim ? opacity * DIM : opacity;
    }
    paint(colours);
  }

  function set(name) {
    by = name;
    stands = null;
    colours = new Uint8Array(4 * count);
    if (by === "class") {
      const palette = [-1, ...facts.classNames.keys()].map(classColour);
      for (let place = 0; place < count; place++) colours.set(palette[facts.label(place) + 1], 4 * place);
      legend.replaceChildren(classLegend(facts.classNames, facts.counts(), (label) => ((stands = label), tint())));
    } else {
      const values = facts.column(by);
      const [low, high] = spread(values);
      values.forEach((value, place) => colours.set(scaleColour((value - low) / (high - low || 1)), 4 * place));
      legend.replaceChildren(by === "density" ? scaleLegend("Density", "sparse", "dense") : scaleLegend(TITLES[by], low, high));
    }
    tint();
  }

  return {
    legend,
    by: () => by,
    options: Object.entries(TITLES).filter(([name]) => name !== "class" || facts.labelled),
    set,
    /** Samples that stand out; none for all. */
    choose(places) {
      chosen = places.length ? new Uint8Array(count) : null;
      for (const place of places) chosen[place] = 1;
      tint();
    },
  };
}
