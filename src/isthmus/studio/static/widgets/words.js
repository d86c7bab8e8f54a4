/** Words for times, sizes, states and scores. */
import { h, short } from "../dom.js";

const STATES = {
  queued: "waiting",
  running: "training",
  stopping: "stopping",
  done: "done",
  stopped: "stopped",
  crashed: "crashed",
  unfinished: "unfinished",
  elsewhere: "training elsewhere",
};
const LIVE = ["queued", "running", "stopping", "elsewhere"];

/** All states with their words. */
export const states = Object.entries(STATES);
export const isLive = ({ state }) => LIVE.includes(state);

/** A badge with the state of a run, and how far it is. */
export function badge(run) {
  const waits = run.state === "queued" && run.place ? `, place ${run.place}` : "";
  const scoring = run.state === "running" && run.epoch && run.epoch >= run.epochs;
  const word = h("span", { class: `state ${run.state}` }, scoring ? "scoring" : STATES[run.state] + waits);
  if (!["running", "elsewhere", "stopping"].includes(run.state) || !run.epoch) return word;
  const done = Math.min(1, run.epoch / run.epochs);
  const bar = h("progress", { max: 1, value: done, "aria-label": `epoch ${run.epoch} of ${run.epochs}` });
  return h("span", { class: "progressing" }, word, bar, h("small", { class: "quiet" }, `${run.epoch} of ${run.epochs}`));
}

/** When, such as "3 minutes ago". */
export function ago(seconds) {
  if (seconds == null) return "";
  const past = Math.max(0, Date.now() / 1000 - seconds);
  const steps = [[60, "second"], [60, "minute"], [24, "hour"], [30, "day"], [12, "month"], [Infinity, "year"]];
  let value = past;
  for (const [size, unit] of steps) {
    if (value < size) {
      const whole = Math.floor(value);
      return unit === "second" && whole < 10 ? "just now" : `${whole} ${unit}${whole === 1 ? "" : "s"} ago`;
    }
    value /= size;
  }
  return "";
}

/** How long, such as "2 min 5 s". */
export function duration(seconds) {
  if (seconds == null) return "–";
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60 ? `${minutes} min ${Math.round(seconds % 60)} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** Bytes, such as "11.5 MB". */
export function size(bytes) {
  if (bytes == null) return "–";
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let at = 0;
  while (value >= 1000 && at < units.length - 1) ((value /= 1000), (at += 1));
  return `${at && value < 100 ? value.toFixed(1) : Math.round(value)} ${units[at]}`;
}

/** A mean over its 95 % interval. */
export function estimate(score) {
  if (score?.mean == null) return "–";
  const interval = score.low == null ? "no interval" : `${short(score.low)} – ${short(score.high)}`;
  return [h("span", {}, short(score.mean)), h("small", { class: "quiet" }, interval)];
}

/** Whether every word of a search stands in one of the texts. */
export const matches = (search, ...texts) => {
  const all = texts.flat().filter(Boolean).join(" ").toLowerCase();
  return search.toLowerCase().split(/\s+/).every((word) => all.includes(word));
};

/** A select of [value, words] pairs. */
export const select = (label, choices, chosen, onchange, properties = {}) =>
  h(
    "select",
    { "aria-label": label, onchange: ({ target }) => onchange?.(target.value), ...properties },
    choices.map(([value, words, disabled]) => h("option", { value, selected: String(value) === String(chosen ?? ""), disabled }, words)),
  );
