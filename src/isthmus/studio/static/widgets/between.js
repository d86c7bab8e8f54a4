/** The straight line between two samples' codes, decoded. */
import { h, say } from "../dom.js";
import { newest } from "./newest.js";
import { paint, picture } from "./picture.js";

/** (1 - t) a + t b. */
export const mix = (a, b, t) => a.map((value, i) => (1 - t) * value + t * b[i]);

/**
 * @param {object} to
 * @param {(codes: Float32Array[]) => Promise<object>} to.decode block of decoded codes
 * @param {(place: number) => Promise<object>} to.thumbnail
 * @param {(code: Float32Array) => void} to.onchange where the slider is
 * @param {(ends: ({ place: number, code: Float32Array } | null)[]) => void} to.onends
 * @param {() => { place: number, code: Float32Array } | null} to.picked
 * @param {() => object[]} [to.features]
 */
export function between(to) {
  const ends = [null, null];
  const thumbs = ["A", "B"].map((name) => picture(`sample ${name}`, { class: "thumb" }));
  const slider = h("input", { type: "range", min: 0, max: 1, step: 0.005, value: 0, "aria-label": "From A to B", disabled: true, oninput: slide });
  const count = h("input", { type: "number", min: 3, max: 33, value: 9, "aria-label": "Number of pictures", onchange: strip });
  const play = h("button", { disabled: true, "aria-pressed": "false", onclick: toggle }, "Play");
  const list = h("ol", { class: "strip" });
  const element = h(
    "div",
    { class: "between" },
    h("p", { class: "quiet" }, "Pick a sample on the plane, then take it as an end."),
    h(
      "div",
      { class: "ends" },
      ["A", "B"].map((name, at) => h("div", {}, thumbs[at], h("button", { onclick: () => take(at) }, `Picked sample as ${name}`))),
    ),
    h("div", { class: "row" }, h("span", {}, "A"), h("span", { class: "grow slide" }, slider), h("span", {}, "B"), play),
    h("label", {}, "Pictures", count),
    list,
  );
  let timer = 0;

  async function take(at, sample = to.picked()) {
    if (!sample) return say("Pick a sample first: press one of the points.");
    ends[at] = sample;
    to.onends(ends);
    const ready = ends.every(Boolean);
    slider.disabled = play.disabled = !ready;
    if (ready) {
      slide();
      strip();
    }
    try {
      paint(thumbs[at], await to.thumbnail(sample.place), 0, to.features?.() ?? []);
    } catch (error) {
      say(error.message, true);
    }
  }

  function slide() {
    to.onchange(mix(ends[0].code, ends[1].code, Number(slider.value)));
  }

  const ask = newest(
    (codes) => to.decode(codes),
    (block, codes) => {
      list.replaceChildren(
        ...codes.map((code, i) => {
          const canvas = picture(`${Math.round((100 * i) / (codes.length - 1))} % of the way`, { class: "thumb" });
          const go = () => {
            slider.value = i / (codes.length - 1);
            slide();
          };
          queueMicrotask(() => paint(canvas, block, i, to.features?.() ?? []));
          return h("li", {}, h("button", { class: "plain", onclick: go }, canvas));
        }),
      );
    },
    (error) => say(error.message, true),
  );

  function strip() {
    if (!ends.every(Boolean)) return;
    const steps = Math.min(33, Math.max(3, Math.round(Number(count.value)) || 9));
    count.value = steps;
    ask(Array.from({ length: steps }, (_, i) => mix(ends[0].code, ends[1].code, i / (steps - 1))));
  }

  function toggle() {
    const on = play.getAttribute("aria-pressed") !== "true";
    play.setAttribute("aria-pressed", on);
    play.textContent = on ? "Stop" : "Play";
    cancelAnimationFrame(timer);
    const begun = performance.now() - (Math.acos(1 - 2 * Number(slider.value)) / Math.PI) * 2500;
    const step = (now) => {
      slider.value = (1 - Math.cos((Math.PI * (now - begun)) / 2500)) / 2;
      slide();
      timer = requestAnimationFrame(step);
    };
    if (on) timer = requestAnimationFrame(step);
  }

  return { element, take, free: () => cancelAnimationFrame(timer) };
}
