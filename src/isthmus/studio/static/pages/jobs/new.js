/** A new run: choose a template, then data and settings; checked before it is begun. */
import { at, getJson, postJson } from "../../api.js";
import { empty, h, say } from "../../dom.js";
import { matches, select } from "../../widgets/words.js";

const DEVICES = ["auto", "cpu", "cuda", "mps"];
const PAUSE = 300; // ms after the last key before a form is checked
const TASKS = { autoencoding: "Autoencoders", segmentation: "Segmentation", volumes: "Volumes", instances: "Single objects" };

const FIRST = "digits-2d";

/** The task that a data set is for. */
const fitting = (set) => (!set ? "" : set.kind.startsWith("volumes") ? "volumes" : set.kind.includes("label maps") ? "segmentation" : "autoencoding");

export default async function show(root, [whose, name, data]) {
  if (whose === "template" || whose === "run") return form(root, whose, name, data);
  return gallery(root, whose === "data" ? name : null);
}

async function gallery(root, data) {
  const [templates, sets] = await Promise.all([getJson(at("templates")), getJson(at("datasets"))]);
  const here = Object.fromEntries(sets.map((set) => [set.name, set.found]));
  const list = h("div", { class: "cards" });
  const chosen = { search: "", task: data === null ? "" : fitting(sets.find((set) => set.name === data)) };
  const own = data === null ? 1 : -1; // where recipes stand that bring no data
  const rank = (template) => (template.data === null ? own : here[template.data] ? 0 : 2);
  function draw() {
    const found = templates.filter((one) => matches(chosen.search, one.name, one.title, one.description, one.kind, one.data) && (!chosen.task || one.task === chosen.task));
    const first = (one) => one.name === FIRST && data === null;
    found.sort((a, b) => first(b) - first(a) || rank(a) - rank(b));
    list.replaceChildren(...(found.length ? found.map(card) : [empty("No template fits", "Look for other words.")]));
  }
  function card(one) {
    const of = data === null ? "" : `/${encodeURIComponent(data)}`;
    const needs = one.data === null ? "your own data" : one.data;
    return h(
      "a",
      { class: "card template", href: `#/runs/new/template/${one.name}${of}` },
      h("b", {}, one.title),
      h("p", { class: "quiet" }, one.description.replaceAll("`", "")),
      h("div", { class: "row" }, h("span", { class: "tag" }, one.name), h("span", { class: "tag" }, one.kind.replaceAll("_", " ")), h("span", { class: `tag${one.data !== null && !here[one.data] ? " absent" : ""}` }, needs)),
    );
  }
  const tasks = [...new Set(templates.map((one) => one.task))].map((task) => [task, TASKS[task] ?? task]);
  root.append(
    h("h1", {}, data === null ? "New run: choose a template" : `New run on ${data}: choose a template`),
    h(
      "div",
      { class: "row filters" },
      h("input", { type: "search", placeholder: "Search templates", "aria-label": "Search templates", oninput: ({ target }) => ((chosen.search = target.value), draw()) }),
      select("Task", [["", "All tasks"], ...tasks], chosen.task, (value) => ((chosen.task = value), draw())),
    ),
    list,
  );
  draw();
}

