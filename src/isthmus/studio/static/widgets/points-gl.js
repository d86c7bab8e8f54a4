/** Points drawn by WebGL. */

const VERTEX = `
attribute vec2 place; attribute vec4 tint;
uniform vec2 middle, stretch; uniform mediump float size;
varying vec4 colour;
void main() {
  gl_Position = vec4((place - middle) * stretch, 0.0, 1.0);
  gl_PointSize = size;
  colour = tint;
}`;
const FRAGMENT = `
precision mediump float;
varying vec4 colour; uniform mediump float size;
void main() {
  float far = length(gl_PointCoord - 0.5) * size;
  float cover = clamp(size * 0.5 - far + 0.5, 0.0, 1.0);
  gl_FragColor = vec4(colour.rgb, 1.0) * colour.a * (size < 2.5 ? 1.0 : cover);
}`;

function compile(gl) {
  const program = gl.createProgram();
  for (const [type, text] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
    const shader = gl.createShader(type);
    gl.shaderSource(shader, text);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  return gl.getProgramParameter(program, gl.LINK_STATUS) ? program : null;
}

/**
 * A painter of points: { places(xy), colours(rgba), draw(camera, size, count), free() }.
 * Null where there is no WebGL, or the browser calls it slow.
 * @param {HTMLCanvasElement} canvas
 * @param {() => void} lost called when the graphics card has gone away
 * @param {boolean} [slow] take a slow one too
 */
export function glPainter(canvas, lost, slow = false) {
  const gl = canvas.getContext("webgl", { failIfMajorPerformanceCaveat: !slow, antialias: false, alpha: true, premultipliedAlpha: true });
  const program = gl && compile(gl);
  if (!program) return null;
  canvas.addEventListener("webglcontextlost", lost);
  gl.useProgram(program);
  gl.enable(gl.BLEND);
  gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
  const at = (name) => gl.getUniformLocation(program, name);
  const uniforms = { middle: at("middle"), stretch: at("stretch"), size: at("size") };
  const buffer = (name, size, type, normal) => {
    const made = gl.createBuffer();
    const slot = gl.getAttribLocation(program, name);
    gl.bindBuffer(gl.ARRAY_BUFFER, made);
    gl.enableVertexAttribArray(slot);
    gl.vertexAttribPointer(slot, size, type, normal, 0, 0);
    return (data) => {
      gl.bindBuffer(gl.ARRAY_BUFFER, made);
      gl.bufferData(gl.ARRAY_BUFFER, data, gl.STATIC_DRAW);
    };
  };
  return {
    kind: "webgl",
    places: buffer("place", 2, gl.FLOAT, false),
    colours: buffer("tint", 4, gl.UNSIGNED_BYTE, true),
    draw(camera, size, count) {
      const ratio = canvas.width / camera.width;
      gl.viewport(0, 0, canvas.width, canvas.height);
      gl.clearColor(0, 0, 0, 0);
      gl.clear(gl.COLOR_BUFFER_BIT);
      gl.uniform2f(uniforms.middle, camera.u, camera.v);
      gl.uniform2f(uniforms.stretch, (2 * camera.scale) / camera.width, (2 * camera.scale) / camera.height);
      gl.uniform1f(uniforms.size, Math.max(1, size * ratio));
      if (count) gl.drawArrays(gl.POINTS, 0, count);
    },
    free() {
      canvas.removeEventListener("webglcontextlost", lost);
      gl.getExtension("WEBGL_lose_context")?.loseContext();
    },
  };
}
