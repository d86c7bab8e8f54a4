/** Explore: the code space of a run, or of two side by side. */
import { getJson } from "../api.js";
import { empty, h, say, style } from "../dom.js";
import { tabs } from "../widgets/tabs.js";
import { betweenPanel, outliersPanel, samplePanel, searchPanel, selectionPanel, unitsPanel } from "./explore-panels.js";
import { choice, pane } from "./explore-pane.js";
import { bus, sourceOf } from "./explore-source.js";

const PARTS = [["test", "Test part"], ["validation", "Validation part"], ["training", "Training part"], ["all", "All data"]];
const COUNTS = [[1000, "1,000 samples"], [10000, "10,000 samples"], [100000, "100,000 samples"], [10000000, "All of them"]];
const ASKED_EVERY = 250; // milliseconds
const address = (...runs) => `#/explore/${runs.map(encodeURIComponent).join("/")}`;

export default async function fill(root, parts) {
  await style("explore");
  const models = (await getJson("/api/models")).filter(({ task }) => task === "autoencoding");
  if (!parts.length) {
    list(root, models);
    return undefined;
  }
  const runs = parts.slice(0, 2);
  const shown = { part: "test", count: 10000 };
  let clear = null;
  let version = 0;
  const again = () => begin().catch((error) => (say(error.message, true), root.replaceChildren(empty("This cannot be explored", error.message))));

  async function begin() {
    const mine = ++version;
    clear?.();
    clear = null;
    const progress = h("progress", { max: 1, "aria-label": "Progress" });
    const doing = h("p", {}, "Loading the model");
    root.replaceChildren(h("div", { class: "card empty" }, progress, doing));
    const sources = runs.map((run) => sourceOf(run, { ...shown }));
    const spaces = [];
    for (const source of sources) spaces.push(await ready(source, () => mine === version, (space) => {
      doing.textContent = `${space.title}: ${space.doing.toLowerCase()}`;
      progress.value = space.done;
    }));
    if (mine !== version) return;
    const made = runs.length > 1 ? await two(sources, spaces) : await one(sources[0], spaces[0]);
    if (mine !== version) return made.free();
    clear = made.free;
    const head = heading(spaces, models, shown, again);
    root.replaceChildren(h("div", { class: runs.length > 1 ? "explore two" : "explore" }, head, made.element));
  }

  const stop = () => {
    version++;
    clear?.();
  };
  again();
  return stop;
}

/** Wait until the codes are there, or will not be. */
async function ready(source, wanted, report) {
  for (;;) {
    const space = await source.space();
    if (space.shown || space.trouble || !wanted()) return space;
    report(space);
    await new Promise((resolve) => setTimeout(resolve, ASKED_EVERY));
  }
}

function list(root, models) {
  root.append(h("h1", {}, "Explore"));
  if (!models.length) {
    root.append(empty("No autoencoder yet", "Train one, such as ", h("code", {}, "isthmus train mnist-vae-2d"), ", and drag a point through its code space."));
    return;
  }
  root.append(
    h("p", { class: "quiet" }, "Drag a point through the codes of a model and see what its decoder makes of it."),
    h(
      "div",
      { class: "cards" },
      models.map((model) =>
        h(
          "article",
          { class: "card" },
          h("h2", {}, h("a", { href: address(model.name) }, model.title)),
          h("p", { class: "quiet" }, `${model.name} · ${model.kind.replaceAll("_", " ")} · ${model.sample_shape.join(" × ")}`),
          models.length > 1 &&
            h("p", {}, choice("Beside", [["", "another run …"], ...models.filter(({ name }) => name !== model.name).map(({ name }) => [name, name])], "", (other) => other && (location.hash = address(model.name, other)))),
        ),
      ),
    ),
  );
}

