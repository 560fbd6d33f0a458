// How the page speaks with the server: by the addresses that every caller has.

let token = ""; // in memory alone: it is gone when the page is

/** Keeps the token that the server asks for. */
export function keepToken(text) {
  token = text;
}

export function hasToken() {
  return token !== "";
}

/** An answer that says what went wrong: `{code, message, why, mend, details}`. */
export class Failed extends Error {
  constructor(status, error) {
    super(error.message);
    this.status = status;
    this.error = error;
  }
}

/** Asks the server; an answer that is no success is thrown as `Failed`. */
export async function ask(path, options = {}) {
  const headers = new Headers(options.headers);
  if (token) headers.set("Authorization", `Bearer ${token}`);
  let answer;
  try {
    answer = await fetch(path, { ...options, headers, cache: "no-store", credentials: "omit", redirect: "error" });
  } catch (problem) {
    if (problem.name === "AbortError") throw problem;
    throw new Failed(0, { code: "page.unreachable", message: "The server cannot be reached.", mend: "see whether it still runs" });
  }
  if (answer.ok) return answer;
  throw new Failed(answer.status, await errorOf(answer));
}

async function errorOf(answer) {
  const plain = { code: `http.${answer.status}`, message: `The server answered with status ${answer.status}.` };
  try {
    return (await answer.json()).error ?? plain;
  } catch {
    return plain;
  }
}

/** Runs a command and tells each event, as `(kind, data)`, as it comes; `heard` gets the execution's id first. */
export async function run(command, body, { heard, told, signal }) {
  const headers = { Accept: "text/event-stream" };
  if (typeof body === "string") headers["Content-Type"] = "application/json";
  const path = `/v1/commands/${encodeURIComponent(command)}`;
  const answer = await ask(path, { method: "POST", headers, body, signal });
  const id = /\/v1\/executions\/([\w-]+)$/.exec(answer.headers.get("Location") ?? "")?.[1];
  if (id) heard(id);
  for await (const [kind, data] of events(answer.body)) told(kind, data);
}

/** The events of a stream (HTML Living Standard, 9.2.6), each with its data read as JSON. */
async function* events(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let waiting = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (waiting + value).split("\n\n");
    waiting = blocks.pop();
    for (const block of blocks) {
      const lines = block.split("\n");
      const kind = lines.find((line) => line.startsWith("event: "))?.slice(7);
      const data = lines.filter((line) => line.startsWith("data: ")).map((line) => line.slice(6)).join("\n");
      if (kind) yield [kind, JSON.parse(data)];
    }
  }
}

/** Ends an execution. */
export function cancel(id) {
  return ask(`/v1/executions/${id}`, { method: "DELETE" });
}

/** Words that a shell takes as they are. */
function quoted(text) {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** The curl command that does the same as the form. */
export function curl(command, values, files, secured) {
  const words = [`curl ${quoted(`${location.origin}/v1/commands/${encodeURIComponent(command)}`)}`];
  if (secured) words.push('-H "Authorization: Bearer $TOKEN"');
  if (files.length) {
    for (const { name, json } of values) {
      const value = JSON.parse(json);
      words.push(`--form-string ${quoted(`${name}=${typeof value === "string" ? value : json}`)}`);
    }
    for (const { name, file } of files) words.push(`-F ${quoted(`${name}=@${file.name}`)}`);
  } else {
    words.push("-H 'Content-Type: application/json'", `-d ${quoted(asJson(values))}`);
  }
  return words.join(" \\\n  ");
}

/** Values as one JSON object. Their texts are put in as they are, so that no digit of a number is lost. */
export function asJson(values) {
  return `{${values.map(({ name, json }) => `${JSON.stringify(name)}: ${json}`).join(", ")}}`;
}

/** The body of a call: JSON, or a form where there are files. */
export function bodyOf(values, files) {
  if (!files.length) return asJson(values);
  const form = new FormData();
  for (const { name, json } of values) form.append(name, new Blob([json], { type: "application/json" }));
  for (const { name, file } of files) form.append(name, file, file.name);
  return form;
}
