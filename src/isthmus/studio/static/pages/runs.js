/** Runs: what is trained, was trained, and can be trained; projects and data sets. */
import { getJson, at } from "../api.js";
import { empty, h, style } from "../dom.js";

const VIEWS = {
  list: () => import("./jobs/list.js"),
  project: () => import("./jobs/list.js"),
  new: () => import("./jobs/new.js"),
  run: () => import("./jobs/run.js"),
  compare: () => import("./jobs/compare.js"),
  projects: () => import("./jobs/projects.js"),
  data: () => import("./jobs/data.js"),
};
const TABS = [["list", "Runs", "#/runs"], ["projects", "Projects", "./jobs/projects"], ["data", "Data sets", "#/runs/data"]];
const OF = { project: "list", run: "list", compare: "list", new: "list" };

export default async function fill(root, [view = "list", ...parts]) {
  await style("runs");
  const known = view in VIEWS ? view : "list";
  const { folder } = await getJson(at("runs"));
  if (folder === null) {
    root.append(empty("This studio shows single runs only", "To train, watch and compare runs, start it with a folder: ", h("code", {}, "isthmus studio FOLDER")));
    return null;
  }
  const here = OF[known] ?? known;
  const tabs = TABS.map(([name, words, href]) => h("a", { href, "aria-current": name === here ? "page" : null }, words));
  const body = h("div");
  root.append(h("nav", { class: "tabs", "aria-label": "Runs" }, tabs, h("a", { class: "button first", href: "./jobs/new" }, "New run")), body);
  const { default: show } = await VIEWS[known]();
  return show(body, parts);
}