function heading(spaces, models, shown, again) {
  const names = spaces.map(({ name }) => name);
  const others = models.filter(({ name }) => !names.includes(name)).map(({ name }) => [name, name]);
  const change = (key) => (value) => {
    shown[key] = key === "count" ? Number(value) : value;
    again();
  };
  const facts = spaces[0].shown;
  const sizes = facts?.sizes ?? {};
  const offered = PARTS.filter(([name]) => name === "all" || name === shown.part || sizes[name]);
  const count = facts ? `${facts.count.toLocaleString("en")} samples of ${facts.name}` : "no samples";
  return h(
    "div",
    { class: "explore-head" },
    h("div", { class: "grow" }, h("h1", {}, spaces.map(({ title }) => title).join(" beside ")), h("p", { class: "quiet" }, `${[...new Set(spaces.map(({ units }) => `${units} code ${units === 1 ? "unit" : "units"}`))].join(" beside ")} · ${count}`)),
    facts && choice("Data", offered, shown.part, change("part")),
    facts && choice("Show", COUNTS, shown.count, change("count")),
    names.length > 1
      ? h("a", { class: "button", href: address(names[0]) }, "One alone")
      : others.length > 0 && choice("Beside", [["", "another run …"], ...others], "", (other) => other && (location.hash = address(names[0], other))),
  );
}

/** /?canvas or /?webgl say what draws. */
const forced = () => ({ painter: ["canvas", "webgl"].find((one) => new URLSearchParams(location.search).has(one)) });

const trouble = (space) => space.trouble && h("p", { class: "note" }, `${space.trouble} The probe goes through ${space.variational ? "N(0, I)" : "the usual range of the codes"} instead.`);

async function one(source, space) {
  const told = bus();
  const view = await pane(source, space, told, forced());
  const panels = [];
  const between = space.shown && !space.mute ? betweenPanel(view) : null;
  const outliers = space.shown ? outliersPanel(view, told) : null;
  if (space.shown) panels.push({ name: "sample", title: "Sample", content: samplePanel([view], told) }, { name: "selection", title: "Selection", content: selectionPanel([view], told) });
  if (!space.mute) panels.push({ name: "units", title: "Units", content: unitsPanel(view, told) });
  if (between) panels.push({ name: "between", title: "Between", content: between.element });
  if (space.shown && space.searchable) panels.push({ name: "search", title: "Search", content: searchPanel(view, told) });
  if (outliers) panels.push({ name: "outliers", title: "Outliers", content: outliers.element });
  const tabbed = panels.length ? tabs(panels, (name) => name === "outliers" && outliers.open()) : null;
  openWith(tabbed, told);
  return {
    element: h("div", { class: "stage" }, h("div", {}, trouble(space), view.element), h("aside", { class: "side" }, view.reader, h("div", { class: "card" }, tabbed?.element))),
    free() {
      between?.free();
      view.free();
    },
  };
}

/** Two runs; of the same samples, what is pointed at, picked or selected in one is so in the other. */
async function two(sources, spaces) {
  const linked = spaces.every(({ shown }) => shown) && spaces[0].shown.fingerprint === spaces[1].shown.fingerprint;
  const shared = bus();
  const buses = linked ? [shared, shared] : [shared, bus()];
  const views = [];
  for (const [i, source] of sources.entries()) views.push(await pane(source, spaces[i], buses[i], forced()));
  const panels = views.map((view, i) => {
    const found = [];
    if (linked ? i > 0 : !spaces[i].shown) return found;
    const seen = linked ? views : [view];
    const of = linked ? "" : ` of ${spaces[i].name}`;
    found.push({ name: `sample${i}`, title: `Sample${of}`, content: samplePanel(seen, buses[i]) }, { name: `selection${i}`, title: `Selection${of}`, content: selectionPanel(seen, buses[i]) });
    return found;
  });
  const tabbed = panels.flat().length ? tabs(panels.flat()) : null;
  buses.forEach((told, i) => openWith(tabbed, told, String(linked ? 0 : i)));
  const notes = linked ? null : h("p", { class: "note" }, "The two show different samples, so nothing is linked.");
  return {
    element: h(
      "div",
      {},
      notes,
      h("div", { class: "pair-of-panes" }, views.map((view, i) => h("section", { "aria-label": spaces[i].name }, h("h2", {}, spaces[i].name), trouble(spaces[i]), view.element, view.reader))),
      tabbed && h("div", { class: "card" }, tabbed.element),
    ),
    free: () => views.forEach((view) => view.free()),
  };
}

/** Open the panel of what was just picked or selected. */
function openWith(tabbed, told, suffix = "") {
  if (!tabbed) return;
  told.on("picked", () => ["units", "between", "search", "outliers"].includes(tabbed.current()) || tabbed.open(`sample${suffix}`));
  told.on("select", (places) => places.length && tabbed.open(`selection${suffix}`));
}
