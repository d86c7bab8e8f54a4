/** A button that asks before it does what cannot be undone. */
import { h } from "../dom.js";

const PATIENCE = 5000;

/** The first press asks `question`; a second one within some seconds acts. */
export function twice(label, question, act) {
  let armed = null;
  const button = h("button", { class: "danger", onclick: press }, label);
  function calm() {
    clearTimeout(armed);
    armed = null;
    button.textContent = label;
    button.classList.remove("armed");
  }
  async function press() {
    if (armed === null) {
      armed = setTimeout(calm, PATIENCE);
      button.textContent = question;
      button.classList.add("armed");
      return;
    }
    calm();
    button.disabled = true;
    await act();
    button.disabled = false;
  }
  button.addEventListener("blur", () => armed !== null && calm());
  return button;
}
