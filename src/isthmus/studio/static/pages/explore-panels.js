/** Panels beside the plane: a sample, a selection, units, ways between, search, outliers. */
import { h, say, short } from "../dom.js";
import { between } from "../widgets/between.js";
import { gallery } from "../widgets/gallery.js";
import { pad } from "../widgets/pad.js";
import { classColour, css } from "../widgets/palette.js";
import { paint, picture } from "../widgets/picture.js";
import { sliders } from "../widgets/sliders.js";

const STRANGEST = 200;

/** What a gallery of samples needs of panes on the same data. */
const galleryOf = (panes, told, caption = panes[0].caption) =>
  gallery({
    samples: (places) => panes[0].source.samples(places),
    rebuilt: panes.map(({ space, source }) => ({ name: `rebuilt by ${space.name}`, ask: (places) => source.samples(places, { rebuilt: true }) })),
    caption,
    onpick: (place) => told.tell("pick", place),
    onhover: (place) => told.tell("hover", place),
    features: panes[0].features,
  });

/** The picked sample, what each model makes of it, and what lies near it. */
export function samplePanel(panes, told) {
  const large = (name) => h("figure", {}, picture(name, { class: "decoded" }), h("figcaption", {}, name));
  const figures = [large("Original"), ...panes.map(({ space }) => large(panes.length > 1 ? space.name : "Rebuilt"))];
  const facts = h("dl", { class: "facts" });
  const advice = h("p", { class: "quiet" }, "Press a point to see its sample beside what the model makes of it.");
  const near = panes.map((pane) => ({ pane, gallery: galleryOf([pane], told) }));
  const actions = panes.filter(({ space }) => space.units > 2 && !space.fixed).map((pane) =>
    h("button", { onclick: () => pane.through(pane.picked().code), title: "The places of the points stay; what is decoded goes through this sample" }, panes.length > 1 ? `Lay the plane of ${pane.space.name} through it` : "Lay the plane through it"),
  );
  const body = h(
    "div",
    { hidden: true },
    h("div", { class: "figures" }, figures),
    facts,
    h("div", { class: "row" }, actions),
    near.map(({ pane, gallery: one }) => h("section", {}, h("h2", {}, panes.length > 1 ? `Nearest in ${pane.space.name}` : "Nearest samples"), one.element)),
  );

  let newestPlace = -1;
  told.on("picked", async (sample, from) => {
    const at = panes.findIndex(({ source }) => source === from);
    const { pane, gallery: mine } = near[at];
    advice.hidden = true;
    body.hidden = false;
    newestPlace = sample.place;
    const { shown } = pane.space;
    const strange = sample.strangeness > shown.threshold ? " (an outlier)" : "";
    const rows = [["Sample", sample.name], ["Class", sample.label], ["Strangeness", `${short(sample.strangeness)}${strange}`]];
    if (at === 0) facts.replaceChildren(...rows.flatMap(([name, value]) => (value == null ? [] : [h("dt", {}, name), h("dd", {}, value)])));
    facts.append(h("dt", {}, panes.length > 1 ? `Error, ${pane.space.name}` : "Error"), h("dd", {}, short(sample.error)));
    mine.show(sample.near.map(({ place }) => place));
    try {
      const [original, rebuilt] = await Promise.all([pane.source.samples([sample.place], { side: 512 }), pane.source.samples([sample.place], { rebuilt: true, side: 512 })]);
      if (newestPlace !== sample.place) return;
      if (at === 0) paint(figures[0].firstChild, original, 0, pane.features());
      paint(figures[at + 1].firstChild, rebuilt, 0, pane.features());
    } catch (error) {
      say(error.message, true);
    }
  });
  return h("div", {}, advice, body);
}

/** The selected samples: how many, of what classes, and they themselves. */
export function selectionPanel(panes, told, touch = window.matchMedia("(pointer: coarse)").matches) {
  const { facts } = panes[0];
  const heading = h("p", { class: "quiet" });
  const bars = h("div", { class: "shares" });
  const clear = h("button", { hidden: true, onclick: () => told.tell("select", new Uint32Array(0)) }, "Clear the selection");
  const found = galleryOf(panes, told);
  const advice = `Choose Lasso on the plane and draw a loop around points${touch ? " with a finger" : ""}.`;
  heading.textContent = advice;
  told.on("select", (places) => {
    clear.hidden = !places.length;
    heading.textContent = places.length ? `${places.length.toLocaleString("en")} ${places.length === 1 ? "sample" : "samples"}` : advice;
    heading.dataset.count = places.length;
    const counts = facts.labelled ? facts.counts(places) : [];
    bars.replaceChildren(
      ...[...counts.entries()]
        .filter(([, count]) => count)
        .sort((a, b) => b[1] - a[1])
        .map(([label, count]) =>
          h(
            "div",
            { class: "share" },
            h("span", {}, facts.classNames[label]),
            h("span", { class: "bar" }, h("span", { style: `width: ${(100 * count) / places.length}%; background: ${css(classColour(label))}` })),
            h("span", { class: "number" }, `${((100 * count) / places.length).toFixed(count === places.length ? 0 : 1)} %`),
          ),
        ),
    );
    found.show(places);
  });
  return h("div", {}, h("div", { class: "row" }, heading, clear), bars, found.element);
}

