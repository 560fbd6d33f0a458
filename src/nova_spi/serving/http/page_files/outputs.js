// What a model gives, shown by its type. Foreign text only ever becomes text, never markup.

import { ask, hasToken } from "./call.js";
import { make, size } from "./fields.js";

const SHOWN_BYTES = 256 * 1024;
const PICTURE = /^image\/(png|jpeg|gif|webp|bmp|avif|svg\+xml)$/;
const READABLE = /^(text\/|application\/(json|jsonl|yaml|xml)$)/;

/** The place of the outputs. */
export class Outputs {
  constructor(place) {
    this.place = place;
    this.urls = [];
    this.growing = new Map();
  }

  /** Begins anew. */
  clear(message) {
    for (const url of this.urls) URL.revokeObjectURL(url);
    this.urls = [];
    this.growing.clear();
    this.place.replaceChildren(...(message ? [make("p", { className: "empty" }, message)] : []));
  }

  /** Adds a piece of a stream, `{output: value}`. */
  add(piece) {
    if (!this.growing.size) this.place.replaceChildren();
    for (const [name, value] of Object.entries(piece)) {
      let text = this.growing.get(name);
      if (!text) {
        text = make("div", { className: "text growing" });
        this.growing.set(name, text);
        this.place.append(block(name, null, text));
      }
      const below = text.scrollHeight - text.scrollTop - text.clientHeight < 40;
      text.append(typeof value === "string" ? value : `${JSON.stringify(value)}\n`);
      if (below) text.scrollTop = text.scrollHeight;
    }
  }

  /** What has come of a stream stays, and grows no more. */
  stop() {
    for (const text of this.growing.values()) text.classList.remove("growing");
  }

  /** Shows all outputs. */
  show(parameters, outputs) {
    const known = new Map(parameters.map((parameter) => [parameter.name, parameter]));
    const names = [...known.keys(), ...Object.keys(outputs).filter((name) => !known.has(name))];
    const shown = names.filter((name) => outputs[name] !== undefined && outputs[name] !== null);
    this.clear(shown.length ? "" : "The model gave nothing.");
    for (const name of shown) this.place.append(this.one(name, known.get(name), outputs[name]));
  }

  one(name, parameter, value) {
    if (parameter?.type === "file" && Array.isArray(value)) {
      return block(name, parameter, ...value.map((file) => this.file(file)));
    }
    if (typeof value === "string") return block(name, parameter, long("div", "text", value), copier(value));
    if (typeof value === "object") {
      const text = JSON.stringify(value, null, 2);
      return block(name, parameter, long("pre", "", text), copier(text));
    }
    return block(name, parameter, make("div", { className: "number" }, String(value)));
  }

  file(file) {
    const name = String(file.name).split("/").pop();
    const type = String(file.media_type);
    const url = String(file.url);
    const caption = make("figcaption", {}, make("span", {}, `${name} (${type}, ${size(file.size_bytes)})`));
    const figure = make("figure");
    if (!url.startsWith("/v1/executions/")) return figure;
    caption.append(this.saving(url, name));
    const viewer = this.viewer(type, name);
    if (viewer) {
      this.source(url).then((source) => (viewer.src = source), () => viewer.remove());
      figure.append(viewer);
    } else if (READABLE.test(type) && file.size_bytes <= SHOWN_BYTES) {
      const text = make("pre", { tabIndex: 0, "aria-label": name });
      ask(url).then((answer) => answer.text()).then((found) => (text.textContent = found), () => text.remove());
      figure.append(text);
    }
    figure.append(caption);
    return figure;
  }

  viewer(type, name) {
    if (PICTURE.test(type)) return make("img", { alt: name });
    if (type.startsWith("video/")) return make("video", { controls: true, preload: "metadata", "aria-label": name });
    if (type.startsWith("audio/")) return make("audio", { controls: true, preload: "metadata", "aria-label": name });
    return null;
  }

  /** An address that an element can load: where a token is asked for, the content itself, fetched with it. */
  async source(url) {
    if (!hasToken()) return url;
    const found = URL.createObjectURL(await (await ask(url)).blob());
    this.urls.push(found);
    return found;
  }

  saving(url, name) {
    const link = make("a", { href: url, download: name }, "Download");
    link.setAttribute("aria-label", `Download ${name}`);
    if (!hasToken()) return link;
    link.addEventListener("click", async (event) => {
      if (link.href.startsWith("blob:")) return;
      event.preventDefault();
      link.href = await this.source(url);
      link.click();
    });
    return link;
  }
}

function long(tag, className, text) {
  const cut = text.length > SHOWN_BYTES;
  const shown = cut ? `${text.slice(0, SHOWN_BYTES)}\n... ${text.length - SHOWN_BYTES} more characters` : text;
  return make(tag, { className, tabIndex: 0 }, shown);
}

/** A button that copies a text. */
export function copier(text) {
  const button = make("button", { type: "button", className: "plain small" }, "Copy");
  button.addEventListener("click", () => copy(typeof text === "function" ? text() : text, button));
  return button;
}

/** Copies a text, and says so on the button that was pressed. */
export async function copy(text, button) {
  const before = button.textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Not allowed";
  }
  setTimeout(() => (button.textContent = before), 1500);
}

function block(name, parameter, ...content) {
  const button = content.find((each) => each.tagName === "BUTTON");
  const rest = content.filter((each) => each !== button);
  const head = make("div", { className: "output-head" }, make("h3", {}, name), button);
  const help = parameter?.description ? make("p", { className: "help" }, parameter.description) : null;
  return make("section", { className: "output", "aria-label": name }, head, help, ...rest);
}
