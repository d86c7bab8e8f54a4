/** Points on a plane to look at, move in, drag a probe over and choose from. */
import { h } from "../dom.js";
import { boundsOf, Camera } from "./camera.js";
import { gestures } from "./gestures.js";
import { Marks } from "./marks.js";
import { Places } from "./places.js";
import { canvasPainter } from "./points-canvas.js";
import { glPainter } from "./points-gl.js";

const SLOW = 34; // milliseconds of a frame above which fewer points are drawn while things move
const QUICK = 22;
const FEWEST = 20000;
const REST = 160; // milliseconds after which nothing moves any more

/**
 * A scatter of points.
 * @param {object} options
 * @param {string} options.label what is shown, for those who do not see it
 * @param {"webgl" | "canvas"} [options.painter] what draws; by default WebGL where a graphics card does it
 * @param {(place: number, x: number, y: number) => void} [options.onhover] -1 for none
 * @param {(place: number) => void} [options.onpick]
 * @param {(places: Uint32Array) => void} [options.onselect]
 * @param {(u: number, v: number, how: "drag" | "key") => void} [options.onprobe]
 * @param {(moving: boolean) => void} [options.onview] what is seen has changed
 */
export function scatter(options) {
  const under = h("canvas", { class: "layer" });
  const over = h("canvas", { class: "layer" });
  const element = h(
    "div",
    { class: "scatter", tabindex: 0, role: "application", "aria-label": options.label, "aria-roledescription": "plane of codes" },
    under,
    over,
  );
  const cross = h("div", { class: "cross", "aria-hidden": "true" });
  const camera = new Camera();
  const marks = new Marks(over, camera);
  const carried = new Map(); // elements that stay at places
  let points = null;
  let painter = null;
  let xy = new Float32Array(0);
  let rgba = new Uint8Array(0);
  let order = new Uint32Array(0);
  let places = new Places(xy);
  let [whole, fitted, hidden] = [[-1, -1, 1, 1], false, false];
  let [budget, lastFrame, movedAt, asked, stale, staleMarks] = [FEWEST * 5, 0, -1e9, 0, true, true];
  let probe = null;
  let wasMoving = false;

  function newPainter(kind) {
    painter?.free();
    points?.remove();
    points = h("canvas", { class: "layer" });
    under.after(points);
    painter = kind === "canvas" ? canvasPainter(points) : glPainter(points, () => newPainter("canvas"), kind === "webgl");
    if (!painter) return newPainter("canvas"); // a canvas that was asked for WebGL gives nothing else
    element.dataset.painter = painter.kind;
    fill();
    resize();
  }

  /** In a mixed order, so that the first ones are a fair picture of all. */
  function fill() {
    const mixed = new Float32Array(xy.length);
    order.forEach((from, to) => mixed.set(xy.subarray(2 * from, 2 * from + 2), 2 * to));
    painter.places(mixed);
    tint();
  }

  function tint() {
    const mixed = new Uint32Array(order.length);
    if (rgba.length) {
      const whole = new Uint32Array(rgba.buffer, rgba.byteOffset, order.length);
      order.forEach((from, to) => (mixed[to] = whole[from]));
    }
    painter.colours(new Uint8Array(mixed.buffer));
    repaint();
  }

  function dotSize() {
    const base = Math.min(9, Math.max(1.4, 26 / Math.max(1, order.length) ** 0.2));
    return Math.min(14, base * Math.min(3, Math.max(0.7, camera.zoom ** 0.3)));
  }

  function frame(now) {
    asked = 0;
    const moving = now - movedAt < REST;
    const took = now - lastFrame;
    if (moving && wasMoving && took > SLOW) budget = Math.max(FEWEST, budget * Math.max(0.1, QUICK / took));
    else if (moving && wasMoving && took < QUICK) budget = Math.min(order.length, budget * 1.15);
    wasMoving = moving;
    lastFrame = now;
    const count = hidden ? 0 : moving ? Math.min(order.length, budget) : order.length;
    if (stale) painter.draw(camera, dotSize(), Math.floor(count));
    if (stale || staleMarks) marks.draw();
    stale = staleMarks = false;
    for (const [one, [u, v]] of carried) {
      const [x, y] = camera.toScreen(u, v);
      one.style.transform = `translate(${x}px, ${y}px)`;
      one.classList.toggle("low", y < camera.height * 0.3);
      one.classList.toggle("left", x > camera.width * 0.75);
    }
    // What was left out while things moved is drawn when they rest.
    if (moving && count < order.length && !hidden) setTimeout(repaint, REST);
  }

  function next() {
    asked ||= requestAnimationFrame(frame);
  }

  function redraw() {
    staleMarks = true;
    next();
  }

  /** The points too: a probe that moves leaves them as they are. */
  function repaint() {
    stale = true;
    redraw();
  }

  function moved() {
    movedAt = performance.now();
    repaint();
    options.onview?.(true);
  }

  function resize() {
    const { clientWidth, clientHeight } = element;
    if (!clientWidth || !clientHeight) return;
    const ratio = Math.min(2, window.devicePixelRatio || 1);
    for (const layer of [under, points, over]) {
      layer.width = Math.round(clientWidth * ratio);
      layer.height = Math.round(clientHeight * ratio);
    }
    camera.resize(clientWidth, clientHeight);
    if (!fitted) fit();
    options.onview?.(false);
    repaint();
  }

  // An element is moved without anything being drawn again, as quickly as a pointer goes.
  function carry(one, u, v) {
    if (!carried.has(one)) element.append(one);
    carried.set(one, [u, v]);
    next();
  }

  function fit() {
    camera.fit(whole);
    fitted = camera.width > 1;
    moved();
  }

  const nearest = (x, y, reach) => places.nearest(...camera.toPlane(x, y), reach / camera.scale);
  const watch = new ResizeObserver(resize);
  const looks = window.matchMedia("(prefers-color-scheme: dark)");
  const relook = () => {
    marks.look();
    redraw();
  };
  looks.addEventListener("change", relook);
  const stop = gestures(element, {
    tool: () => element.dataset.tool,
    hover: (x, y, reach) => options.onhover?.(hidden ? -1 : nearest(x, y, reach), x, y),
    tap(x, y, reach) {
      const place = nearest(x, y, reach);
      if (place >= 0) options.onpick?.(place);
      else options.onprobe?.(...camera.toPlane(x, y), "drag");
    },
    probe: (x, y) => options.onprobe?.(...camera.toPlane(x, y), "drag"),
    step(dx, dy) {
      const [u, v] = probe ?? [camera.u, camera.v];
      const [x, y] = camera.toScreen(u, v);
      options.onprobe?.(...camera.toPlane(x + dx, y + dy), "key");
    },
    pan: (dx, dy) => (camera.pan(dx, dy), moved()),
    enlarge: (factor, x, y) => (camera.enlarge(factor, x, y), moved()),
    fit,
    loop(path, done) {
      marks.loop = done ? null : path;
      redraw();
      if (done && path.length > 2) options.onselect?.(places.inside(path.map(([x, y]) => camera.toPlane(x, y))));
    },
    enter() {
      if (probe && places.count) options.onpick?.(places.nearest(...probe, Infinity));
    },
    escape: () => options.onselect?.(new Uint32Array(0)),
  });
  element.dataset.tool = "probe";
  newPainter(options.painter);
  watch.observe(element);

  return {
    element,
    camera,
    /** The canvas under the points. */
    under,
    fit,
    enlarge(factor) {
      camera.enlarge(factor);
      moved();
    },
    /** Where the points are, in units of the plane; without any, what is seen: [left, bottom, right, top]. */
    setPoints(newPlaces, bounds = null) {
      xy = newPlaces;
      places = new Places(xy);
      order = shuffled(xy.length / 2);
      budget = Math.max(FEWEST * 5, budget);
      whole = bounds ?? boundsOf(xy);
      element.dataset.count = order.length;
      fill();
      fit();
    },
    /** Red, green, blue and opacity of each point. */
    setColours(newColours) {
      rgba = newColours;
      tint();
    },
    /** "probe", "move" or "lasso": what dragging does. */
    setTool: (tool) => (element.dataset.tool = tool),
    setHidden(now) {
      hidden = now;
      repaint();
    },
    setProbe(u, v) {
      probe = [u, v];
      carry(cross, u, v);
    },
    /** Points to mark: [{ place, text }], and a line between two places. */
    setMarks(list, line = null) {
      marks.list = list.map((one) => ({ ...one, at: one.at ?? [xy[2 * one.place], xy[2 * one.place + 1]] }));
      marks.line = line;
      redraw();
    },
    /** The point that is marked as pointed at; -1 for none. */
    setHovered(place) {
      marks.hovered = place >= 0 && place < xy.length / 2 ? [xy[2 * place], xy[2 * place + 1]] : null;
      redraw();
    },
    /** The point nearest to a place. */
    nearest: (u, v) => places.nearest(u, v, Infinity),
    placeOf: (place) => [xy[2 * place], xy[2 * place + 1]],
    /** Bring a place into view. */
    show(u, v) {
      if (!camera.sees(u, v)) {
        camera.centre(u, v);
        moved();
      }
    },
    /** Let an element stay at a place. */
    carry,
    free() {
      watch.disconnect();
      looks.removeEventListener("change", relook);
      stop();
      cancelAnimationFrame(asked);
      painter.free();
    },
  };
}

/** 0 to count - 1 in an order that is always the same. */
function shuffled(count) {
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  let state = 1;
  for (let i = count - 1; i > 0; i--) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const j = Math.floor((state / 2 ** 32) * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}

/** Opacity of a point among so many. */
export const opacityAmong = (count) => Math.min(0.92, Math.max(0.3, 2.2 / Math.max(1, count) ** 0.125));
