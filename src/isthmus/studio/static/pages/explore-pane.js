/** One run's codes: its plane, what they are coloured by, the probe and what it decodes. */
import { h, say, short } from "../dom.js";
import { hoverCard } from "../widgets/hover-card.js";
import { lattice } from "../widgets/lattice.js";
import { newest } from "../widgets/newest.js";
import { probe } from "../widgets/probe.js";
import { scatter } from "../widgets/scatter.js";
import { Facts, colouring } from "./explore-colours.js";
import { planeOf, viewsOf } from "./explore-plane.js";

const TOOLS = { probe: "Probe", move: "Move", lasso: "Lasso" };
const HELP = "Arrow keys move the probe, plus and minus enlarge, 0 shows all, Enter picks the nearest sample, Escape lets go of the selection.";

/** A choice of some: [value, title]. */
export const choice = (name, list, value, onchange) =>
  h(
    "label",
    {},
    h("span", { class: "quiet" }, name),
    h("select", { "aria-label": name, onchange: (event) => onchange(event.target.value) }, list.map(([one, title]) => h("option", { value: one, selected: String(one) === String(value) }, title))),
  );

/**
 * @param {object} source of explore-source.js
 * @param {object} space
 * @param {{ on: Function, tell: Function }} told hover, pick, picked, select and code, of this and other panes
 * @param {{ painter?: "webgl" | "canvas" }} options
 */
