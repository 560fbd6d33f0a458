// The form: one field for each input, as its type asks for. Foreign text only ever becomes text, never markup.

/** An element with properties, attributes (as `aria-label`) and children. */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.includes("-") || key === "role" || key === "for") element.setAttribute(key, value === true ? "" : value);
    else element[key] = value;
  }
  element.append(...children.filter((child) => child !== undefined && child !== null));
  return element;
}

/** Bytes for people. */
export function size(bytes) {
  const units = ["bytes", "KB", "MB", "GB", "TB"];
  let at = 0;
  while (bytes >= 1000 && at < units.length - 1) {
    bytes /= 1000;
    at += 1;
  }
  return `${at ? bytes.toPrecision(3) : bytes} ${units[at]}`;
}

const STRUCTURED = ["array", "map", "object"];
const LONG = 120;

/** What a type and its rules are in a few words. */
function kindOf(parameter) {
  const rules = parameter.constraints ?? {};
  const words = [parameter.type === "file" ? (parameter.mime_types ?? []).join(", ") || "file" : parameter.type];
  const least = rules.min_value ?? rules.min_length ?? rules.min_items ?? rules.min_files;
  const most = rules.max_value ?? rules.max_length ?? rules.max_items ?? rules.max_files;
  const unit = { string: " characters", array: " elements", map: " entries", file: " files" }[parameter.type] ?? "";
  if (parameter.type === "file" && most === 1) words.push("one");
  else if (least !== undefined && most !== undefined) words.push(`${least} to ${most}${unit}`);
  else if (least !== undefined) words.push(`at least ${least}${unit}`);
  else if (most !== undefined) words.push(`at most ${most}${unit}`);
  if (rules.multiple_of !== undefined) words.push(`in steps of ${rules.multiple_of}`);
  if (rules.max_size_bytes !== undefined) words.push(`up to ${size(rules.max_size_bytes)}`);
  return words.join(", ");
}

class Invalid extends Error {}

/** One field: its element, and what it gives. */
class Field {
  constructor(parameter, id) {
    this.parameter = parameter;
    this.name = parameter.name;
    this.id = id;
    this.touched = false;
    this.error = make("p", { id: `${id}-error`, className: "error" });
    const must = parameter.required && parameter.default === undefined;
    const described = [`${id}-error`];
    if (parameter.description) described.unshift(`${id}-help`);
    this.control = this.build(must);
    this.control.id = id;
    this.control.setAttribute("aria-describedby", described.join(" "));
    if (must) this.control.setAttribute("aria-required", "true");
    this.control.addEventListener("input", () => {
      this.touched = true;
      this.say("");
    });
    const help = parameter.description && make("p", { id: `${id}-help`, className: "help" }, parameter.description);
    const head = make(
      "div",
      { className: "field-head" },
      make("label", { for: id }, this.name),
      must ? make("span", { className: "must", title: "required", "aria-hidden": "true" }, "*") : null,
      make("span", { className: "kind" }, kindOf(parameter)),
    );
    this.element = make("div", { className: "field" }, head, help || null, this.around(), this.error);
  }

  around() {
    return this.control;
  }

  /** Says what is wrong, or with an empty text that nothing is. */
  say(text) {
    this.error.textContent = text;
    if (text) this.control.setAttribute("aria-invalid", "true");
    else this.control.removeAttribute("aria-invalid");
  }

  get files() {
    return [];
  }

  focus() {
    this.control.focus();
  }
}

class TextField extends Field {
  build() {
    const { type, secret, constraints = {}, default: value = "" } = this.parameter;
    const shown = typeof value === "string" ? value : "";
    if (secret) return make("input", { type: "password", autocomplete: "new-password", value: shown });
    if (type === "decimal") return make("input", { type: "text", inputMode: "decimal", value: shown, placeholder: "10.25" });
    const long = (constraints.max_length ?? LONG + 1) > LONG;
    return long ? make("textarea", { rows: 3, value: shown }) : make("input", { type: "text", value: shown });
  }

  /** The value as JSON; undefined where nothing is given. */
  get json() {
    const text = this.control.value;
    return text === "" ? undefined : JSON.stringify(text);
  }
}

class NumberField extends Field {
  build() {
    const { type, constraints: rules = {}, default: value } = this.parameter;
    const step = rules.multiple_of ?? (type === "integer" ? 1 : "any");
    return make("input", {
      type: "number",
      inputMode: type === "integer" ? "numeric" : "decimal",
      min: rules.min_value,
      max: rules.max_value,
      step,
      value: value === undefined ? "" : String(value),
    });
  }

  get json() {
    if (this.control.validity.badInput) throw new Invalid("is no number");
    const text = this.control.value.trim();
    if (text === "") return undefined;
    try {
      JSON.parse(text);
      return text;
    } catch {
      return JSON.stringify(Number(text)); // as .5 and 1. are written by people
    }
  }
}

class JsonField extends Field {
  build() {
    const { type, default: value } = this.parameter;
    const shown = value === undefined ? "" : JSON.stringify(value, null, 2);
    const example = { array: '["first", "second"]', map: '{"key": "value"}', object: "{}" }[type];
    return make("textarea", { className: "json", rows: 4, spellcheck: false, value: shown, placeholder: example });
  }

  get json() {
    const text = this.control.value.trim();
    if (text === "") return undefined;
    try {
      JSON.parse(text);
      return text;
    } catch (problem) {
      throw new Invalid(`must be JSON: ${problem.message}`);
    }
  }
}

class CheckField extends Field {
  build() {
    return make("input", { type: "checkbox", checked: this.parameter.default === true });
  }

  around() {
    return make("div", { className: "check" }, this.control);
  }

