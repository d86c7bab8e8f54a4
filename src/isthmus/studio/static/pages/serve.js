/** How to serve the models of this folder, and how to ask them. */
import { getJson } from "../api.js";
import { empty, h, say, style } from "../dom.js";

const AT = "http://127.0.0.1:8001";
const VERBS = {
  autoencoding: ["encode", "reconstruct"],
  segmentation: ["segment"],
  instances: ["segment"],
};

/** Fill the page: a choice of models, the command that serves them, and requests to copy. */
export default async function fill(root) {
  await style("serve");
  const cards = (await getJson("/api/models")).filter((card) => card.task in VERBS);
  if (!cards.length) {
    root.append(empty("No model to serve yet", "Train one first: ", h("code", {}, "isthmus train digits-2d"), "."));
    return;
  }
  const examples = h("div", { class: "cards", "aria-live": "polite" });
  const boxes = cards.map((card, place) => h("input", { type: "checkbox", value: card.name, checked: place === 0, onchange: show }));
  const command = h("div");

  function show() {
    const chosen = cards.filter((_, place) => boxes[place].checked);
    const runs = chosen.map((card) => `runs/${quoted(card.name)}`).join(" ");
    command.replaceChildren(
      chosen.length ? copied("The command", `isthmus serve ${runs} --port 8001`) : h("p", { class: "quiet" }, "Choose a model."),
    );
    examples.replaceChildren(...chosen.flatMap((card) => ofModel(card)));
  }

  root.append(
    h("h1", {}, "Serve models over HTTP"),
    h(
      "section",
      { class: "card" },
      h("h2", {}, "Models"),
      h("div", { class: "row" }, ...cards.map((card, place) => h("label", {}, boxes[place], card.name, h("span", { class: "tag" }, card.kind.replaceAll("_", " "))))),
      command,
      h("p", { class: "quiet" }, `While it runs, ${AT}/docs documents all routes, ${AT}/metrics counts, and clients of the Open Inference Protocol v2 find the models under ${AT}/v2.`),
    ),
    examples,
  );
  show();
}

/** Requests to one model: by curl, from Python, and by the protocol. */
function ofModel({ name, task, sample_shape: shape }) {
  const verb = VERBS[task][0];
  const table = shape.length === 1;
  const model = encodeURIComponent(name);
  const body = table
    ? `-H 'Content-Type: application/json' --data '{"samples": [[${shape[0]} numbers]]}'`
    : "--data-binary @image.png";
  const curl = VERBS[task].map((one) => `curl ${body}${one === "encode" || table ? "" : " -o answer.png"} \\\n  '${AT}/${one}?model=${model}'`);
  const size = task === "autoencoding" ? shape : [...(shape[0] > 1 ? [shape[0]] : []), ...shape.slice(-2)];
  const python = [
    "import numpy as np",
    "import tritonclient.http as client",
    "",
    `x = np.zeros(${tuple([1, ...size])}, np.float32)`,
    `samples = client.InferInput("samples", x.shape, "FP32")`,
    "samples.set_data_from_numpy(x)",
    `server = client.InferenceServerClient("${AT.slice(7)}")`,
    `answer = server.infer(${JSON.stringify(`${name}.${verb}`)}, [samples])`,
    `print(answer.as_numpy("${verb === "encode" ? "codes" : "labels"}"))`,
  ].join("\n");
  return [
    h("section", { class: "card" }, h("h2", {}, name), copied("With curl", curl.join("\n"))),
    h("section", { class: "card" }, h("h2", {}, `${name}.${verb}`), copied("From Python, by the protocol v2", python)),
  ];
}

/** A piece of text with a button that copies it. */
function copied(title, text) {
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      say("Copied.");
    } catch {
      say("The browser does not let pages copy; select the text instead.", true);
    }
  };
  return h(
    "figure",
    { class: "copied" },
    h("figcaption", { class: "row" }, h("span", { class: "grow quiet" }, title), h("button", { onclick: copy, "aria-label": `Copy: ${title}` }, "Copy")),
    h("pre", { tabindex: "0" }, text),
  );
}

const tuple = (lengths) => `(${lengths.join(", ")})`;
/** A name as a shell takes it. */
const quoted = (name) => (/^[\w.-]+$/.test(name) ? name : `'${name.replaceAll("'", "'\\''")}'`);
