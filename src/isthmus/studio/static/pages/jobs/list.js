/** The list of runs, with filters; what trains moves on by itself. */
import { at, getJson, postJson } from "../../api.js";
import { empty, h, say, short } from "../../dom.js";
import { ago, badge, duration, isLive, matches, select, states } from "../../widgets/words.js";

const SOON = 1500;
const LATER = 8000;
const AT_ONCE = [1, 2, 3, 4];
// What is chosen stays chosen while other pages are looked at.
const filter = { search: "", project: "", state: "", tag: "" };
const chosen = new Set();

export default async function fill(root, [project]) {
  if (project !== undefined) filter.project = project;
  let found = await getJson(at("runs"));
  let shown = "";
  const list = h("div", { class: "runs" });
  const drawn = new Map();
  const controls = h("div", { class: "row filters" });
  const count = h("p", { class: "quiet count", role: "status" });
  const compare = h("a", { class: "button", hidden: true }, "");
  root.append(controls, h("div", { class: "row" }, count, h("span", { class: "grow" }), compare), list, queue());

  function queue() {
    const change = (value) => postJson(at("settings"), { at_once: Number(value) }).catch((error) => say(error.message, true));
    const choices = AT_ONCE.map((number) => [number, String(number)]);
    return h(
      "p",
      { class: "quiet foot" },
      h("label", {}, "Train at once ", select("Trainings at once", choices, found.at_once, change)),
      " on this machine more than one slow each other down; others wait in order. Runs are in ",
      h("code", {}, found.folder),
      ".",
    );
  }

  function drawControls() {
    const tags = [...new Set(found.runs.flatMap((run) => run.tags))].sort();
    const projects = found.projects.map(({ id, name, starred }) => [id, `${starred ? "★ " : ""}${name}`]);
    const there = new Set(found.runs.map((run) => run.state));
    const set = (key) => (value) => ((filter[key] = value), draw());
    controls.replaceChildren(
      h("input", { type: "search", placeholder: "Search runs", "aria-label": "Search runs", value: filter.search, oninput: ({ target }) => set("search")(target.value) }),
      select("Project", [["", "All projects"], ...projects, ["none", "No project"]], filter.project, set("project")),
      select("State", [["", "All states"], ...states.filter(([state]) => there.has(state) || state === filter.state)], filter.state, set("state")),
      ...(tags.length || filter.tag ? [select("Tag", [["", "All tags"], ...tags.map((tag) => [tag, tag])], filter.tag, set("tag"))] : []),
    );
  }

  const wanted = (run) =>
    matches(filter.search, run.name, run.title, run.kind, run.data, run.tags) &&
    (!filter.state || run.state === filter.state) &&
    (!filter.tag || run.tags.includes(filter.tag)) &&
    (!filter.project || (filter.project === "none" ? run.project === null : String(run.project) === filter.project));

  function drawCompare() {
    const names = [...chosen];
    compare.hidden = names.length < 2;
    compare.textContent = `Compare ${names.length} runs`;
    compare.href = `#/runs/compare/${names.map(encodeURIComponent).join("/")}`;
  }

  function tick(name, on) {
    if (on) chosen.add(name);
    else chosen.delete(name);
    drawCompare();
  }

  function draw() {
    const there = new Set(found.runs.map((run) => run.name));
    chosen.forEach((name) => there.has(name) || chosen.delete(name));
    const runs = found.runs.filter(wanted);
    count.textContent = found.runs.length ? `${runs.length === found.runs.length ? "" : `${runs.length} of `}${found.runs.length} run${found.runs.length === 1 ? "" : "s"}` : "";
    const names = Object.fromEntries(found.projects.map(({ id, name }) => [id, name]));
    if (runs.length) show(runs, names);
    else list.replaceChildren(nothing(found.runs.length > 0, () => (Object.assign(filter, { search: "", project: "", state: "", tag: "" }), drawControls(), draw())));
    drawCompare();
  }

  /** Put the rows there; one that says the same stays, so that nothing moves under a finger. */
  function show(runs, names) {
    const rows = runs.map((run) => {
      const text = JSON.stringify([run, names[run.project], ago(run.when)]);
      const old = drawn.get(run.name);
      if (old?.text === text) return old.element;
      const element = row(run, names, tick);
      if (old?.element.contains(document.activeElement)) queueMicrotask(() => element.querySelector("input").focus());
      drawn.set(run.name, { text, element });
      return element;
    });
    const now = [...list.children];
    if (now.length !== rows.length) list.replaceChildren(...rows);
    else rows.forEach((element, i) => element !== now[i] && list.children[i]?.replaceWith(element));
    if (rows.some((element, i) => element !== list.children[i])) list.replaceChildren(...rows);
  }

  drawControls();
  draw();
  let timer = null;
  let left = false;
  async function again() {
    try {
      found = await getJson(at("runs"));
      if (left) return;
      draw();
      const now = JSON.stringify([found.projects, found.runs.map(({ tags, state }) => [tags, state])]);
      if (now !== shown && !controls.contains(document.activeElement)) {
        drawControls();
        shown = now;
      }
    } catch {
      // is asked again soon
    }
    if (!left) timer = setTimeout(again, found.runs.some(isLive) ? SOON : LATER);
  }
  timer = setTimeout(again, SOON);
  return () => ((left = true), clearTimeout(timer));
}

function row(run, projects, tick) {
  const href = `#/runs/run/${encodeURIComponent(run.name)}`;
  const box = h("input", { type: "checkbox", "aria-label": `Compare ${run.name}`, checked: chosen.has(run.name), onchange: ({ target }) => tick(run.name, target.checked) });
  const score = run.score;
  const beside = score?.baseline ? `${score.baseline} ${short(score.baseline_mean)}` : "";
  return h(
    "article",
    { class: "run card" },
    h("label", { class: "pick" }, box),
    h("div", { class: "who" }, h("a", { href, class: "name" }, run.name), h("div", { class: "quiet" }, run.title)),
    h("div", { class: "filed" }, run.project !== null && projects[run.project] ? h("span", { class: "tag project" }, projects[run.project]) : null, run.tags.map((tag) => h("span", { class: "tag" }, tag))),
    h("div", { class: "how" }, badge(run)),
    score
      ? h("div", { class: "score", title: `${score.title}, mean of ${score.cases} cases` }, h("b", {}, short(score.mean)), h("small", { class: "quiet" }, score.title), h("small", { class: "quiet" }, beside))
      : h("div", { class: "score" }),
    h("div", { class: "when quiet" }, h("span", {}, ago(run.when)), h("small", {}, run.seconds == null ? "" : `trained ${duration(run.seconds)}`)),
  );
}

function nothing(filtered, clear) {
  if (filtered) {
    const box = empty("No run fits the filters", "Look for other words, states or tags. ");
    box.append(h("button", { onclick: clear }, "Show all runs"));
    return box;
  }
  const box = empty("No runs yet", "Begin one from a template: the digits train in a minute and need no download. At the command line: ", h("code", {}, "isthmus train digits-2d"));
  box.append(h("a", { class: "button first", href: "#/runs/new" }, "Choose a template"));
  return box;
}
