/** Elements of the page, and messages to its reader. */

/**
 * An element: h("button", { class: "first", onclick: go, disabled: false }, "Go").
 * Properties that begin with "on" are listeners; null, undefined and false leave an attribute out.
 */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value") element.value = value;
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child != null && child !== false));
  return element;
}

/** Say something for a while; what went wrong stays longer. */
export function say(text, bad = false) {
  const box = h("div", { class: bad ? "message bad" : "message" }, text);
  document.getElementById("messages").append(box);
  setTimeout(() => box.remove(), bad ? 12000 : 5000);
}

/** What stands where there is nothing yet: what it is for, and what to do. */
export const empty = (title, ...advice) => h("div", { class: "card empty" }, h("h2", {}, title), h("p", {}, ...advice));

/** A number for people: three digits that matter. */
export function short(number) {
  if (number == null || Number.isNaN(number)) return "–";
  if (Number.isInteger(number)) return number.toLocaleString("en");
  return Math.abs(number) >= 1e-3 && Math.abs(number) < 1e5 ? String(Number(number.toPrecision(3))) : number.toExponential(2);
}

/** A colour of the current look, such as colour("accent"). */
export const colour = (name) => {
  const probe = h("span", { style: `color: var(--${name})` });
  document.body.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
};

/** The rules of a page, pages/NAME.css, asked for once, and of no other page; resolves when they hold. */
export function style(name) {
  const href = `/static/pages/${name}.css`;
  for (const link of document.querySelectorAll('link[href^="/static/pages/"]')) link.disabled = link.getAttribute("href") !== href;
  if (document.querySelector(`link[href="${href}"]`)) return Promise.resolve();
  return new Promise((done) => document.head.append(h("link", { rel: "stylesheet", href, onload: done, onerror: done })));
}