  get json() {
    const { required, default: value } = this.parameter;
    return this.touched || required || value !== undefined ? String(this.control.checked) : undefined;
  }
}

class ChoiceField extends Field {
  build(must) {
    const { enum: choices, default: value } = this.parameter;
    this.choices = choices.map((choice) => JSON.stringify(choice));
    const options = choices.map((choice, at) => make("option", { value: String(at) }, String(choice)));
    if (value === undefined) options.unshift(make("option", { value: "" }, must ? "choose" : "not given"));
    const select = make("select", {}, ...options);
    select.value = value === undefined ? "" : String(this.choices.indexOf(JSON.stringify(value)));
    return select;
  }

  get json() {
    return this.control.value === "" ? undefined : this.choices[Number(this.control.value)];
  }
}

class FileField extends Field {
  build() {
    const { mime_types: types = [], constraints: rules = {} } = this.parameter;
    this.chosen = [];
    this.one = rules.max_files === 1;
    this.list = make("ul", { className: "files", "aria-label": `Files for ${this.name}` });
    const input = make("input", { type: "file", multiple: !this.one, accept: types.join(",") });
    input.addEventListener("change", () => {
      this.add(input.files);
      input.value = "";
    });
    return input;
  }

  around() {
    const words = make("span", {}, make("strong", {}, this.one ? "Choose a file" : "Choose files"), " or drop here");
    const drop = make("label", { className: "drop" }, words, this.control);
    const over = (event) => {
      event.preventDefault();
      drop.classList.toggle("over", event.type === "dragover");
    };
    drop.addEventListener("dragover", over);
    drop.addEventListener("dragleave", over);
    drop.addEventListener("drop", (event) => {
      over(event);
      this.add(event.dataTransfer.files);
    });
    return make("div", {}, drop, this.list);
  }

  add(files) {
    if (!files.length) return;
    this.chosen = this.one ? [files[0]] : [...this.chosen, ...files];
    this.show();
    this.say("");
    this.control.dispatchEvent(new Event("input", { bubbles: true }));
  }

  show() {
    for (const image of this.list.querySelectorAll("img")) URL.revokeObjectURL(image.src);
    this.list.replaceChildren(...this.chosen.map((file, at) => this.shown(file, at)));
  }

  shown(file, at) {
    const remove = make("button", { type: "button", className: "plain small", "aria-label": `Remove ${file.name}` }, "Remove");
    remove.addEventListener("click", () => {
      this.chosen.splice(at, 1);
      this.show();
      this.control.focus();
      this.control.dispatchEvent(new Event("input", { bubbles: true }));
    });
    const picture = /^image\/(png|jpeg|gif|webp|bmp|avif)$/.test(file.type);
    return make(
      "li",
      {},
      picture ? make("img", { src: URL.createObjectURL(file), alt: "" }) : null,
      make("span", { className: "file-name" }, file.name),
      make("span", { className: "kind" }, size(file.size)),
      remove,
    );
  }

  get json() {
    return undefined;
  }

  get files() {
    return this.chosen;
  }
}

function fieldOf(parameter, id) {
  if (parameter.type === "file") return new FileField(parameter, id);
  if (parameter.enum) return new ChoiceField(parameter, id);
  if (parameter.type === "boolean") return new CheckField(parameter, id);
  if (parameter.type === "integer" || parameter.type === "float") return new NumberField(parameter, id);
  return STRUCTURED.includes(parameter.type) ? new JsonField(parameter, id) : new TextField(parameter, id);
}

/** All fields of a command. */
export class Fields {
  constructor(command, place) {
    this.all = command.inputs.map((parameter, at) => fieldOf(parameter, `field-${at}`));
    const none = make("p", { className: "quiet" }, "This command takes no inputs.");
    place.replaceChildren(...(this.all.length ? this.all.map((field) => field.element) : [none]));
  }

  /** What is given: `{values: [{name, json, secret}], files: [{name, file}]}`; null where a field says it cannot be. */
  read() {
    const values = [];
    const files = [];
    let wrong = null;
    for (const field of this.all) {
      try {
        const json = field.json;
        if (json !== undefined) values.push({ name: field.name, json, secret: field.parameter.secret });
        files.push(...field.files.map((file) => ({ name: field.name, file })));
      } catch (problem) {
        if (!(problem instanceof Invalid)) throw problem;
        field.say(`${field.name} ${problem.message}.`);
        wrong ??= field;
      }
    }
    wrong?.focus();
    return wrong ? null : { values, files };
  }

  /** The same for the curl command: quietly, and without what is secret. */
  peek() {
    const values = [];
    for (const field of this.all) {
      try {
        const json = field.json;
        if (json !== undefined) values.push({ name: field.name, json: field.parameter.secret ? '"..."' : json });
      } catch {
        // What cannot be read is said when it is sent.
      }
    }
    return { values, files: this.all.flatMap((field) => field.files.map((file) => ({ name: field.name, file }))) };
  }

  /** Shows each problem at its field; gives back those that belong to none. */
  tell(problems) {
    const strangers = [];
    let first = null;
    for (const { path, message } of problems) {
      const name = path.split(/[.[]/, 1)[0];
      const field = this.all.find((each) => each.name === name);
      if (!field) {
        strangers.push({ path, message });
        continue;
      }
      // What is said of a file begins with the file's own name.
      const said = `${path}${field.parameter.type === "file" ? ":" : ""} ${message}.`;
      field.say(field.error.textContent ? `${field.error.textContent}\n${said}` : said);
      first ??= field;
    }
    first?.focus();
    return strangers;
  }

  clear() {
    for (const field of this.all) field.say("");
  }
}
