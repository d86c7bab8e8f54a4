/** Filled in later steps. */
import { empty } from "../dom.js";

export default function fill(root) {
  root.append(empty("Nothing here yet"));
}
