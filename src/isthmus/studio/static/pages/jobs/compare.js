/** Runs side by side: curves on one plot, scores, paired differences, settings that differ. */
import { at, getJson } from "../../api.js";
import { empty, h, short } from "../../dom.js";
import { curves, lineOf } from "../../widgets/curves.js";
import { estimate, select } from "../../widgets/words.js";

export default async function show(root, names) {
  if (names.length < 2) {
    root.append(empty("Nothing to compare yet", "Tick two or more runs in the ", h("a", { href: "#/runs" }, "list"), "."));
    return null;
  }
  const query = names.map((name) => `run=${encodeURIComponent(name)}`).join("&");
  const side = getJson(`${at("compare")}?${query}`); // takes longer than the curves
  side.catch(() => {});
  const rows = await Promise.all(names.map((name) => getJson(at("runs", name, "metrics"))));
  const card = h("section", { class: "card" });
  const rest = h("div", {}, h("p", { class: "quiet" }, "Comparing the scores…"));
  root.append(h("h1", {}, `${names.length} runs side by side`), card, rest);
  const clear = lossOf(card, names, rows);
  side.then(
    (found) => rest.replaceChildren(scores(found), settings(found)),
    (error) => rest.replaceChildren(h("p", { class: "card" }, error.message)),
  );
  return clear;
}

/** The curves of all runs, of one part of the loss. */
function lossOf(card, names, rows) {
  const parts = [...new Set(rows.flat().flatMap(Object.keys).filter((key) => key.includes("/")))].sort((a, b) => b.endsWith("/total") - a.endsWith("/total") || b.startsWith("validation") - a.startsWith("validation"));
  if (!parts.length) {
    card.append(h("p", { class: "quiet" }, "None of the runs has finished an epoch."));
    return null;
  }
  const draw = (part) => plot.set(names.map((name, i) => lineOf(rows[i], part, { label: name, series: i + 1 })).filter(({ x }) => x.length));
  const body = h("div");
  const plot = curves(body, "Loss over epochs of each run");
  card.append(h("div", { class: "row" }, h("h2", {}, "Loss"), select("Which part of the loss", parts.map((part) => [part, part.replace("/", ", ").replaceAll("_", " ")]), parts[0], draw), plot.toggle), body);
  draw(parts[0]);
  return plot.clear;
}

const link = (name) => h("a", { href: `#/runs/run/${encodeURIComponent(name)}` }, name);

function scores({ runs, metrics }) {
  if (!metrics.length) return h("section", { class: "card" }, h("h2", {}, "Scores"), h("p", { class: "quiet" }, "None of the runs is finished, so there are no scores yet."));
  const first = runs[0];
  const sameSamples = runs.slice(1).every((run) => run.differences !== null);
  const heads = runs.map((run, i) => h("th", { class: "number" }, h("i", { class: "key", style: `background: var(--series-${(i % 8) + 1})` }), link(run.name)));
  const line = ({ name, title, higher_is_better: up }) => {
    const known = runs.map((run) => run.scores[name]?.mean ?? null);
    const best = sameSamples && known.every((value) => value !== null) ? (up ? Math.max : Math.min)(...known) : null;
    return h(
      "tr",
      {},
      h("th", { scope: "row" }, title, " ", h("small", { class: "quiet" }, up ? "↑" : "↓")),
      runs.map((run, i) => {
        const beside = run.baseline_scores[name];
        const difference = run.differences?.[name];
        return h(
          "td",
          { class: `number${known[i] !== null && known[i] === best ? " best" : ""}` },
          estimate(run.scores[name]),
          beside ? h("small", { class: "quiet" }, `${run.baseline} ${short(beside.mean)}`) : null,
          difference ? h("small", {}, `${difference.mean > 0 ? "+" : ""}${short(difference.mean)} [${short(difference.low)}, ${short(difference.high)}]`) : null,
        );
      }),
    );
  };
  const unpaired = runs.slice(1).filter((run) => run.differences === null && Object.keys(run.scores).length).map((run) => run.name);
  const note = unpaired.length ? ` ${unpaired.join(" and ")} ${unpaired.length > 1 ? "were" : "was"} scored on other samples than ${first.name}, or in other units: no paired difference.` : "";
  return h(
    "section",
    { class: "card" },
    h("h2", {}, "Scores"),
    h("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "Scores" }, h("table", { class: "scores" }, h("thead", {}, h("tr", {}, h("th", {}, ""), heads)), h("tbody", {}, metrics.map(line)))),
    h("p", { class: "quiet" }, h("small", {}, `Means with 95 % intervals, the baseline, and the mean difference from ${first.name} over the same samples. ${sameSamples ? "The best mean is set off." : ""}${note}`)),
  );
}

function settings({ runs, settings: found }) {
  if (!found.length) return h("section", { class: "card" }, h("h2", {}, "Settings"), h("p", { class: "quiet" }, "The recipes are alike."));
  return h(
    "section",
    { class: "card" },
    h("h2", {}, "Settings that differ"),
    h(
      "div",
      { class: "scroll", tabindex: 0, role: "group", "aria-label": "Settings" },
      h("table", {}, h("thead", {}, h("tr", {}, h("th", {}, ""), runs.map((run) => h("th", {}, link(run.name))))), h("tbody", {}, found.map(({ key, values }) => h("tr", {}, h("th", { scope: "row" }, h("code", {}, key)), values.map((value) => h("td", {}, value ?? "–")))))),
    ),
  );
}
