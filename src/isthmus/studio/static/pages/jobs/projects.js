/** Projects: what the runs of one goal are filed under. */
import { at, deleteIt, getJson, postJson } from "../../api.js";
import { empty, h, say } from "../../dom.js";
import { twice } from "../../widgets/twice.js";
import { ago } from "../../widgets/words.js";

export default async function show(root) {
  const list = h("div", { class: "cards" });
  let search = "";
  let found;

  async function change(act) {
    try {
      await act();
      found = await getJson(at("runs"));
      draw();
      return true;
    } catch (error) {
      say(error.message, true);
      return false;
    }
  }

  function fields(project, act, label) {
    const name = h("input", { value: project?.name ?? "", placeholder: "Name", "aria-label": "Name", required: true, maxlength: 80 });
    const words = h("textarea", { rows: 2, placeholder: "What is it for?", "aria-label": "Description", value: project?.description ?? "" });
    const send = async (event) => {
      event.preventDefault();
      if ((await change(() => act({ name: name.value, description: words.value }))) && !project) ((name.value = ""), (words.value = ""));
    };
    return h("form", { class: "column", onsubmit: send }, name, words, h("div", { class: "row" }, h("button", { class: "first", type: "submit" }, label)));
  }

  function card(project) {
    const here = at("projects", project.id);
    const box = h("article", { class: "card column" });
    const plain = () =>
      box.replaceChildren(
        h("div", { class: "row" }, h("button", { class: "star", "aria-pressed": String(project.starred), "aria-label": `Star ${project.name}`, onclick: () => change(() => postJson(here, { starred: !project.starred })) }, project.starred ? "★" : "☆"), h("a", { class: "name grow", href: `#/runs/project/${project.id}` }, project.name)),
        h("p", { class: project.description ? "" : "quiet" }, project.description || "No description"),
        h("p", { class: "quiet" }, `${project.runs} run${project.runs === 1 ? "" : "s"} · made ${ago(project.created)}`),
        h("div", { class: "row" }, h("a", { class: "button", href: `#/runs/project/${project.id}` }, "Show its runs"), h("button", { onclick: edit }, "Change"), twice("Remove", "Remove? Its runs stay.", () => change(() => deleteIt(here)))),
      );
    function edit() {
      box.replaceChildren(fields(project, (given) => postJson(here, given), "Save"), h("button", { onclick: plain }, "Leave as it was"));
      box.querySelector("input").focus();
    }
    plain();
    return box;
  }

  function draw() {
    const wanted = found.projects.filter(({ name, description }) => `${name} ${description}`.toLowerCase().includes(search.toLowerCase()));
    if (wanted.length) list.replaceChildren(...wanted.map(card));
    else list.replaceChildren(found.projects.length ? empty("No project fits", "Look for other words.") : empty("No projects yet", "A project holds the runs of one goal. Name the first one here, then choose it for a new run or on the page of any run."));
  }

  found = await getJson(at("runs"));
  root.append(
    h("div", { class: "row filters" }, h("input", { type: "search", placeholder: "Search projects", "aria-label": "Search projects", oninput: ({ target }) => ((search = target.value), draw()) })),
    h("details", { class: "card make", open: !found.projects.length }, h("summary", {}, "New project"), fields(null, (given) => postJson(at("projects"), given), "Make it")),
    list,
    h("p", { class: "quiet foot" }, "All runs are folders in ", h("code", {}, found.folder), ", for scripts and notebooks too: ", h("code", {}, 'isthmus.load("RUN")'), " loads a model, ", h("code", {}, "isthmus --help"), " lists what the command line does."),
  );
  draw();
}
