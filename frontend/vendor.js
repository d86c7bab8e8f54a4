// Bundles the locked libraries, each with its licences, into the package's static files.
import { build } from "esbuild";
import { copyFileSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const OUT = "../src/isthmus/studio/static/vendor";
const MODULES = "node_modules";
// What is bundled: our file, and what it exports of which package.
const BUNDLES = {
  "uplot.js": 'export { default } from "uplot";',
};
const COPIES = {
  "uplot.css": "uplot/dist/uPlot.min.css",
  "swagger-ui.js": "swagger-ui-dist/swagger-ui-bundle.js",
  "swagger-ui.css": "swagger-ui-dist/swagger-ui.css",
};
/** Package of a bundled input such as node_modules/@a/b/c.js. */
const packageOf = (input) => input.split(`${MODULES}/`).at(-1).match(/^(@[^/]+\/)?[^/]+/)[0];

function licence(name) {
  const folder = join(MODULES, name);
  const { version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const files = readdirSync(folder).filter((file) => /^(licen[cs]e|notice)/i.test(file));
  if (!files.length && !license) throw new Error(`${name} names no licence`);
  const texts = files.map((file) => readFileSync(join(folder, file), "utf8").trim());
  return `${name} ${version} (${license})\n\n${texts.join("\n\n")}\n`;
}

rmSync(OUT, { recursive: true, force: true });
mkdirSync(OUT, { recursive: true });
const used = new Set();
for (const [file, contents] of Object.entries(BUNDLES)) {
  const result = await build({
    stdin: { contents, resolveDir: "." },
    outfile: join(OUT, file),
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    legalComments: "none",
    metafile: true,
  });
  Object.keys(result.metafile.inputs)
    .filter((input) => input.includes(`${MODULES}/`))
    .forEach((input) => used.add(packageOf(input)));
}
for (const [file, source] of Object.entries(COPIES)) {
  const text = readFileSync(join(MODULES, source), "utf8");
  writeFileSync(join(OUT, file), text.replace(/\n?\/[/*]# sourceMappingURL=\S+( \*\/)?\s*$/, "\n"));
  used.add(packageOf(join(MODULES, source)));
}
copyFileSync(join(MODULES, "swagger-ui-dist/swagger-ui-bundle.js.LICENSE.txt"), join(OUT, "swagger-ui.js.LICENSE.txt"));
const rule = "-".repeat(78);
writeFileSync(join(OUT, "LICENCES.txt"), [...used].sort().map(licence).join(`\n${rule}\n\n`));
console.log(`Vendored into ${OUT}: ${[...used].sort().join(", ")}`);
