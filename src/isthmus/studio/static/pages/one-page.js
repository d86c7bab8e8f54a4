/** One page on one model: its code space with nothing to ask, all that is shown is in the file. */
import { h, say, short } from "../dom.js";
import { tabs } from "../widgets/tabs.js";
import { betweenPanel, outliersPanel, samplePanel, selectionPanel, unitsPanel } from "./explore-panels.js";
import { pane } from "./explore-pane.js";
import { bus } from "./explore-source.js";
import { ownSource } from "./one-page/source.js";

const told = JSON.parse(document.getElementById("told").textContent);
const root = document.getElementById("page");

async function fill() {
  const space = { ...told.space, fixed: true };
  const source = await ownSource(told, space);
  const between = bus();
  const painter = ["canvas", "webgl"].find((one) => new URLSearchParams(location.search).has(one));
  const view = await pane(source, space, between, { painter });
  const side = h("div", { class: "card" }, panels(view, between, source.exact));
  root.append(
    h(
      "div",
      { class: "explore page-explore one-page" },
      heading(space),
      h("div", { class: "stage" }, h("div", {}, view.element), h("aside", { class: "side" }, h("div", {}, view.reader, source.note), side), about(space)),
    ),
  );
  view.setCode(view.code()); // now that there is room for it
  if (await source.ready) view.setCode(view.code());
}

function heading(space) {
  const { count, sizes } = space.shown;
  const part = sizes.test ? "test" : "training";
  const all = sizes[part];
  const number = all > count ? `${count.toLocaleString("en")} of ${all.toLocaleString("en")}` : count.toLocaleString("en");
  const what = `${space.kind.replaceAll("_", " ")} · ${space.units} code ${space.units === 1 ? "unit" : "units"} · ${number} ${part} samples of ${space.shown.name}`;
  return h("div", { class: "explore-head" }, h("div", { class: "grow" }, h("h1", {}, space.title), h("p", { class: "quiet" }, what)));
}

/** What needs only codes that can be decoded: of long codes a lattice holds but one plane. */
function panels(view, between, exact) {
  const list = [
    { name: "sample", title: "Sample", content: samplePanel([view], between) },
    { name: "selection", title: "Selection", content: selectionPanel([view], between) },
  ];
  if (exact) list.push({ name: "units", title: "Units", content: unitsPanel(view, between) }, { name: "between", title: "Between", content: betweenPanel(view).element });
  const outliers = outliersPanel(view, between);
  list.push({ name: "outliers", title: "Outliers", content: outliers.element });
  const tabbed = tabs(list, (name) => name === "outliers" && outliers.open());
  between.on("picked", () => ["units", "between", "outliers"].includes(tabbed.current()) || tabbed.open("sample"));
  between.on("select", (places) => places.length && tabbed.open("selection"));
  return tabbed.element;
}

/** What the model scored, beside what is simpler. */
function about(space) {
  const { measures, scores, part } = told;
  const cell = (score, ours) => {
    const kind = ours ? "number ours" : "number";
    if (!score) return h("td", { class: kind }, "–");
    const [mean, low, high] = score;
    if (high == null) return h("td", { class: kind }, short(mean));
    const digits = high > low ? Math.min(6, Math.max(0, 1 - Math.floor(Math.log10(high - low)))) : 3; // two of the interval's
    const [middle, ...ends] = score.map((one) => one.toFixed(digits));
    return h("td", { class: kind }, middle, h("span", { class: "quiet interval" }, ends.join(" – ")));
  };
  const table =
    scores.length > 0 &&
    h(
      "div",
      { class: "scroll", tabindex: 0, role: "region", "aria-label": "Scores" },
      h(
        "table",
        {},
        h("thead", {}, h("tr", {}, h("td"), scores.map(({ method }) => h("th", { scope: "col", class: method === "model" ? "number ours" : "number" }, method)))),
        h("tbody", {}, measures.map((name, at) => h("tr", {}, h("th", { scope: "row" }, name), scores.map(({ method, scores: column }) => cell(column[at], method === "model"))))),
      ),
    );
  const words = scores.length ? `Means over the ${part} samples, with 95 % intervals.` : "This model has not been scored.";
  return h(
    "section",
    { class: "card about" },
    h("h2", {}, "Scores"),
    table,
    h("p", { class: "quiet" }, `${words} Samples of shape ${space.sample_shape.join(" × ")}. Written by Isthmus ${told.isthmus}; nothing on this page asks a server.`),
  );
}

fill().catch((error) => {
  say(error.message, true);
  throw error;
});
