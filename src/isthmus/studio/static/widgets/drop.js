/** Files from people: dropped on an element, pasted anywhere on the page, or chosen by a button. */
import { h } from "../dom.js";

/**
 * Takes files that are dropped on `element` or pasted; the element has the class "over" meanwhile.
 * @param {HTMLElement} element
 * @param {(files: File[], folders?: string[]) => void} take Folders are named and not looked into.
 * @returns {() => void} Ends it.
 */
export function takeFiles(element, take) {
  const ending = new AbortController();
  const { signal } = ending;
  let depth = 0;
  const holdsFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  const over = (step) => (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    depth = Math.max(0, depth + step);
    element.classList.toggle("over", depth > 0);
  };
  element.addEventListener("dragenter", over(1), { signal });
  element.addEventListener("dragleave", over(-1), { signal });
  element.addEventListener("dragover", over(0), { signal });
  element.addEventListener("drop", (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    depth = 0;
    element.classList.remove("over");
    const folders = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter((entry) => entry?.isDirectory);
    const named = new Set(folders.map((entry) => entry.name));
    take([...event.dataTransfer.files].filter((file) => !named.has(file.name)), [...named]);
  }, { signal });
  // A file that misses the element would take the whole page's place.
  for (const kind of ["dragover", "drop"]) window.addEventListener(kind, (event) => event.preventDefault(), { signal });
  window.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length) take(files);
  }, { signal });
  return () => ending.abort();
}

/** A button that lets files be chosen. */
export function chooseFiles(words, accept, take, properties = {}) {
  const input = h("input", { type: "file", multiple: true, accept, hidden: true, onchange: () => {
    take([...input.files]);
    input.value = "";
  } });
  return h("span", {}, h("button", { type: "button", ...properties, onclick: () => input.click() }, words), input);
}
