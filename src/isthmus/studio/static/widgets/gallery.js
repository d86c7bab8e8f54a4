/** Many samples, each with what the model makes of it. */
import { h, say } from "../dom.js";
import { paint, picture } from "./picture.js";

const PAGE = 36;

/**
 * @param {object} to
 * @param {(places: number[]) => Promise<object>} to.samples block of samples
 * @param {{ name: string, ask: (places: number[]) => Promise<object> }[]} [to.rebuilt] what models make of them
 * @param {(place: number, at: number) => string} to.caption
 * @param {(place: number) => void} to.onpick
 * @param {(place: number) => void} [to.onhover] -1 for none
 * @param {() => object[]} [to.features]
 */
export function gallery(to) {
  const list = h("ul", { class: "gallery" });
  const more = h("button", { hidden: true, onclick: () => page() }, "Show more");
  const element = h("div", {}, list, more);
  let places = [];
  let shown = 0;
  let version = 0;

  async function page() {
    const mine = version;
    const from = shown;
    const some = places.slice(from, from + PAGE);
    shown += some.length;
    more.hidden = shown >= places.length;
    if (!some.length) return;
    const rows = some.map((place, i) => {
      const canvases = [picture("sample", { class: "thumb" }), ...(to.rebuilt ?? []).map(({ name }) => picture(name, { class: "thumb" }))];
      const item = h(
        "button",
        { class: "plain item", onclick: () => to.onpick(place), onpointerenter: () => to.onhover?.(place), onpointerleave: () => to.onhover?.(-1) },
        h("span", { class: "pair" }, canvases),
        h("span", { class: "caption" }, to.caption(place, from + i)),
      );
      list.append(h("li", {}, item));
      return canvases;
    });
    try {
      const asked = [to.samples, ...(to.rebuilt ?? []).map(({ ask }) => ask)];
      const blocks = await Promise.all(asked.map((ask) => ask(some)));
      if (mine !== version) return;
      rows.forEach((canvases, i) => canvases.forEach((canvas, c) => paint(canvas, blocks[c], i, to.features?.() ?? [])));
    } catch (error) {
      if (mine === version) say(error.message, true);
    }
  }

  return {
    element,
    /** @param {ArrayLike<number>} newPlaces */
    show(newPlaces) {
      version++;
      places = Array.from(newPlaces);
      shown = 0;
      list.replaceChildren();
      return page();
    },
  };
}
