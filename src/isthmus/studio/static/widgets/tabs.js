/** Panels of which one is seen. */
import { h } from "../dom.js";

let last = 0;

/**
 * @param {{ name: string, title: string, content: Node }[]} panels
 * @returns {{ element: HTMLElement, open(name: string): void, current(): string }}
 */
export function tabs(panels, onopen = () => {}) {
  const id = `tabs-${++last}`;
  const buttons = panels.map(({ name, title }, at) =>
    h("button", { role: "tab", id: `${id}-${name}`, "aria-controls": `${id}-${name}-panel`, "data-tab": name, onclick: () => open(name), onkeydown: (event) => turn(event, at) }, title),
  );
  const bodies = panels.map(({ name, content }) =>
    h("div", { role: "tabpanel", id: `${id}-${name}-panel`, "aria-labelledby": `${id}-${name}`, class: "panel" }, content),
  );
  let shown = null;

  function open(name) {
    if (shown === name) return;
    shown = name;
    panels.forEach((one, at) => {
      buttons[at].setAttribute("aria-selected", one.name === name);
      buttons[at].tabIndex = one.name === name ? 0 : -1;
      bodies[at].hidden = one.name !== name;
    });
    onopen(name);
  }

  function turn(event, at) {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    const next = (at + by + panels.length) % panels.length;
    open(panels[next].name);
    buttons[next].focus();
  }

  open(panels[0].name);
  return { element: h("div", { class: "tabs" }, h("div", { role: "tablist" }, buttons), bodies), open, current: () => shown };
}
