/** One run: its state, curves and log as they come, scores, recipe, and what can be done with it. */
import { at, deleteIt, getJson, postJson } from "../../api.js";
import { h, say, short } from "../../dom.js";
import { curves, lineOf } from "../../widgets/curves.js";
import { twice } from "../../widgets/twice.js";
import { ago, badge, duration, estimate, isLive, select } from "../../widgets/words.js";

export default async function show(root, [name]) {
  let run = await getJson(at("runs", name));
  const { projects } = await getJson(at("runs"));
  const title = h("div", { class: "title" });
  const head = h("header", { class: "head" });
  const trouble = h("section");
  const curveCard = h("section", { class: "card" });
  const log = h("pre", { class: "log", tabindex: 0, "aria-label": "Log" });
  const logCard = h("section", { class: "card", hidden: true }, h("h2", {}, "Log"), log);
  const rest = h("div", { class: "rest" });
  root.append(h("p", { class: "crumbs" }, h("a", { href: "#/runs" }, "Runs"), " / ", name), title, head, trouble, curveCard, logCard, rest);
  const chart = curvesOf(curveCard);

  const failing = (act) => async () => {
    try {
      await act();
    } catch (error) {
      say(error.message, true);
    }
  };
  const ask = (what) =>
    failing(async () => {
      Object.assign(run, await postJson(at("runs", name, what)));
      drawAll();
      if (source.readyState === EventSource.CLOSED) follow();
    });

  function drawTitle() {
    const about = [run.kind.replaceAll("_", " "), run.data && `on ${run.data}`, run.seconds != null && `${duration(run.seconds)} of training`, ago(run.when)];
    title.replaceChildren(h("div", { class: "row" }, h("h1", {}, run.title), badge(run)), h("p", { class: "quiet" }, about.filter(Boolean).join(" · ")));
  }

  // What may be pressed or open stays as it is until something else is to be shown.
  const headWhenNew = whenNew(drawHead);
  const restWhenNew = whenNew(drawRest);
  function drawAll() {
    drawTitle();
    headWhenNew([run.state, run.can, run.project, run.tags, run.trouble]);
    restWhenNew([run.scores, run.facts, run.settings, run.toml, run.command]);
  }

  function drawHead() {
    const may = new Set(run.can);
    const to = (page) => `#/${page}/${encodeURIComponent(name)}`;
    const files = may.has("delete");
    const remove = twice(files ? "Delete" : "Take out of the list", files ? "Delete all its files?" : "Really? Its files stay.", failing(async () => {
      await deleteIt(at("runs", name));
      say(files ? `${name} was deleted.` : `${name} is no longer in the list.`);
      location.hash = "#/runs";
    }));
    head.replaceChildren(
      h(
        "div",
        { class: "row actions" },
        may.has("stop") ? h("button", { class: "first", onclick: ask("stop") }, run.state === "queued" ? "Take out of the queue" : "Stop") : null,
        may.has("resume") ? h("button", { class: "first", onclick: ask("resume") }, "Resume") : null,
        may.has("explore") ? h("a", { class: "button first", href: to("explore") }, "Explore") : null,
        may.has("segment") ? h("a", { class: "button first", href: to("segment") }, "Segment") : null,
        may.has("report") ? h("a", { class: "button", href: at("runs", name, "report"), target: "_blank", rel: "noopener" }, "Report") : null,
        h("a", { class: "button", href: `#/runs/new/run/${encodeURIComponent(name)}` }, "Train again with changes"),
        files || may.has("forget") ? remove : null,
      ),
      filing(),
    );
    trouble.className = run.trouble.length ? "card trouble" : "";
    trouble.replaceChildren(...(run.trouble.length ? crash(run) : []));
  }

  function filing() {
    const save = (change) => failing(async () => Object.assign(run, await postJson(at("runs", name, "file"), change)))();
    const choices = [["", "No project"], ...projects.map((project) => [project.id, project.name])];
    const tags = h("input", { value: run.tags.join(", "), placeholder: "tags, with commas", "aria-label": "Tags", size: 24 });
    tags.addEventListener("change", () => save({ tags: tags.value.split(",").map((tag) => tag.trim()).filter(Boolean) }));
    return h("div", { class: "row filing" }, select("Project", choices, run.project, (value) => save({ project: value ? Number(value) : null })), tags);
  }

  function drawRest() {
    rest.replaceChildren(...[scores(run), facts(run), settings(run), recipe(run), command(run)].filter(Boolean));
  }

  let rows = [];
  let source;
  function follow() {
    source = new EventSource(at("runs", name, "events"));
    rows = [];
    log.textContent = "";
    source.addEventListener("news", ({ data }) => {
      const told = JSON.parse(data);
      rows = told.again ? told.rows : rows.concat(told.rows);
      chart.set(rows, isLive(run));
      const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
      log.append(told.log);
      logCard.hidden = !log.textContent;
      if (atEnd) log.scrollTop = log.scrollHeight;
    });
    source.addEventListener("card", ({ data }) => {
      run = JSON.parse(data);
      drawAll();
      chart.set(rows, isLive(run));
    });
    // A lost connection is made anew by the browser, unless it was refused.
    source.addEventListener("error", () => source.readyState === EventSource.CLOSED && say("The run is no longer followed; load the page again.", true));
    source.addEventListener("end", () => source.close());
  }
  drawAll();
  follow();
  return () => (source.close(), chart.clear());
}

