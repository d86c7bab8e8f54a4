/** Which model segments: what the page Segment shows first. */
import { empty, h, short } from "../../dom.js";

/** Whether a model segments images. */
export const ofImages = (card) => ["segmentation", "instances"].includes(card.task);

/** Its score with interval, in words. */
function score(card) {
  const [kind, words] = card.task === "instances" ? ["ap_50", "TP/(TP+FP+FN) at IoU 0.5"] : ["dice", "Dice"];
  const found = card.scores[kind];
  if (!found) return "not scored";
  const interval = found.low == null ? "" : ` [${found.low.toFixed(3)}, ${found.high.toFixed(3)}]`;
  return `${words} ${found.mean.toFixed(3)}${interval}, ${short(found.cases)} images`;
}

const cardOf = (card) => h("a", { class: "card model", href: `#/segment/${encodeURIComponent(card.name)}` },
  h("h2", {}, card.name),
  h("p", {}, card.title),
  h("p", { class: "row" }, card.classes.slice(1).map((name) => h("span", { class: "tag" }, name)),
    card.task === "instances" && h("span", { class: "tag" }, "single objects")),
  h("p", { class: "quiet" }, score(card)));

/** Fills the page with all segmenters, or says how to come by one. */
export function fillChoice(root, cards) {
  root.append(h("h1", {}, "Segment"));
  const fit = cards.filter(ofImages);
  if (!fit.length) {
    root.append(empty("There is no segmenter here yet", "Train one on the page Runs, or in half a minute by ", h("code", {}, "isthmus train segment-demo"), "."));
  } else {
    root.append(h("p", { class: "quiet" }, "Choose a model; then drop images on it."), h("div", { class: "cards" }, fit.map(cardOf)));
  }
  const volumes = cards.filter((card) => card.task === "volumes");
  if (volumes.length) {
    root.append(h("p", { class: "quiet" }, `${volumes.map((card) => card.name).join(", ")}: of volumes, which `, h("code", {}, "isthmus segment RUN volumes/ labels/"), " segments."));
  }
}
