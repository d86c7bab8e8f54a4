/** Points drawn pixel by pixel, where there is no WebGL. */

/** Offsets and cover of the pixels of a dot: [dx, dy, cover, ...]. */
function dotOf(size) {
  const radius = size / 2;
  const reach = Math.ceil(radius);
  const parts = [];
  for (let dy = -reach; dy <= reach; dy++) {
    for (let dx = -reach; dx <= reach; dx++) {
      const cover = Math.min(1, radius - Math.hypot(dx, dy) + 0.5);
      if (cover > 0.05) parts.push(dx, dy, cover);
    }
  }
  return parts;
}

/** The same painter as that of points-gl.js. */
export function canvasPainter(canvas) {
  const context = canvas.getContext("2d");
  let image = null;
  let xy = new Float32Array(0);
  let rgba = new Uint8Array(0);
  return {
    kind: "canvas",
    places: (data) => (xy = data),
    colours: (data) => (rgba = data),
    draw(camera, size, count) {
      const { width, height } = canvas;
      if (!width || !height) return;
      if (image?.width !== width || image.height !== height) image = context.createImageData(width, height);
      const pixels = image.data;
      pixels.fill(0);
      const ratio = width / camera.width;
      const dot = dotOf(Math.max(1, size * ratio));
      const scale = camera.scale * ratio;
      const left = width / 2 - camera.u * scale;
      const top = height / 2 + camera.v * scale;
      for (let i = 0; i < count; i++) {
        const x = Math.round(left + xy[2 * i] * scale);
        const y = Math.round(top - xy[2 * i + 1] * scale);
        if (x < -9 || y < -9 || x > width + 9 || y > height + 9) continue;
        const alpha = rgba[4 * i + 3];
        for (let part = 0; part < dot.length; part += 3) {
          const px = x + dot[part];
          const py = y + dot[part + 1];
          if (px < 0 || py < 0 || px >= width || py >= height) continue;
          // Laid over what is there, not premultiplied: as ImageData holds it.
          const at = 4 * (py * width + px);
          const above = (alpha * dot[part + 2]) / 255;
          const below = (pixels[at + 3] / 255) * (1 - above);
          const sum = above + below;
          for (let c = 0; c < 3; c++) pixels[at + c] = (rgba[4 * i + c] * above + pixels[at + c] * below) / sum;
          pixels[at + 3] = 255 * sum;
        }
      }
      context.putImageData(image, 0, 0);
    },
    free() {},
  };
}
