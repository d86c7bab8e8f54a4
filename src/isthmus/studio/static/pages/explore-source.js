/** What Explore asks the server about one run; other pages may give widgets other sources. */
import { at, getBuffer, getJson, postFile, postForBuffer } from "../api.js";

/** What is told between the parts of a page. */
export function bus() {
  const ears = {};
  return {
    on: (name, ear) => (ears[name] ??= []).push(ear),
    tell: (name, ...what) => (ears[name] ?? []).forEach((ear) => ear(...what)),
  };
}

/**
 * @param {string} run
 * @param {{ part: string, count: number }} shown which samples
 */
export function sourceOf(run, shown) {
  const url = (path, more = {}) => `${at("explore", run, ...path)}?${new URLSearchParams({ ...shown, ...more })}`;
  let label = null; // what a conditional decoder is told

  async function block(path, body, more) {
    const answer = await postFile(url(path, more), body);
    const shape = answer.headers.get("X-Shape").split(",").map(Number);
    const buffer = await answer.arrayBuffer();
    const data = answer.headers.get("X-Type") === "uint8" ? new Uint8Array(buffer) : new Float32Array(buffer);
    const near = answer.headers.get("X-Nearest");
    return { block: { shape, data }, place: near == null ? null : Number(near), distance: Number(answer.headers.get("X-Distance")) };
  }

  return {
    run,
    setClass: (name) => (label = name),
    space: () => getJson(url(["space"])),
    /** Class, error, density and strangeness of each sample, four numbers each. */
    points: async () => new Float32Array(await getBuffer(url(["points"]))),
    /** Numbers of a plane, if it is one, then the place of each sample. */
    view: async (view) => new Float32Array(await postForBuffer(url(["view"]), view)),
    /** Decoded codes, one after another in an array; with the sample nearest to the first. */
    decode: (codes, more = {}) => block(["decode"], codes, label == null ? more : { ...more, class: label }),
    /** Samples by their places, or what the model makes of them. */
    samples: async (places, more = {}) => (await block(["samples"], Int32Array.from(places), more)).block,
    sample: (place) => getJson(url(["samples", String(place)])),
    search: async (image, inverted) => (await postFile(url(["search"], { inverted }), image)).json(),
  };
}
