/** Beside the image: how its mask is drawn, the areas of its classes, its objects, and what is saved. */
import { h, short } from "../../dom.js";
import { areaRows, objectRows, reviewRows, save, saveTable } from "./saving.js";
import { agreement } from "./finding.js";
import { look } from "./stage.js";

const SHOWN = 200; // objects in the table

const settings = { spacing: null, text: "", open: false }; // outlives a change of images

/** Height and width of a pixel in mm, of "0.5" or "0.5,0.8"; null for anything else. */
function spacingOf(text) {
  const parts = text.split(",").map(Number);
  return text.trim() && parts.length <= 2 && parts.every((one) => one > 0 && Number.isFinite(one)) ? [parts[0], parts.at(-1)] : null;
}

const percent = (share) => `${(100 * share).toFixed(share < 0.1 ? 2 : 1)} %`;
const dice = (value) => (value == null ? "–" : value.toFixed(3));
const pixels = (count) => count.toLocaleString("en");
/** Pixels of a class over their share of the image. */
const sizes = (one) => [pixels(one.pixels), h("br"), h("span", { class: "quiet" }, percent(one.share))];
const number = (...children) => h("td", { class: "number" }, ...children);

/**
 * @param {object} given
 * @param {import("./stage.js").Stage} given.stage
 * @param {import("./visit.js").Visit} given.visit
 * @param {(item: object, page: number) => void} given.turn Shows another page of a TIFF.
 */
