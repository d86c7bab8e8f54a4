/** Blocks of samples and numbers that were written into a page: see one_page/content.py. */

/** Bytes of base64. */
export function bytesOf(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const characters = atob(text);
  const bytes = new Uint8Array(characters.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = characters.charCodeAt(i);
  return bytes;
}

/** What was packed, as bytes: "deflate" is zlib's form. */
export async function unpacked(text, form = "deflate") {
  const stream = new Blob([bytesOf(text)]).stream().pipeThrough(new DecompressionStream(form));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** float32 numbers that were packed. */
export const numbersOf = async (text) => new Float32Array((await unpacked(text)).buffer);

/**
 * A block as widgets take it, from a PNG or from packed numbers.
 * @param {{ shape: number[], columns: number, content: string }} told
 * @returns {Promise<import("../../widgets/picture.js").Block>}
 */
export async function blockOf({ shape, columns, content }) {
  if (shape.length === 2) return { shape, data: await numbersOf(content) };
  const sheet = new Image();
  sheet.src = content;
  await sheet.decode();
  const [count, height, width, channels] = shape;
  const canvas = new OffscreenCanvas(sheet.naturalWidth, height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const data = new Uint8Array(count * height * width * channels);
  let at = 0;
  for (let first = 0; first < count; first += columns) {
    context.drawImage(sheet, 0, (-first / columns) * height);
    const pixels = context.getImageData(0, 0, canvas.width, height).data;
    for (let column = 0; column < Math.min(columns, count - first); column++) {
      for (let y = 0; y < height; y++) {
        let from = 4 * (y * canvas.width + column * width);
        for (let x = 0; x < width; x++, from += 4) for (let c = 0; c < channels; c++) data[at++] = pixels[from + c];
      }
    }
  }
  return { shape, data };
}

/** Some samples of a block, by their places. */
export function some(block, places) {
  const size = block.data.length / block.shape[0];
  const data = new block.data.constructor(places.length * size);
  places.forEach((place, i) => data.set(block.data.subarray(place * size, (place + 1) * size), i * size));
  return { shape: [places.length, ...block.shape.slice(1)], data };
}
