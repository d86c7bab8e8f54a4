/** What the decoder makes of the code under the probe, and how far the data are. */
import { h, say } from "../dom.js";
import { newest } from "./newest.js";
import { paint, picture } from "./picture.js";

const NEAR = 2; // typical distances within which a code lies among the data
const FAR = 6;
const THUMBNAIL = 120; // milliseconds between pictures of nearest samples, which come second to the decoded ones

/**
 * @param {object} to what it asks
 * @param {(code: Float32Array) => Promise<{ block: object, place?: number, distance?: number }>} to.decode
 * @param {(place: number) => Promise<object>} [to.thumbnail] block of a sample
 * @param {(place: number) => void} [to.onpick] the nearest sample is pressed
 * @param {() => object[]} [to.features] columns of a table
 * @returns {{ element: HTMLElement, lens: HTMLElement, show(code: Float32Array): void, code(): Float32Array }}
 *   `lens` is a small copy to carry beside the probe
 */
export function probe(to) {
  const large = picture("decoded code", { class: "decoded" });
  const small = picture("decoded code", { class: "thumb" });
  const lens = h("div", { class: "lens", "aria-hidden": "true" }, h("div", { class: "lens-in" }, small));
  const nearest = picture("nearest sample", { class: "thumb" });
  const nearestButton = h("button", { class: "plain", title: "Pick this sample", hidden: true, onclick: () => to.onpick?.(shownPlace) }, nearest);
  const meter = h("span", { class: "meter", "aria-hidden": "true" }, h("span"));
  const distance = h("output", { class: "distance" });
  const verdict = h("span", { class: "quiet" });
  const rate = h("span", { class: "quiet rate" });
  const element = h(
    "section",
    { class: "readout", "aria-label": "Probe" },
    large,
    h("div", { class: "readout-facts" }, h("h2", {}, "Decoded here"), distance, meter, verdict, nearestButton, rate),
  );
  let shownPlace = -1;
  let latest = null;
  let waiting = 0;
  const times = [];
  const features = () => to.features?.() ?? [];

  function measure(place, far) {
    const known = place != null && Number.isFinite(far);
    meter.hidden = nearestButton.hidden = !known;
    if (!known) return;
    distance.textContent = `${far < 0.05 ? "0" : far.toFixed(far < 10 ? 1 : 0)} × typical`;
    distance.title = "Distance to the nearest code of a sample, in units of the median distance between nearest codes";
    verdict.textContent = far <= NEAR ? "among the data; nearest:" : far <= FAR ? "beside the data; nearest:" : "far from all data; nearest:";
    meter.dataset.state = far <= NEAR ? "near" : far <= FAR ? "beside" : "far";
    meter.firstChild.style.width = `${100 * Math.min(1, Math.log1p(far) / Math.log1p(60))}%`;
    if (place !== shownPlace) {
      shownPlace = place;
      waiting ||= setTimeout(() => ((waiting = 0), thumbnail(shownPlace)), THUMBNAIL);
    }
  }

  const thumbnail = newest(
    (place) => to.thumbnail(place),
    (block) => paint(nearest, block, 0, features()),
  );

  const ask = newest(
    (code) => to.decode(code),
    ({ block, place, distance: far }, code) => {
      paint(large, block, 0, features());
      paint(small, block, 0, features());
      element.dataset.code = Array.from(code).join(",");
      if (code === latest) element.removeAttribute("aria-busy");
      measure(place, far);
      const now = performance.now();
      times.push(now);
      while (now - times[0] > 1000) times.shift();
      if (times.length > 2) rate.textContent = `${times.length} pictures a second`;
      clearTimeout(rate.timer);
      rate.timer = setTimeout(() => (rate.textContent = ""), 1500);
    },
    (error) => say(error.message, true),
  );

  return {
    element,
    lens,
    show(code) {
      latest = code;
      element.setAttribute("aria-busy", "true");
      ask(code);
    },
    code: () => latest,
  };
}