export function panel({ stage, visit, turn }) {
  const element = h("aside", { class: "panel", "aria-label": "Mask and areas" });
  let shown = null;

  function update(item, findings) {
    shown = { item, findings };
    const [first, second] = findings;
    element.replaceChildren(...[
      drawing(first),
      second ? compared(first, second) : areas(first),
      first.told.objects && objects(first),
      facts(item, findings),
      saving(item, findings),
    ].filter(Boolean));
  }

  /** The same anew; what had the focus keeps it. */
  function again() {
    const { key } = document.activeElement?.dataset ?? {};
    update(shown.item, shown.findings);
    if (key) element.querySelector(`[data-key="${key}"]`)?.focus();
  }

  function tick(words, name, changed) {
    return h("label", {}, h("input", { type: "checkbox", checked: look[name], "data-key": name, onchange: (event) => {
      look[name] = event.target.checked;
      changed();
    } }), words);
  }

  function drawing(first) {
    const redraw = () => stage.view.redraw();
    return h("section", { class: "card" }, h("h2", {}, "Mask"),
      h("label", { class: "opacity" }, "Opacity", h("input", { type: "range", min: 0, max: 1, step: 0.01, value: look.opacity, disabled: look.heat, oninput: (event) => {
        look.opacity = Number(event.target.value);
        redraw();
      } })),
      h("div", { class: "row" },
        tick("Outlines", "outlines", redraw),
        tick("Uncertainty", "heat", () => { again(); redraw(); }),
        first.told.objects && tick("Each object its colour", "single", () => { stage.recolour(); again(); }),
        first.reference && tick("Reference, dashed", "reference", redraw)),
      look.heat && h("div", { class: "heat-scale" }, h("span", {}, "sure"), h("span", { class: "scale" }), h("span", {}, `unsure: ${first.told.most_bits.toFixed(2)} bits`)));
  }

  /** The switch of a class, with its colour. */
  function classSwitch(one, finding) {
    if (!one.label) return h("th", { scope: "row", class: "quiet" }, one.name);
    const many = finding.told.objects && look.single;
    return h("th", { scope: "row" }, h("label", {},
      h("input", { type: "checkbox", checked: !look.hidden.has(one.name), "data-class": one.name, onchange: (event) => {
        if (event.target.checked) look.hidden.delete(one.name);
        else look.hidden.add(one.name);
        stage.recolour();
      } }),
      h("span", { class: many ? "swatch many" : "swatch", style: many ? null : `background: ${finding.colour(one.label)}` }), one.name));
  }

  function areas(finding) {
    const { told } = finding;
    const scored = told.classes.some((one) => one.dice != null);
    const { spacing } = settings;
    const heads = ["pixels", spacing && "mm²", told.objects ? "objects" : "pieces", scored && "Dice"].filter(Boolean);
    const counts = new Map();
    told.objects?.label.forEach((label) => counts.set(label, (counts.get(label) ?? 0) + 1));
    return h("section", { class: "card" }, h("h2", {}, "Classes"),
      h("div", { class: "scroll" }, h("table", { class: "areas" },
        h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "class"), heads.map((head) => h("th", { scope: "col", class: "number" }, head)))),
        h("tbody", {}, told.classes.map((one) => h("tr", {}, classSwitch(one, finding), number(...sizes(one)),
          spacing && number(short(one.pixels * spacing[0] * spacing[1])),
          number(!told.objects ? pixels(one.pieces) : one.label ? pixels(counts.get(one.label) ?? 0) : ""),
          scored && number(one.label ? dice(one.dice) : "")))))),
      h("label", { class: "spacing small" }, "Pixel size, mm", h("input", { size: 9, "data-key": "spacing", inputmode: "decimal", placeholder: "0.5 or 0.5,0.8", value: settings.text, onchange: (event) => {
        settings.text = event.target.value;
        settings.spacing = spacingOf(settings.text);
        again();
      } })),
      settings.text.trim() && !settings.spacing && h("p", { class: "trouble small" }, "Give one number, or height,width, such as 0.5,0.8."),
      told.counted && h("p", { class: "small" }, `${told.objects.object.length} objects found, ${told.counted.true} in the reference; TP/(TP+FP+FN) at IoU 0.5: ${dice(told.counted.matched)}.`),
      told.shares.map(shareLine));
  }

  const shareLine = (share) => h("p", {}, h("strong", {}, share.name), `: ${share.percent == null ? "nothing of the whole was found" : `${share.percent.toFixed(1)} %`}`,
    share.grade && `, ${share.grade}`,
    Object.entries(share.by_organ).map(([organ, value]) => h("span", { class: "quiet" }, ` · ${organ} ${value == null ? "–" : `${value.toFixed(1)} %`}`)));

  function compared(first, second) {
    const alike = agreement(first, second);
    const scored = [first, second].some(({ told }) => told.classes.some((one) => one.dice != null));
    const other = (name) => second.told.classes.find((one) => one.name === name);
    const names = [...new Set([...first.told.classes, ...second.told.classes].map((one) => one.name))];
    const cell = (one, what) => number(one ? what(one) : "–");
    return h("section", { class: "card" }, h("h2", {}, "Two models"),
      h("p", { class: "small" }, h("strong", {}, first.told.run), " is on the left of the line, ", h("strong", {}, second.told.run), " on the right."),
      h("div", { class: "scroll" }, h("table", { class: "areas" },
        h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "class"), h("th", { scope: "col", class: "number", title: "Dice of the two masks with one another" }, "agreement"),
          [first, second].map(({ told }) => h("th", { scope: "col", class: "number run" }, told.run, h("br"), scored ? "pixels, Dice" : "pixels")))),
        h("tbody", {}, names.map((name) => {
          const mine = first.told.classes.find((one) => one.name === name);
          const figures = (one) => [...sizes(one), ...(scored && one.label ? [h("br"), h("strong", {}, dice(one.dice))] : [])];
          return h("tr", {}, classSwitch(mine ?? other(name), mine ? first : second), number(mine && !mine.label ? "" : alike.has(name) ? dice(alike.get(name)) : "–"), cell(mine, (one) => h("span", {}, ...figures(one))), cell(other(name), (one) => h("span", {}, ...figures(one))));
        })))),
      h("p", { class: "quiet small" }, "Agreement is Dice of the two masks, not with any reference."));
  }

  function objects(finding) {
    const columns = finding.told.objects;
    const order = columns.object.map((_, i) => i).sort((a, b) => columns.area_px[b] - columns.area_px[a]).slice(0, SHOWN);
    const { spacing } = settings;
    const more = columns.object.length - order.length;
    return h("details", { class: "card", open: settings.open, ontoggle: (event) => (settings.open = event.target.open) }, h("summary", {}, `${pixels(columns.object.length)} objects, the largest first`),
      h("div", { class: "scroll tall" }, h("table", {},
        h("thead", {}, h("tr", {}, ["object", "class", "pixels", spacing && "mm²", "centre x, y"].filter(Boolean).map((head) => h("th", { scope: "col" }, head)))),
        h("tbody", {}, order.map((i) => h("tr", { onmouseenter: () => stage.light(columns.object[i]), onmouseleave: () => stage.light(0) },
          h("td", {}, h("button", { type: "button", class: "plain", title: "Show it", onclick: () => {
            stage.view.centre(columns.centroid_x[i], columns.centroid_y[i]);
            stage.light(columns.object[i]);
          } }, columns.object[i])),
          h("td", {}, finding.told.classes[columns.label[i]].name), number(pixels(columns.area_px[i])),
          spacing && number(short(columns.area_px[i] * spacing[0] * spacing[1])),
          number(`${columns.centroid_x[i].toFixed(0)}, ${columns.centroid_y[i].toFixed(0)}`)))))),
      more > 0 && h("p", { class: "quiet small" }, `${pixels(more)} more are in the CSV file.`));
  }

  function facts(item, findings) {
    const { told } = findings[0];
    const line = ({ told: one }) => h("p", { class: "small" }, findings.length > 1 && h("strong", {}, `${one.run}: `),
      `mean entropy ${one.entropy_bits.toFixed(3)} of ${one.most_bits.toFixed(2)} bits, expected Dice ${dice(one.expected_dice)}; it took ${one.seconds.toFixed(2)} s.`);
    return h("section", { class: "card" }, h("h2", {}, item.name), h("p", { class: "small" }, `${told.width} × ${told.height} pixels`), findings.map(line),
      told.pages > 1 && h("label", { class: "small" }, "Page", h("input", { type: "number", min: 1, max: told.pages, value: told.page, onchange: (event) => {
        const page = Math.round(event.target.valueAsNumber);
        if (page >= 1 && page <= told.pages) turn(item, page);
      } }), `of ${told.pages}`),
      [...new Set(findings.flatMap((one) => one.told.notes))].map((note) => h("p", { class: "small quiet" }, note)));
  }

  function saving(item, findings) {
    const button = (words, act) => h("button", { type: "button", onclick: act }, words);
    const several = findings.length > 1;
    const table = (told) => (told.objects ? [objectRows, "objects"] : [areaRows, "areas"]);
    const all = () => visit.items.filter((one) => visit.state(one).done).map((one) => [one.stem(visit.state(one).told), visit.state(one).told]);
    const of = (name, { told }) => (several ? `${name}.${told.run}` : name);
    return h("section", { class: "card" }, h("h2", {}, "Save"), h("div", { class: "row" },
      findings.map((finding) => button(several ? `Label map, ${finding.told.run}` : "Label map", () => save(item.results.get(finding.told.run).parts.get("map"), `${of(item.stem(finding.told), finding)}.png`))),
      button("Overlay", async () => save(await stage.picture(), `${item.stem(findings[0].told)}.overlay.png`)),
      findings.map((finding) => {
        const [rows, name] = table(finding.told);
        return button(`${name[0].toUpperCase()}${name.slice(1)}${several ? `, ${finding.told.run}` : ""}`, () => {
          const found = rows(item.stem(finding.told), finding.told, settings.spacing);
          if (found.length) saveTable(found, `${of(item.stem(finding.told), finding)}.${name}.csv`);
        });
      }),
      !several && visit.items.length > 1 && button(`${table(findings[0].told)[1][0].toUpperCase()}${table(findings[0].told)[1].slice(1)} of all`, () => {
        const [rows, name] = table(findings[0].told);
        const found = all().flatMap(([stem, told]) => rows(stem, told, settings.spacing));
        if (found.length) saveTable(found, `${name}.csv`);
      }),
      !several && visit.items.length > 1 && button("Review list", () => saveTable(reviewRows(all()), "review.csv"))),
    h("p", { class: "quiet small" }, "The label map is the file that ", h("code", {}, "isthmus segment"), " writes; the overlay is as drawn here."));
  }

  return { element, update, clear: () => element.replaceChildren() };
}