/** A slider for each unit, which follow the probe. */
export function unitsPanel(pane, told) {
  let own = false;
  const units = sliders(pane.space, (code) => {
    own = true;
    pane.setCode(code);
    own = false;
  });
  told.on("code", (code) => own || units.set(code));
  if (pane.code()) units.set(pane.code());
  return units.element;
}

/** The way from one sample to another. */
export function betweenPanel(pane) {
  return between({
    decode: async (codes) => {
      const all = new Float32Array(codes.length * pane.space.units);
      codes.forEach((code, i) => all.set(code, i * pane.space.units));
      return (await pane.source.decode(all, { side: 96 })).block;
    },
    thumbnail: (place) => pane.source.samples([place]),
    onchange: (code) => pane.setCode(code),
    onends: (ends) => pane.setEnds([...ends]),
    picked: pane.picked,
    features: pane.features,
  });
}

/** The samples nearest to a drawn or sent image. */
export function searchPanel(pane, told) {
  const [height, width] = pane.space.sample_shape.slice(-2);
  const seen = h("img", { class: "thumb pixels", alt: "The image as the model sees it" });
  const rebuilt = picture("rebuilt", { class: "thumb" });
  const answered = h("div", { class: "row", hidden: true }, h("figure", {}, seen, h("figcaption", {}, "Seen")), h("figure", {}, rebuilt, h("figcaption", {}, "Rebuilt")), h("p", { class: "grow" }));
  const inverted = h("input", { type: "checkbox", onchange: () => file.files[0] && look(file.files[0], inverted.checked) });
  const file = h("input", { type: "file", accept: "image/*", "aria-label": "Image to look for", onchange: () => file.files[0] && look(file.files[0], inverted.checked) });
  let far = [];
  const found = galleryOf([pane], told, (place, at) => `${pane.caption(place)} · ${far[at]} ×`);
  const drawing = pane.space.sample_shape.length === 2 ? pad({ size: [height, width], ondrawn: (image) => look(image, false) }) : null;

  async function look(image, invert) {
    try {
      const answer = await pane.source.search(image, invert);
      const code = Float32Array.from(answer.code);
      seen.src = answer.seen;
      answered.hidden = false;
      answered.lastChild.textContent = `Nearest sample: ${answer.near[0].distance.toFixed(1)} × typical distance away${answer.error == null ? "" : `; error ${short(answer.error)}`}. Its place is marked by “?”.`;
      far = answer.near.map(({ distance }) => distance.toFixed(1));
      pane.setSought(code);
      pane.setCode(code);
      found.show(answer.near.map(({ place }) => place));
      if (!pane.space.mute) paint(rebuilt, (await pane.source.decode(code)).block, 0);
    } catch (error) {
      say(error.message, true);
    }
  }

  return h(
    "div",
    { class: "search" },
    h("p", { class: "quiet" }, drawing ? "Draw with mouse or finger, or choose an image; the nearest samples by their codes follow." : "Choose an image; the nearest samples by their codes follow."),
    h("div", { class: "search-in" }, drawing?.element, h("div", { class: "search-file" }, file, h("label", {}, inverted, "Dark on light: turn it round"))),
    answered,
    found.element,
  );
}

/** The strangest samples first. */
export function outliersPanel(pane, told) {
  const { facts, space } = pane;
  const values = facts.column("strangeness");
  const order = Uint32Array.from(values.keys()).sort((a, b) => values[b] - values[a]);
  const outliers = values.filter((value) => value > space.shown.threshold).length;
  const list = galleryOf([pane], told, (place) => `${facts.className(place) ? `${facts.className(place)} · ` : ""}${values[place].toFixed(1)}`);
  let begun = false;
  return {
    element: h(
      "div",
      {},
      h("p", { class: "quiet" }, `${outliers.toLocaleString("en")} of ${facts.count.toLocaleString("en")} samples are stranger than 99 % of held-out ones: badly rebuilt, or far from the codes of training samples. The strangest first; press one to go there.`),
      list.element,
    ),
    /** Ask for pictures when they are first looked at. */
    open() {
      if (!begun) list.show(order.slice(0, STRANGEST));
      begun = true;
    },
  };
}