export async function pane(source, space, told, { painter }) {
  const shown = space.shown;
  const features = () => shown?.features ?? [];
  const facts = new Facts(shown ? await source.points() : new Float32Array(0), shown?.labelled ? shown.class_names : []);
  const { count } = facts;
  const view = { kind: viewsOf(space)[0][0], units: space.units === 2 ? [0, 1] : space.order.slice(0, 2), anchors: anchorsAmong(facts) };
  let [plane, picked, sought] = [null, null, null];
  let ends = [null, null];

  const plot = scatter({
    label: `Codes of ${space.title}. ${HELP}`,
    painter,
    onhover: hover,
    onpick: pick,
    onselect: (places) => told.tell("select", places),
    onprobe: drag,
    onview: () => grid?.view(),
  });
  const reader = probe({
    decode: (code) => source.decode(code, shown ? { nearest: true } : {}),
    thumbnail: (place) => source.samples([place]),
    onpick: pick,
    features,
  });
  const colours = colouring(facts, plot.setColours);
  const grid = lattice(plot, async (places) => (await source.decode(plane.codesAt(places), { side: 32 })).block, (error) => say(error.message, true), source.bounds);

  // -- the probe ----------------------------------------------------------------------------

  const snap = newest(
    (place) => source.sample(place),
    (sample) => setCode(Float32Array.from(sample.code), plot.placeOf(sample.place)),
    (error) => say(error.message, true),
  );

  function drag(u, v) {
    if (plane) setCode(plane.codeAt(u, v), [u, v]);
    else snap(plot.nearest(u, v)); // nothing can be decoded from a layout
  }

  /** Decode a code, and put the probe where it is. */
  function setCode(code, at = plane?.placeOf(code)) {
    if (at) {
      plot.setProbe(...at);
      plot.carry(reader.lens, ...at);
    }
    if (!space.mute) reader.show(code);
    told.tell("code", code);
  }

  // -- samples ------------------------------------------------------------------------------

  const caption = (place) => [facts.className(place), `error ${short(facts.error(place))}`].filter(Boolean).join(" · ");
  const card = hoverCard(plot.element, { thumbnail: (place) => source.samples([place]), caption, features });

  let hovered = -1;
  function hover(place, x, y) {
    card(place, x, y);
    if (place !== hovered) told.tell("hover", (hovered = place));
  }

  function pick(place) {
    told.tell("pick", place);
  }

  /** Take a sample as the picked one: marked, in view, under the probe. */
  const go = newest(
    (place) => source.sample(place),
    (sample) => {
      picked = { ...sample, code: Float32Array.from(sample.code) };
      const at = plot.placeOf(sample.place);
      plot.show(...at);
      setCode(picked.code, at);
      mark();
      told.tell("picked", picked, source);
    },
    (error) => say(error.message, true),
  );

  function mark() {
    const list = ends.flatMap((end, i) => (end ? [{ place: end.place, text: "AB"[i] }] : []));
    if (view.kind === "anchors") view.anchors.forEach((place, i) => list.push({ place, text: String(i + 1) }));
    if (sought && plane) list.push({ at: plane.placeOf(sought), text: "?" });
    if (picked) list.push({ place: picked.place });
    plot.setMarks(list, plane && ends.every(Boolean) ? ends.map(({ code }) => plane.placeOf(code)) : null);
  }

  // -- the plane ----------------------------------------------------------------------------

  const unitChoice = h("span", { class: "row tight" });
  const anchorChoice = h("span", { class: "row tight" });

  async function lay() {
    plot.element.setAttribute("aria-busy", "true");
    try {
      const laid = await planeOf(source, space, view);
      plane = laid.plane;
      plot.setPoints(laid.places, laid.bounds);
      if (count) colours.set(colours.by());
      grid.renew();
      gridButton.disabled = !plane || Boolean(space.mute);
      unitChoice.hidden = view.kind !== "units" || space.units < 3;
      anchorChoice.hidden = view.kind !== "anchors";
      mark();
      const code = reader.code() ?? picked?.code;
      if (code && plane) setCode(code);
      else if (plane) drag(plot.camera.u, plot.camera.v);
      else drag(0, 0);
    } catch (error) {
      say(error.message, true);
    }
    plot.element.removeAttribute("aria-busy");
  }

  const unitList = space.order.map((unit) => [unit, `Unit ${unit + 1}`]);
  const setUnit = (axis) => (value) => {
    const other = view.units[1 - axis];
    view.units[axis] = Number(value);
    if (other === Number(value)) return say("A plane needs two different units.");
    lay();
  };
  unitChoice.append(choice("Across", unitList, view.units[0], setUnit(0)), choice("Up", unitList, view.units[1], setUnit(1)));
  anchorChoice.append(
    h("span", { class: "quiet" }, "Anchors: pick a sample, press"),
    ...[0, 1, 2].map((i) => h("button", { onclick: () => anchor(i) }, String(i + 1))),
  );

  function anchor(i) {
    if (!picked) return say("Pick a sample first: press one of the points.");
    view.anchors = view.anchors.map((place, at) => (at === i ? picked.place : place));
    lay();
  }

  const gridButton = h("button", { "aria-pressed": "false", title: "Decode the plane itself", onclick: () => toggle(gridButton, grid.set) }, "Decoded grid");
  const pointsButton = h("button", { "aria-pressed": "true", onclick: () => toggle(pointsButton, (on) => plot.setHidden(!on)) }, "Points");

  const toolButtons = Object.entries(TOOLS).map(([name, title]) =>
    h("button", { "aria-pressed": String(name === "probe"), "data-tool": name, onclick: () => useTool(name) }, title),
  );
  function useTool(name) {
    plot.setTool(name);
    toolButtons.forEach((button) => button.setAttribute("aria-pressed", button.dataset.tool === name));
  }
  plot.element.append(
    h("div", { class: "tools", role: "group", "aria-label": "What dragging does" }, shown ? toolButtons : toolButtons.slice(0, 2)),
    h(
      "div",
      { class: "tools zoom", role: "group", "aria-label": "Enlarge" },
      h("button", { "aria-label": "Enlarge", onclick: () => plot.enlarge(1.5) }, "+"),
      h("button", { "aria-label": "Make smaller", onclick: () => plot.enlarge(1 / 1.5) }, "−"),
      h("button", { "aria-label": "Show all", title: "Show all", onclick: plot.fit }, "⤢"),
    ),
  );
  const toolbar = h(
    "div",
    { class: "toolbar" },
    !space.fixed && choice("View", viewsOf(space), view.kind, (kind) => ((view.kind = kind), lay())),
    unitChoice,
    anchorChoice,
    shown && choice("Colour", colours.options, colours.by(), colours.set),
    space.picture && gridButton,
    shown && pointsButton,
    space.told.length > 0 && choice("Decode as", space.told.map((name) => [name, name]), space.told[0], (name) => setClass(name)),
  );
  function setClass(name) {
    source.setClass(name);
    grid.renew();
    if (reader.code()) reader.show(reader.code());
  }
  if (space.told.length) source.setClass(space.told[0]);

  told.on("hover", plot.setHovered);
  told.on("select", (places) => count && colours.choose(places));
  told.on("pick", go);

  await lay();

  return {
    element: h("div", { class: "pane" }, toolbar, space.mute && h("p", { class: "note" }, space.mute), plot.element, colours.legend),
    reader: space.mute ? null : reader.element,
    space,
    source,
    facts,
    caption,
    features,
    setCode,
    pick,
    picked: () => picked,
    code: reader.code,
    through(code) {
      if (!plane) return say("A layout by UMAP is no plane; choose another view.");
      plane = plane.through(code);
      grid.renew();
      setCode(code);
    },
    setEnds(newEnds) {
      ends = newEnds;
      mark();
    },
    setSought(code) {
      sought = code;
      if (plane) plot.show(...plane.placeOf(code));
      mark();
    },
    free() {
      grid.free();
      plot.free();
    },
  };
}

function toggle(button, act) {
  const on = button.getAttribute("aria-pressed") !== "true";
  button.setAttribute("aria-pressed", on);
  act(on);
}

/** Three samples, of different classes where there are. */
function anchorsAmong(facts) {
  const { count, label } = facts;
  const found = [];
  for (let place = 0; place < count && found.length < 3; place++) {
    if (!found.some((one) => label(one) === label(place))) found.push(place);
  }
  for (let place = 0; place < count && found.length < 3; place++) if (!found.includes(place)) found.push(place);
  return found;
}
