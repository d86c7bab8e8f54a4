/** Data sets: their version, size and samples; sent, registered, used in a new run. */
import { at, deleteIt, getJson, postFile, postJson } from "../../api.js";
import { empty, h, say } from "../../dom.js";
import { twice } from "../../widgets/twice.js";
import { matches, size } from "../../widgets/words.js";

const SOON = 500;

export default async function show(root) {
  const list = h("div", { class: "sets" });
  let search = "";
  let sets = await getJson(at("datasets"));
  let timer = null;
  let left = false;

  async function change(act) {
    try {
      await act();
      sets = await getJson(at("datasets"));
      if (left) return;
      draw();
      clearTimeout(timer);
      if (sets.some((set) => set.share !== null)) timer = setTimeout(() => change(async () => {}), SOON);
    } catch (error) {
      say(error.message, true);
    }
  }

  function card(set) {
    const may = set.origin !== "known";
    const shape = set.shape.length ? `${set.shape.join(" × ")}, ` : "";
    const version = set.share !== null ? h("progress", { max: 1, value: set.share, "aria-label": `Reading ${set.name}` }) : (set.version ?? "not measured");
    const fact = (words, value) => h("div", {}, h("dt", {}, words), h("dd", {}, value));
    return h(
      "article",
      { class: `card set${set.found ? "" : " absent"}` },
      h("div", { class: "row" }, h("b", { class: "grow" }, set.name), h("span", { class: "tag" }, set.origin === "known" ? "known" : set.origin)),
      h("p", { class: "quiet" }, [set.description, set.licence && `Licence: ${set.licence}`].filter(Boolean).join(". ") || set.kind),
      h("dl", {}, fact("samples", set.samples?.toLocaleString("en") ?? "–"), fact("size", size(set.bytes)), fact("version", version), fact("kind", shape + set.kind)),
      set.classes.length ? h("p", { class: "quiet" }, h("small", {}, `Classes: ${set.classes.join(", ")}`)) : null,
      set.advice ? h("p", { class: "advice" }, set.advice) : null,
      h(
        "div",
        { class: "row" },
        set.found ? h("a", { class: "button", href: `#/runs/new/data/${encodeURIComponent(set.name)}` }, "Use in a new run") : null,
        set.found && set.version === null && set.share === null ? h("button", { onclick: () => change(() => postJson(at("datasets", set.name, "measure"))) }, "Measure") : null,
        may ? twice("Remove", set.origin === "sent" ? "Delete its files?" : "Really? Its files stay.", () => change(() => deleteIt(at("datasets", set.name)))) : null,
      ),
    );
  }

  function draw() {
    const found = sets.filter((set) => matches(search, set.name, set.kind, set.description, set.origin, set.classes));
    list.replaceChildren(...(found.length ? found.map(card) : [empty("No data set fits", "Look for other words.")]));
  }

  root.append(h("div", { class: "row filters" }, h("input", { type: "search", placeholder: "Search data sets", "aria-label": "Search data sets", oninput: ({ target }) => ((search = target.value), draw()) })), add(change), list);
  draw();
  await change(async () => {});
  return () => ((left = true), clearTimeout(timer));
}

/** A form for what is small enough to be sent, and a line for what is not. */
function add(change) {
  const file = h("input", { type: "file", accept: ".csv,.zip", "aria-label": "File", required: true });
  const name = h("input", { placeholder: "Name", "aria-label": "Name", required: true, maxlength: 64 });
  const send = h("button", { class: "first", type: "submit" }, "Send");
  file.addEventListener("change", () => {
    const free = (file.files[0]?.name ?? "").replace(/\.[^.]*$/, "").replace(/[^\w.-]+/g, "-").replace(/^[^\w]+|[^\w]+$/g, "");
    if (free && !name.value) name.value = free;
  });
  async function submit(event) {
    event.preventDefault();
    send.disabled = true;
    send.textContent = "Sending…";
    await change(async () => {
      await postFile(at("datasets", name.value.trim()), file.files[0]);
      say(`${name.value.trim()} is kept.`);
      file.value = name.value = "";
    });
    send.disabled = false;
    send.textContent = "Send";
  }
  return h(
    "details",
    { class: "card make" },
    h("summary", {}, "Add a data set"),
    h("form", { class: "row", onsubmit: submit }, file, name, send),
    h("p", { class: "quiet" }, "A table as .csv, or images as .zip with folders images and masks where there are label maps; up to 64 MB. Larger ones stay where they are: ", h("code", {}, "isthmus studio FOLDER --data NAME=PATH")),
  );
}
