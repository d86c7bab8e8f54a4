/** A slider for each unit of a code. */
import { h } from "../dom.js";

const REACH = 3; // standard deviations to either side
const MOST = 64;
const STEPS = 300;

/**
 * @param {{ mean: number[], std: number[], order: number[] }} space
 * @param {(code: Float32Array) => void} onchange
 */
export function sliders(space, onchange) {
  let code = Float32Array.from(space.mean);
  let base = code;
  const units = space.order.slice(0, MOST);
  const rows = units.map((unit) => {
    const reach = REACH * (space.std[unit] || 1e-6);
    const value = h("output", { class: "number" });
    const input = h("input", {
      type: "range",
      min: space.mean[unit] - reach,
      max: space.mean[unit] + reach,
      step: (2 * reach) / STEPS,
      "aria-label": `Unit ${unit + 1}`,
      "data-unit": unit,
      oninput() {
        code = Float32Array.from(code);
        code[unit] = Number(input.value);
        value.textContent = code[unit].toFixed(2);
        onchange(code);
      },
      ondblclick() {
        input.value = base[unit];
        input.dispatchEvent(new Event("input"));
      },
    });
    return { unit, input, value, row: h("label", { class: "slider" }, h("span", {}, `Unit ${unit + 1}`), input, value) };
  });
  const note = space.order.length > MOST ? `The ${MOST} of ${space.order.length} units that vary most. ` : "";
  const element = h(
    "div",
    { class: "sliders" },
    h("p", { class: "quiet" }, `${note}Three standard deviations to either side of the mean; the first unit varies most.`),
    h("button", { onclick: () => change(base) }, "Back to where it began"),
    " ",
    h("button", { onclick: () => change(Float32Array.from(space.mean)) }, "Mean code"),
    rows.map(({ row }) => row),
  );

  function change(newCode) {
    set(newCode);
    onchange(code);
  }

  function set(newCode) {
    code = Float32Array.from(newCode);
    for (const { unit, input, value } of rows) {
      input.value = code[unit];
      value.textContent = code[unit].toFixed(2);
    }
  }
  set(code);

  return {
    element,
    /** Show a code that was chosen elsewhere; it is what "back" goes to. */
    set(newCode) {
      base = Float32Array.from(newCode);
      set(newCode);
    },
  };
}
