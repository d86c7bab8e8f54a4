// Copies the locked libraries, with their licences, into the package's static files.
import { copyFileSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const OUT = "../src/isthmus/studio/static/vendor";
const MODULES = "node_modules";
const FILES = {
  "uplot.js": ["uplot", "dist/uPlot.esm.js"],
  "uplot.css": ["uplot", "dist/uPlot.min.css"],
  "swagger-ui.js": ["swagger-ui-dist", "swagger-ui-bundle.js"],
  "swagger-ui.js.LICENSE.txt": ["swagger-ui-dist", "swagger-ui-bundle.js.LICENSE.txt"],
  "swagger-ui.css": ["swagger-ui-dist", "swagger-ui.css"],
};

function licence(name) {
  const folder = join(MODULES, name);
  const { version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const files = readdirSync(folder).filter((file) => /^(licen[cs]e|notice)/i.test(file));
  if (!files.length) throw new Error(`${name} brings no licence`);
  const texts = files.map((file) => readFileSync(join(folder, file), "utf8").trim());
  return `${name} ${version} (${license})\n\n${texts.join("\n\n")}\n`;
}

rmSync(OUT, { recursive: true, force: true });
mkdirSync(OUT, { recursive: true });
for (const [file, [name, path]] of Object.entries(FILES)) copyFileSync(join(MODULES, name, path), join(OUT, file));
const names = [...new Set(Object.values(FILES).map(([name]) => name))].sort();
writeFileSync(join(OUT, "LICENCES.txt"), names.map(licence).join(`\n${"-".repeat(78)}\n\n`));
console.log(`Copied into ${OUT}: ${names.join(", ")}`);
