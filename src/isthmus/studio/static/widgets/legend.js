/** What the colours of points mean. */
import { h, short } from "../dom.js";
import { classColour, css, scaleGradient } from "./palette.js";

/**
 * Classes as buttons; one that is pressed stands out.
 * @param {string[]} names
 * @param {number[]} counts
 * @param {(label: number | null) => void} onpress null for none
 */
export function classLegend(names, counts, onpress) {
  let pressed = null;
  const buttons = names.map((name, label) =>
    h(
      "button",
      { class: "chip", "aria-pressed": "false", title: `${counts[label].toLocaleString("en")} samples; press to make them stand out`, onclick: () => press(label) },
      h("span", { class: "swatch", style: `background: ${css(classColour(label))}` }),
      name,
    ),
  );
  function press(label) {
    pressed = pressed === label ? null : label;
    buttons.forEach((button, at) => button.setAttribute("aria-pressed", at === pressed));
    onpress(pressed);
  }
  return h("div", { class: "legend", role: "group", "aria-label": "Classes" }, buttons);
}

/** A scale from low to high. */
export const scaleLegend = (name, low, high) =>
  h("div", { class: "legend" }, h("span", {}, name), h("span", { class: "quiet" }, typeof low === "string" ? low : short(low)), h("span", { class: "scale", style: `background: ${scaleGradient()}` }), h("span", { class: "quiet" }, typeof high === "string" ? high : short(high)));
