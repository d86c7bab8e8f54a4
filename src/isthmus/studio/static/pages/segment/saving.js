/** Files that are saved from the page: label maps, overlays and tables, named as `isthmus segment` names them. */
import { h } from "../../dom.js";

/** Lets the browser save a blob. */
export function save(blob, name) {
  const link = h("a", { href: URL.createObjectURL(blob), download: name.replaceAll("/", "_") });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** A table as CSV: the keys of the first row are its columns. */
export function saveTable(rows, name) {
  const cell = (value) => {
    const text = value == null || Number.isNaN(value) ? "" : String(value);
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const lines = [Object.keys(rows[0]), ...rows.map((row) => Object.values(row))];
  save(new Blob([lines.map((line) => line.map(cell).join(",")).join("\n") + "\n"], { type: "text/csv" }), name);
}

const rounded = (area) => Math.round(area * 1e6) / 1e6;

/** Rows of areas.csv of an image; `spacing` is height and width of a pixel in mm, or null. */
export const areaRows = (image, told, spacing) => told.classes.map(({ name, label, pixels, share, pieces }) => ({
  image, class: name, label, pixels, share, pieces,
  ...(spacing && { area_mm2: rounded(pixels * spacing[0] * spacing[1]) }),
}));

/** Rows of objects.csv of an image. */
export function objectRows(image, told, spacing) {
  const { label, object, area_px: areas, ...others } = told.objects;
  return object.map((number, i) => ({
    image, object: number, class: told.classes[label[i]].name, area_px: areas[i],
    ...(spacing && { area_mm2: rounded(areas[i] * spacing[0] * spacing[1]) }),
    ...Object.fromEntries(Object.entries(others).map(([name, values]) => [name, values[i]])),
  }));
}

/** Rows of review.csv: images from the least to the most certain. */
export const reviewRows = (found) => found
  .map(([image, told]) => ({ image, entropy_bits: told.entropy_bits, expected_dice: told.expected_dice }))
  .sort((a, b) => b.entropy_bits - a.entropy_bits);
