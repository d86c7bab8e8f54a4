/** The shell: which page is shown is in the address, #/PAGE/PART/PART. */
import { h, say } from "./dom.js";

// Each module's default export fills an element and may return a function that clears up.
const PAGES = {
  explore: { title: "Explore", load: () => import("./pages/explore.js") },
  segment: { title: "Segment", load: () => import("./pages/segment.js") },
  runs: { title: "Runs", load: () => import("./pages/runs.js") },
  serve: { title: "Serve", load: () => import("./pages/serve.js") },
};
const HOME = "runs";

const root = document.getElementById("page");
const links = Object.entries(PAGES).map(([name, { title }]) => h("a", { href: `#/${name}`, "data-page": name }, title));
document.querySelector("nav").append(...links);
let clear = null;
let shown = 0;

async function show() {
  const [name, ...parts] = location.hash.replace(/^#\/?/, "").split("/").filter(Boolean).map(decodeURIComponent);
  const known = name in PAGES ? name : HOME;
  const mine = ++shown;
  links.forEach((link) => (link.dataset.page === known ? link.setAttribute("aria-current", "page") : link.removeAttribute("aria-current")));
  document.title = `${PAGES[known].title} – Isthmus`;
  clear?.();
  clear = null;
  const page = h("div", { class: `page-${known}` });
  root.replaceChildren(page);
  try {
    const { default: fill } = await PAGES[known].load();
    if (mine !== shown) return;
    const done = await fill(page, parts);
    if (mine === shown) clear = done ?? null;
    else done?.();
  } catch (error) {
    if (mine === shown) page.replaceChildren(h("p", { class: "card" }, error.message));
    say(error.message, true);
  }
}

window.addEventListener("hashchange", show);
await show();
