/** What pointers, wheel and keys do on a plane: mouse, pen, finger and two fingers alike. */

const STEP = 6; // pixels of an arrow key; five times as many with Shift
const STILL = 4; // pixels that a tap may move

/**
 * Listen on an element until the returned function is called.
 * @param {HTMLElement} element
 * @param {object} to what is called: tool(), hover(x, y, reach), tap(x, y, reach), probe(x, y), step(dx, dy),
 *   pan(dx, dy), enlarge(factor, x, y), loop(path, done), fit(), enter(), escape()
 */
export function gestures(element, to) {
  const down = new Map(); // pointers: where they are
  let kind = null; // what the one pointer does: a tool, or null
  let path = [];
  let start = null;

  const at = (event) => {
    const box = element.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  const reachOf = (event) => (event.pointerType === "touch" ? 18 : 9);

  function press(event) {
    if (event.target.closest("button, select, input, a")) return;
    element.setPointerCapture(event.pointerId);
    down.set(event.pointerId, at(event));
    if (event.button === 0) element.focus({ preventScroll: true });
    if (down.size > 1) {
      if (kind === "lasso") to.loop([], true);
      kind = null;
      return;
    }
    kind = event.button !== 0 || event.shiftKey ? "move" : to.tool();
    start = at(event);
    path = [start];
    to.hover(-1e6, -1e6, 0);
  }

  function move(event) {
    const now = at(event);
    const before = down.get(event.pointerId);
    if (!before) {
      if (event.target.closest(".tools")) to.hover(-1e6, -1e6, 0);
      else to.hover(...now, reachOf(event));
      return;
    }
    if (down.size === 2) pinch(event.pointerId, before, now);
    down.set(event.pointerId, now);
    if (down.size > 1 || !kind) return;
    if (Math.hypot(now[0] - start[0], now[1] - start[1]) < STILL && path.length === 1) return;
    if (path.length === 1 || Math.hypot(now[0] - path.at(-1)[0], now[1] - path.at(-1)[1]) > 3) path.push(now);
    if (kind === "probe") to.probe(...now);
    else if (kind === "move") to.pan(now[0] - before[0], now[1] - before[1]);
    else to.loop(path, false);
  }

  function pinch(id, before, now) {
    const [, other] = [...down].find(([one]) => one !== id);
    const far = (place) => Math.hypot(place[0] - other[0], place[1] - other[1]);
    const middle = [(now[0] + other[0]) / 2, (now[1] + other[1]) / 2];
    to.pan((now[0] - before[0]) / 2, (now[1] - before[1]) / 2);
    if (far(before) > 10 && far(now) > 10) to.enlarge(far(now) / far(before), ...middle);
  }

  function lift(event) {
    if (!down.delete(event.pointerId) || down.size) return;
    if (kind === "lasso" && path.length > 1) to.loop(path, true);
    else if (kind && path.length === 1 && event.type === "pointerup") to.tap(...start, reachOf(event));
    kind = null;
  }

  function wheel(event) {
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 16 : 1;
    to.enlarge(Math.exp(-Math.max(-200, Math.min(200, event.deltaY * lines)) * 0.002), ...at(event));
  }

  function key(event) {
    if (event.target !== element || event.ctrlKey || event.metaKey || event.altKey) return;
    const far = STEP * (event.shiftKey ? 5 : 1);
    const acts = {
      ArrowLeft: () => to.step(-far, 0),
      ArrowRight: () => to.step(far, 0),
      ArrowUp: () => to.step(0, -far),
      ArrowDown: () => to.step(0, far),
      "+": () => to.enlarge(1.3),
      "=": () => to.enlarge(1.3),
      "-": () => to.enlarge(1 / 1.3),
      0: to.fit,
      Enter: to.enter,
      Escape: to.escape,
    };
    if (!(event.key in acts)) return;
    event.preventDefault();
    acts[event.key]();
  }

  const leave = () => to.hover(-1e6, -1e6, 0);
  const quiet = (event) => event.preventDefault();
  const listeners = {
    pointerdown: press, pointermove: move, pointerup: lift, pointercancel: lift, pointerleave: leave,
    wheel, keydown: key, contextmenu: quiet,
  };
  for (const [name, listener] of Object.entries(listeners)) element.addEventListener(name, listener, { passive: false });
  return () => Object.entries(listeners).forEach(([name, listener]) => element.removeEventListener(name, listener));
}