/** Calls `draw` when what it is given is not what it was given before. */
function whenNew(draw) {
  let last = null;
  return (given) => {
    const text = JSON.stringify(given);
    if (text !== last) draw();
    last = text;
  };
}

/** The curves of one run: which part of the loss, training beside validation. */
function curvesOf(card) {
  let rows = [];
  let part = "total";
  const choose = h("select", { "aria-label": "Part of the loss", onchange: () => ((part = choose.value), draw()) });
  const nothing = h("p", { class: "quiet" });
  const body = h("div");
  const plot = curves(body, "Loss over epochs");
  card.append(h("div", { class: "row" }, h("h2", {}, "Loss"), choose, plot.toggle), nothing, body);
  function draw() {
    const names = ["train", "validation"].filter((where) => rows.some((row) => row[`${where}/${part}`] != null));
    const lines = names.map((where) => lineOf(rows, `${where}/${part}`, { label: where === "train" ? "training" : where, series: where === "train" ? 1 : 2 }));
    if (part === "learning_rate") lines.push(lineOf(rows, part, { label: "learning rate", series: 3 }));
    plot.set(lines);
  }
  return {
    clear: plot.clear,
    set(given, live) {
      rows = given;
      const parts = [...new Set(rows.flatMap(Object.keys).filter((key) => key.includes("/")).map((key) => key.split("/").slice(1).join("/")))];
      const all = ["total", ...parts.filter((key) => key !== "total"), "learning_rate"];
      if (choose.options.length !== all.length) choose.replaceChildren(...all.map((key) => h("option", { value: key, selected: key === part }, key.replaceAll("_", " "))));
      body.hidden = choose.hidden = plot.toggle.hidden = !rows.length;
      nothing.textContent = rows.length ? "" : live ? "The first point comes with the first epoch." : "No epoch was finished.";
      if (rows.length) draw();
    },
  };
}

function crash(run) {
  const code = run.code === null ? "The process is gone without a word: it was ended from outside, or the machine was." : run.code < 0 ? `The process was ended by signal ${-run.code}; 9 is often a full memory.` : `It ended with code ${run.code}. Its last lines:`;
  return [h("h2", {}, "This training crashed"), h("p", {}, code), h("pre", {}, run.trouble.join("\n")), h("p", { class: "quiet" }, "Mend what it names under “Train again with changes”; if nothing was wrong with the settings, resume it.")];
}

function scores(run) {
  const methods = Object.keys(run.scores);
  if (!methods.length) return null;
  const cell = (method, metric) => h("td", { class: "number" }, estimate(run.scores[method][metric]));
  return h(
    "section",
    { class: "card" },
    h("h2", {}, `Scores on ${run.cases?.toLocaleString("en")} ${run.part} samples`),
    h(
      "div",
      { class: "scroll", tabindex: 0, role: "group", "aria-label": "Scores" },
      h(
        "table",
        { class: "scores" },
        h("thead", {}, h("tr", {}, h("th", {}, ""), methods.map((method) => h("th", { class: "number" }, method)))),
        h("tbody", {}, run.metrics.map(({ name, title, higher_is_better: up }) => h("tr", {}, h("th", { scope: "row" }, title, " ", h("small", { class: "quiet", title: up ? "higher is better" : "lower is better" }, up ? "↑" : "↓")), methods.map((method) => cell(method, name))))),
      ),
    ),
    h("p", { class: "quiet" }, h("small", {}, "Means with 95 % bootstrap intervals; ↑ higher is better, ↓ lower is better.")),
  );
}

function facts(run) {
  const found = Object.entries(run.facts);
  if (!found.length) return null;
  return h("details", { class: "card" }, h("summary", {}, "Further findings"), h("table", {}, h("tbody", {}, found.map(([words, value]) => h("tr", {}, h("th", { scope: "row" }, words), h("td", { class: "number" }, short(value)))))));
}

const settings = (run) =>
  run.settings.length ? h("section", { class: "card" }, h("h2", {}, `Changed from ${run.template}`), h("ul", { class: "plain" }, run.settings.map((line) => h("li", {}, h("code", {}, line))))) : null;

const recipe = (run) => h("details", { class: "card" }, h("summary", {}, "Recipe"), h("p", { class: "quiet" }, run.description), h("pre", {}, run.toml));

function command(run) {
  return h("section", { class: "card" }, h("h2", {}, "On this machine"), h("p", { class: "quiet" }, "Its folder"), h("pre", {}, run.folder), run.command ? [h("p", { class: "quiet" }, "At the command line"), h("pre", {}, run.command)] : null);
}
