/** What Explore asks a server about a run, answered from the page itself. */
import { h } from "../../dom.js";
import { Plane } from "../explore-plane.js";
import { blockOf, numbersOf, some } from "./blocks.js";
import { liveDecoder } from "./live.js";
import { Reading } from "./reading.js";

const NEAR = 12; // neighbours of a sample
const MOST_LIVE = 64; // codes that are computed at once; more, as of the decoded grid, are read

/**
 * @param {object} told see Told in one_page/content.py
 * @param {object} space
 */
export async function ownSource(told, space) {
  const { units } = space;
  const { numbers, names, typical } = told;
  const [codes, facts, axes] = await Promise.all([numbers.codes, numbers.facts, numbers.plane].map(numbersOf));
  const [samples, rebuilt, reading] = await Promise.all([blockOf(told.samples), blockOf(told.rebuilt), Reading.of(told.lattice)]);
  const plane = new Plane(...[0, 1, 2].map((i) => axes.slice(i * units, (i + 1) * units)));
  const count = codes.length / units;
  const codeOf = (place) => codes.subarray(place * units, (place + 1) * units);
  const note = h("p", { class: "note", "data-decoder": "lattice" });
  let which = 0; // class that the decoder is told
  let live = null;
  let how = told.decoder ? "The decoder is being loaded; until then the picture is read" : "Read";

  /** Places and distances of all codes from one, the nearest first, in typical distances. */
  function nearest(code, most) {
    const far = new Float32Array(count);
    for (let i = 0; i < count; i++) {
      let sum = 0;
      for (let k = 0; k < units; k++) sum += (codes[i * units + k] - code[k]) ** 2;
      far[i] = sum;
    }
    if (most === 1) {
      let best = 0;
      for (let i = 1; i < count; i++) if (far[i] < far[best]) best = i;
      return [{ place: best, distance: Math.sqrt(far[best]) / (typical || 1) }];
    }
    const order = Array.from(far.keys()).sort((a, b) => far[a] - far[b]);
    return order.slice(0, most).map((place) => ({ place, distance: Math.sqrt(far[place]) / (typical || 1) }));
  }

  const [nodes, height, width] = reading.blocks[0].shape;
  const [down, across] = space.sample_shape.slice(-2);
  const words = [
    `from a lattice of ${reading.rows > 1 ? `${reading.columns} × ${reading.rows}` : nodes} decoded samples; between them it is interpolated.`,
    units > 2 ? "They lie in the plane of the two principal axes: of a picked sample, its foot on that plane is decoded." : "",
    space.picture && (height < down || width < across) ? `They are reduced from ${across} × ${down} to ${width} × ${height} pixels.` : "",
  ].filter(Boolean).join(" ");

  function say(outside) {
    note.dataset.decoder = live ? "live" : "lattice";
    note.toggleAttribute("data-outside", !live && outside);
    note.textContent = live ? "Computed here, by the decoder itself." : outside ? "Outside the lattice of decoded samples: the nearest at its edge is shown." : `${how} ${words}`;
  }

  async function decode(asked, more = {}) {
    const all = Array.from({ length: asked.length / units }, (_, i) => asked.subarray(i * units, (i + 1) * units));
    const places = all.map((code) => plane.placeOf(code));
    const computed = live && all.length <= MOST_LIVE;
    const block = computed ? await live(asked, units, which) : reading.read(places, which);
    if (!more.nearest) return { block };
    say(reading.beyond(...places[0]));
    // What a lattice shows of a long code is its foot on the plane.
    return { block, ...nearest(computed ? all[0] : plane.codeAt(...places[0]), 1)[0] };
  }

  async function load() {
    if (!told.decoder) return false;
    try {
      live = await liveDecoder(told.decoder);
    } catch (error) {
      how = `The decoder cannot run here (${error.message}), so the picture is read`;
    }
    return true;
  }

  return {
    note,
    /** Whether all codes can be decoded, not those of one plane alone. */
    exact: Boolean(told.decoder) || units <= 2,
    /** Resolves once the decoder computes: whether pictures may be others than before. */
    ready: load(),
    bounds: reading.bounds,
    setClass: (name) => (which = space.told.indexOf(name)),
    points: async () => facts,
    async view() {
      const places = new Float32Array(2 * count);
      for (let i = 0; i < count; i++) places.set(plane.placeOf(codeOf(i)), 2 * i);
      const answer = new Float32Array(axes.length + places.length);
      answer.set(axes);
      answer.set(places, axes.length);
      return answer;
    },
    decode,
    samples: async (places, more = {}) => some(more.rebuilt ? rebuilt : samples, Array.from(places)),
    async sample(place) {
      const label = facts[4 * place];
      return {
        place,
        name: names?.[place] ?? String(place + 1),
        label: label >= 0 && space.shown.labelled ? space.shown.class_names[label] : null,
        error: facts[4 * place + 1],
        strangeness: facts[4 * place + 3],
        code: Array.from(codeOf(place)),
        near: nearest(codeOf(place), NEAR + 1).filter((one) => one.place !== place).slice(0, NEAR),
      };
    },
  };
}