async function form(root, whose, name, data) {
  const [given, sets, { projects }] = await Promise.all([getJson(`${at("form")}?${whose}=${encodeURIComponent(name)}`), getJson(at("datasets")), getJson(at("runs"))]);
  const fields = new Map(); // key of a setting -> its input
  const errors = new Map();
  const error = (key) => {
    const place = h("div", { class: "wrong", role: "alert", id: `wrong-${errors.size}` });
    errors.set(key, place);
    return place;
  };
  const labelled = (words, input, key) => {
    const place = error(key);
    input.setAttribute("aria-describedby", place.id);
    return h("div", { class: "field" }, h("label", {}, h("span", {}, words), input), place);
  };

  const own = given.data === null ? [["", whose === "run" ? "as in that run" : "choose a data set"]] : [];
  const choices = sets.map((set) => [set.name, `${set.name}${set.samples ? ` (${set.samples.toLocaleString("en")})` : ""}${set.found ? "" : " – not here"}`, !set.found && set.name !== given.data]);
  const source = select("Data set", [...own, ...choices], data ?? given.data, later);
  const title = h("input", { value: name, maxlength: 64, oninput: later });
  const project = select("Project", [["", "No project"], ...projects.map(({ id, name: words }) => [id, words])], "", null);
  const tags = h("input", { placeholder: "first, large", oninput: later });
  const lines = h("textarea", { rows: 4, spellcheck: "false", placeholder: "training.patience=20\nmodel.network.activation=relu", oninput: later });
  const common = given.common.map(({ key, title: words, value }) => {
    const input = key === "training.device" ? select(words, DEVICES.map((one) => [one, one]), value, later) : h("input", { inputmode: "decimal", placeholder: value ?? "no limit", oninput: later });
    fields.set(key, { input, value });
    return labelled(words, input, key);
  });
  const preview = h("pre", { class: "preview", tabindex: 0, "aria-label": "The whole recipe" }, given.toml);
  const begin = h("button", { class: "first", type: "submit" }, "Begin training");
  const general = error("");
  const shape = h(
    "form",
    { class: "new", onsubmit: submit },
    h(
      "div",
      { class: "card column" },
      labelled("Name", title, "name"),
      labelled("Data set", source, "data"),
      h("p", { class: "quiet" }, "Data of your own: ", h("a", { href: "#/runs/data" }, "send them, or register their folder"), "."),
      h("div", { class: "pair" }, common),
      labelled("More settings, one a line", lines, "lines"),
      h("div", { class: "pair" }, h("div", { class: "field" }, h("label", {}, h("span", {}, "Project"), project)), labelled("Tags, with commas", tags, "tags")),
      general,
      h("div", { class: "row" }, begin, h("a", { class: "button", href: "#/runs/new" }, "Another template")),
    ),
    h("div", { class: "card column" }, h("h2", {}, "The whole recipe"), preview),
  );
  root.append(h("h1", {}, given.title), h("p", { class: "quiet about" }, given.description.replaceAll("`", "")), shape);

  /** What the fields ask for, and for each line of settings the field that it comes from. */
  function wish() {
    const settings = [];
    const from = [];
    for (const [key, { input, value }] of fields) {
      const text = input.value.trim();
      if (text && text !== String(value)) (settings.push(`${key}=${text}`), from.push(key));
    }
    for (const line of lines.value.split("\n").map((one) => one.trim()).filter(Boolean)) (settings.push(line), from.push("lines"));
    const asked = { [whose]: name, settings, name: title.value.trim() || null, project: project.value ? Number(project.value) : null };
    asked.tags = tags.value.split(",").map((tag) => tag.trim()).filter(Boolean);
    // A run that reads what has no name here keeps reading it.
    if (source.value && source.value !== given.data) asked.data = source.value;
    return { asked, from };
  }

  let timer = null;
  let latest = 0;
  function later() {
    clearTimeout(timer);
    timer = setTimeout(() => check().catch((problem) => say(problem.message, true)), PAUSE);
  }
  async function check() {
    const mine = ++latest;
    const { asked, from } = wish();
    const found = await postJson(at("runs", "check"), asked);
    if (mine !== latest) return false;
    const key = found.field?.startsWith("settings.") ? from[Number(found.field.split(".")[1])] : found.field;
    for (const [other, place] of errors) {
      place.textContent = found.error && other === (errors.has(key) ? key : "") ? found.error : "";
      place.parentElement?.querySelector("input, select, textarea")?.toggleAttribute("aria-invalid", place.textContent !== "" && other !== "");
    }
    if (found.toml) preview.textContent = found.toml;
    return !found.error;
  }
  async function submit(event) {
    event.preventDefault();
    clearTimeout(timer);
    begin.disabled = true;
    try {
      if (await check()) {
        const made = await postJson(at("runs"), wish().asked);
        location.hash = `#/runs/run/${encodeURIComponent(made.name)}`;
      }
    } catch (problem) {
      say(problem.message, true);
    }
    begin.disabled = false;
  }
  later();
  return () => clearTimeout(timer);
}
