/** What the pages ask the server for. Every refusal is an Error with the server's one sentence. */

async function ask(path, options) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The server does not answer; is it still running?");
  }
  if (!answer.ok) {
    const told = await answer.json().catch(() => ({}));
    throw new Error(told.error ?? `The server answered ${answer.status}.`);
  }
  return answer;
}

/** An address under /api: at("explore", run, "codes") with every part escaped. */
export const at = (...parts) => `/api/${parts.map(encodeURIComponent).join("/")}`;

export const getJson = async (path, options) => (await ask(path, options)).json();
export const getBuffer = async (path, options) => (await ask(path, options)).arrayBuffer();

const withJson = (method, body) => ({
  method,
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify(body ?? {}),
});

/** Send JSON, get JSON. */
export const postJson = async (path, body, options) => (await ask(path, { ...withJson("POST", body), ...options })).json();
/** Send JSON, get bytes: pictures and arrays. */
export const postForBuffer = async (path, body, options) => (await ask(path, { ...withJson("POST", body), ...options })).arrayBuffer();
/** Send a file as it is, get the answer. */
export const postFile = (path, file, options) =>
  ask(path, { method: "POST", headers: { "Content-Type": file.type || "application/octet-stream" }, body: file, ...options });
export const deleteIt = async (path) => (await ask(path, { method: "DELETE" })).json();
