/** The images of this visit as a list, the least certain first. */
import { h } from "../../dom.js";

const WHY = "Ordered by the mean entropy of the probabilities over what was segmented, the least certain first; where nothing was found it is the most.";

/**
 * @param {object} given
 * @param {import("./visit.js").Visit} given.visit
 * @param {(item: object) => void} given.show
 * @param {(item: object) => void} given.remove
 * @param {(item: object) => void} given.again
 */
export function reviewList({ visit, show, remove, again }) {
  const list = h("ol", { class: "review" });
  const count = h("span", { class: "quiet grow" });
  const step = (by) => {
    const ready = visit.ordered().filter((item) => visit.state(item).done);
    const place = ready.indexOf(shown);
    const next = ready[place < 0 ? 0 : place + by];
    if (next) show(next);
  };
  const element = h("section", { class: "card review-card", "aria-label": "Review" },
    h("div", { class: "row" }, h("h2", {}, "Review"), count,
      h("button", { type: "button", title: "Key p", onclick: () => step(-1) }, "Previous"),
      h("button", { type: "button", title: "Key n", onclick: () => step(1) }, "Next")),
    h("p", { class: "quiet small" }, WHY), list);
  let shown = null;

  function line(item) {
    const { told, done, busy, error } = visit.state(item);
    const share = done ? told.entropy_bits / told.most_bits : 0;
    return h("li", { class: item === shown ? "shown" : "", "aria-current": item === shown ? "true" : null },
      h("button", { type: "button", class: "name", disabled: !done, onclick: () => show(item) },
        h("span", { class: "mark", title: item.seen ? "seen" : "not seen yet", "aria-label": item.seen ? "seen" : "not seen yet" }, item.seen ? "✓" : "•"),
        h("span", { class: "grow" }, item.name)),
      done && h("span", { class: "certainty", title: `mean entropy ${told.entropy_bits.toFixed(3)} bits, expected Dice ${told.expected_dice.toFixed(3)}` },
        h("span", { class: "bar" }, h("span", { style: `width: ${100 * share}%` })), `${told.entropy_bits.toFixed(3)} bits`),
      !done && !error && h("span", { class: "quiet" }, busy ? "being segmented…" : "waiting"),
      error && h("span", { class: "trouble" }, error, " ", h("button", { type: "button", onclick: () => again(item) }, "Try again")),
      h("button", { type: "button", class: "remove", "aria-label": `Remove ${item.name}`, title: "Remove", onclick: () => remove(item) }, "×"));
  }

  function update(item = shown) {
    shown = item;
    const order = visit.ordered();
    element.hidden = !order.length;
    const seen = order.filter((one) => one.seen).length;
    count.textContent = `${order.length} ${order.length === 1 ? "image" : "images"}, ${seen} seen`;
    const focused = list.contains(document.activeElement);
    list.replaceChildren(...order.map(line));
    if (focused) (list.querySelector(".shown .name") ?? list.querySelector("button"))?.focus({ preventScroll: true });
    const row = list.querySelector(".shown");
    if (!row) return;
    list.scrollTop = Math.min(list.scrollTop, row.offsetTop); // the list alone; the page stays
    list.scrollTop = Math.max(list.scrollTop, row.offsetTop + row.offsetHeight - list.clientHeight);
  }

  const keys = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest?.("input, select, textarea")) return;
    if (event.key === "n") step(1);
    if (event.key === "p") step(-1);
  };
  window.addEventListener("keydown", keys);
  return { element, update, end: () => window.removeEventListener("keydown", keys) };
}
