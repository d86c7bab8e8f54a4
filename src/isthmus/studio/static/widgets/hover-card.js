/** A card beside the pointer: the sample that is pointed at. */
import { h, say } from "../dom.js";
import { newest } from "./newest.js";
import { paint, picture } from "./picture.js";

const MOST_KEPT = 2000;

/**
 * @param {HTMLElement} over the plane
 * @param {object} to
 * @param {(place: number) => Promise<object>} to.thumbnail block of a sample
 * @param {(place: number) => string} to.caption
 * @param {() => object[]} to.features
 * @returns {(place: number, x: number, y: number) => void} place -1 hides it
 */
export function hoverCard(over, to) {
  const canvas = picture("sample", { class: "thumb" });
  const text = h("span");
  const box = h("div", { class: "hover-card", hidden: true }, canvas, text);
  const kept = new Map();
  let shown = -1;
  over.append(box);

  const thumbnail = newest(
    async (place) => {
      if (!kept.has(place)) {
        if (kept.size > MOST_KEPT) kept.clear();
        kept.set(place, await to.thumbnail(place));
      }
      return kept.get(place);
    },
    (block) => paint(canvas, block, 0, to.features()),
    (error) => say(error.message, true),
  );

  return (place, x, y) => {
    box.hidden = place < 0;
    if (place < 0) {
      shown = -1;
      return;
    }
    const right = x > over.clientWidth - 170;
    const low = y > over.clientHeight - 110;
    box.style.transform =
      `translate(${x + (right ? -14 : 14)}px, ${y + (low ? -14 : 14)}px)` + ` translate(${right ? "-100%" : "0"}, ${low ? "-100%" : "0"})`;
    if (place === shown) return;
    shown = place;
    box.dataset.place = place;
    text.textContent = to.caption(place);
    thumbnail(place);
  };
}
