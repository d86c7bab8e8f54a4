/** Segment: images that are dropped, with their masks; #/segment/RUN, and #/segment/RUN/RUN for two. */
import { at, getJson } from "../api.js";
import { h, say, style } from "../dom.js";
import { chooseFiles, takeFiles } from "../widgets/drop.js";
import { fillChoice, ofImages } from "./segment/choose.js";
import { Finding } from "./segment/finding.js";
import { panel } from "./segment/panel.js";
import { reviewList } from "./segment/review.js";
import { Stage } from "./segment/stage.js";
import { Visit } from "./segment/visit.js";

const ACCEPTED = "image/*,.tif,.tiff,.png,.jpg,.jpeg,.bmp,.gif,.webp";

export default async function fill(root, names) {
  const [cards] = await Promise.all([getJson("/api/models"), style("segment")]);
  if (!names.length) return fillChoice(root, cards);
  const chosen = names.slice(0, 2).map((name) => cards.find((card) => card.name === name));
  names.slice(0, 2).forEach((name, k) => {
    if (!chosen[k]) throw new Error(`There is no trained run '${name}' here.`);
    if (!ofImages(chosen[k])) throw new Error(`'${name}' does not segment images; choose another run.`);
  });
  return desk(root, chosen, cards.filter(ofImages));
}

function desk(root, chosen, cards) {
  const names = chosen.map((card) => card.name);
  let shown = null; // the image on the stage
  const visit = new Visit(chosen, changed);
  const stage = new Stage(names);
  const side = panel({ stage, visit, turn });
  const review = reviewList({ visit, show, remove, again });

  const choose = (properties) => chooseFiles("Choose images", ACCEPTED, take, properties);
  const invitation = h("div", { class: "card invitation" },
    h("p", { class: "large" }, "Drop images here"), h("p", {}, choose({ class: "first" })),
    h("p", { class: "quiet" }, "or paste one. PNG, JPEG, TIFF, BMP, GIF, WebP; they are read on the machine that runs the studio, and not kept."));
  const samples = h("section", { class: "samples card", hidden: true, "aria-label": "Test images" });
  const busy = h("p", { class: "card waiting", hidden: true });
  const left = h("div", { class: "left" }, invitation, busy, stage.element);
  const desktop = h("div", { class: "desk" }, left, side.element, h("div", { class: "rest" }, samples, review.element));
  const more = h("span", { hidden: true }, choose());
  root.append(h("div", { class: "row heading" }, h("h1", {}, "Segment"), chooser("Model", 0), chooser("Compare with", 1), h("span", { class: "grow" }), more), desktop);
  const dropping = takeFiles(root, take);

  /** Which model, or with which one it is compared. */
  function chooser(words, place) {
    const others = place ? cards.filter((card) => card.name !== names[0]) : cards;
    if (place && !others.length) return null;
    return h("label", {}, words, h("select", { onchange: (event) => {
      const next = [...names];
      next[place] = event.target.value;
      const kept = next.filter(Boolean).filter((name, k, all) => all.indexOf(name) === k);
      location.hash = `#/segment/${kept.map(encodeURIComponent).join("/")}`;
    } }, place && h("option", { value: "", selected: !names[1] }, "nothing"), others.map((card) => h("option", { value: card.name, selected: card.name === names[place] }, card.name))));
  }

  function take(files, folders = []) {
    if (folders.length) say(`${folders.join(", ")}: drop the images in it, not the folder; \`isthmus segment\` takes folders.`, true);
    const { refused } = visit.addFiles(files);
    if (refused) say(refused, true);
    arrange();
  }

  /** Shows what there is: an image, what is awaited, or an invitation. */
  function arrange() {
    const awaited = visit.items.find((item) => visit.state(item).busy);
    invitation.hidden = Boolean(shown || awaited);
    busy.hidden = Boolean(shown || !awaited);
    if (!busy.hidden) busy.replaceChildren(`${awaited.name} is being segmented…`, h("progress", { "aria-label": "Being segmented" }));
    more.hidden = !invitation.hidden;
    stage.element.hidden = side.element.hidden = !shown;
    desktop.classList.toggle("alone", !shown);
    review.update(shown);
  }

  function changed(item) {
    if (visit.state(item).done && (!shown || item === shown || item === wanted)) show(item);
    else arrange();
  }

  let wanted = null; // what shall be shown as soon as it is known
  async function show(item) {
    wanted = item;
    const results = names.map((name) => item.results.get(name));
    if (!results.every((one) => one?.told)) return;
    try {
      const findings = await Promise.all(results.map((one) => Finding.read(one.told, one.parts)));
      if (wanted !== item || ended) return;
      item.seen = true;
      shown = item;
      arrange();
      stage.show(item.name, findings);
      side.update(item, findings);
    } catch (error) {
      say(`${item.name} cannot be shown: ${error.message}`, true);
    }
  }

  function remove(item) {
    visit.remove(item);
    if (item === shown) {
      shown = wanted = null;
      stage.clear();
      side.clear();
      const next = visit.ordered().find((one) => visit.state(one).done);
      if (next) show(next);
    }
    arrange();
  }

  function again(item) {
    for (const name of names) if (item.results.get(name)?.error) item.results.delete(name);
    visit.work();
    arrange();
  }

  function turn(item, page) {
    item.turnTo(page);
    visit.work();
    arrange();
  }

  async function offer() {
    const owner = names[0];
    let told;
    try {
      told = await getJson(at("segment", owner, "samples"));
    } catch (error) {
      told = { names: [], why: error.message };
    }
    if (ended || !told.names.length) return;
    samples.hidden = false;
    samples.append(h("h2", {}, `${told.part === "test" ? "Test" : "Training"} images of ${owner}`),
      h("p", { class: "quiet small" }, told.part === "test" ? "It has not learnt from them, and their reference is known." : "It has learnt from them: they do not tell how good it is.",
        names[1] && ` Whether ${names[1]} has learnt from them is not known.`),
      h("div", { class: "strip" }, told.names.map((name, number) => h("button", { type: "button", title: name, onclick: () => pick(owner, number, name) },
        h("img", { class: "pixels", src: `${at("segment", owner, "samples", number)}.png`, alt: `Test image ${name}`, loading: "lazy" })))));
  }

  function pick(owner, number, name) {
    const item = visit.addSample(owner, number, name);
    show(item);
    arrange();
  }

  let ended = false;
  arrange();
  const first = visit.ordered().find((item) => visit.state(item).done);
  if (first) show(first);
  visit.work();
  offer();
  return () => {
    ended = true;
    visit.end();
    dropping();
    review.end();
    stage.end();
  };
}
