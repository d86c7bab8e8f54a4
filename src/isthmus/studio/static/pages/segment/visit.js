/** The images of this visit, and what models found in them; they outlive a change of models. */
import { at, postFile } from "../../api.js";

const MOST_FILES = 100;
const MOST_BYTES = 64 * 2 ** 20;
const items = [];
const trained = new Map(); // when each model was, by name: what one found before is old

/** An image: a file, or a test image of a run. */
class Item {
  constructor(name, ask) {
    Object.assign(this, { name, _ask: ask, page: 1, seen: false, results: new Map() });
  }

  /** Name of what is saved of it, as `isthmus segment` names it. */
  stem(told) {
    const stem = this.name.replace(/\.[^./\\]+$/, "") || this.name;
    return told?.pages > 1 ? `${stem}#${told.page}` : stem;
  }

  /** Another page of a TIFF; what was found in the one before is let go. */
  turnTo(page) {
    this.page = page;
    this.results.clear();
  }

  async find(run, signal) {
    const result = { busy: true };
    this.results.set(run, result);
    try {
      const parts = await (await this._ask(run, this.page, signal)).formData();
      Object.assign(result, { parts, told: JSON.parse(parts.get("told")) });
    } catch (error) {
      result.error = error.message;
    }
    result.busy = false;
  }
}

const fromFile = (file) => new Item(file.name, (run, page, signal) => {
  if (file.size > MOST_BYTES) throw new Error(`${file.name} has ${Math.ceil(file.size / 2 ** 20)} MiB, more than the 64 that can be sent; use \`isthmus segment\`.`);
  const asked = new URLSearchParams({ name: file.name, page });
  return postFile(`${at("segment", run, "images")}?${asked}`, file, { signal });
});

const fromSample = (owner, number, name) => Object.assign(new Item(name, (run, page, signal) =>
  postFile(`${at("segment", run, "samples", number)}?${new URLSearchParams({ of: owner })}`, new Blob(), { signal })),
{ sample: `${owner}/${number}` });

/** The images of this visit, segmented one after another by one model or two. */
export class Visit {
  /**
   * @param {object[]} cards Of the models, as the server tells them.
   * @param {(item: Item) => void} changed Told when something is known of an image.
   */
  constructor(cards, changed) {
    const runs = cards.map((card) => card.name);
    for (const card of cards) {
      if (trained.get(card.name) !== card.trained) items.forEach((item) => item.results.delete(card.name));
      trained.set(card.name, card.trained);
    }
    Object.assign(this, { runs, items, _changed: changed, _ending: new AbortController() });
  }

  /** Adds files; returns a sentence if there are too many. */
  addFiles(files) {
    const room = MOST_FILES - items.length;
    const taken = files.slice(0, room).map(fromFile);
    items.push(...taken);
    this.work();
    const left = files.length - taken.length;
    return { taken, refused: left ? `${left} of ${files.length} images were left out: this page takes ${MOST_FILES}; use \`isthmus segment\` for more.` : "" };
  }

  /** Adds a test image, once. */
  addSample(owner, number, name) {
    let item = items.find((one) => one.sample === `${owner}/${number}`);
    if (!item) {
      item = fromSample(owner, number, name);
      items.push(item);
      this.work();
    }
    return item;
  }

  remove(item) {
    items.splice(items.indexOf(item), 1);
  }

  /** Asks for what is not known yet, one after another. */
  async work() {
    if (this._working) return;
    this._working = true;
    for (let next; !this._ending.signal.aborted && (next = this._next()); ) {
      const [item, run] = next;
      const found = item.find(run, this._ending.signal);
      this._changed(item);
      await found;
      if (!this._ending.signal.aborted) this._changed(item);
    }
    this._working = false;
  }

  _next() {
    for (const item of items) for (const run of this.runs) if (!item.results.has(run)) return [item, run];
    return null;
  }

  /** State of an image: what the first model told, whether all are done, and what went wrong. */
  state(item) {
    const results = this.runs.map((run) => item.results.get(run));
    const error = results.find((one) => one?.error)?.error;
    return { told: results[0]?.told, done: results.every((one) => one?.told), busy: results.some((one) => one?.busy), error };
  }

  /** To be looked at in this order: the least certain first, what waits, what failed. */
  ordered() {
    const rank = (item) => {
      const { done, error, told } = this.state(item);
      return error ? 2 : done ? -told.entropy_bits / told.most_bits : 1;
    };
    return [...items].sort((a, b) => rank(a) - rank(b));
  }

  /** Stops; what is under way will be asked for again. */
  end() {
    this._ending.abort();
    for (const item of items) for (const [run, result] of item.results) if (result.busy) item.results.delete(run);
  }
}
