/** The decoder itself, computed in the browser by onnxruntime-web, which the page holds. */
import { unpacked } from "./blocks.js";

/**
 * @param {object} decoder see Decoder in one_page/live.py
 * @returns {Promise<(codes: Float32Array, units: number, which: number) => Promise<object>>} blocks of codes
 */
export async function liveDecoder(decoder) {
  const ort = await import("onnxruntime-web");
  ort.env.wasm.numThreads = 1; // others would need a server's headers
  ort.env.wasm.wasmBinary = await unpacked(document.getElementById("onnxruntime").textContent, "gzip");
  const session = await ort.InferenceSession.create(await unpacked(decoder.graph), { executionProviders: ["wasm"] });
  let last = Promise.resolve(); // a session does one thing at a time

  async function run(codes, units, which) {
    const count = codes.length / units;
    const given = { code: new ort.Tensor("float32", Float32Array.from(codes), [count, units]) };
    if (decoder.labels) given.label = new ort.Tensor("int64", new BigInt64Array(count).fill(BigInt(decoder.labels[which])), [count]);
    const { sample } = await session.run(given);
    return seen(sample.data, sample.dims, decoder);
  }
  return (...asked) => (last = last.catch(() => {}).then(() => run(...asked)));
}

/** Samples in the units of the data, as blocks hold them. */
function seen(values, dims, { black, white, palette }) {
  const shape = Array.from(dims, Number);
  if (shape.length === 2) return { shape, data: values };
  const [count, channels, height, width] = shape.length === 3 ? [shape[0], 1, ...shape.slice(1)] : shape;
  const size = height * width;
  const parts = palette ? 3 : channels;
  const data = new Uint8ClampedArray(count * size * parts); // rounds, halves to even
  for (let n = 0; n < count; n++) {
    const from = n * channels * size;
    for (let at = 0; at < size; at++) {
      const to = (n * size + at) * parts;
      if (palette) {
        let best = 0;
        for (let c = 1; c < channels; c++) if (values[from + c * size + at] > values[from + best * size + at]) best = c;
        data.set(palette[best], to);
      } else {
        for (let c = 0; c < parts; c++) data[to + c] = (255 * (values[from + c * size + at] - black)) / Math.max(white - black, 1e-12);
      }
    }
  }
  return { shape: [count, height, width, parts], data: new Uint8Array(data.buffer) };
}
