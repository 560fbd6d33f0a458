// The page: the model's words, its commands, one call at a time.

import { Failed, ask, bodyOf, cancel, curl, hasToken, keepToken, run } from "./call.js";
import { Fields, make } from "./fields.js";
import { Outputs, copy } from "./outputs.js";

const $ = (id) => document.getElementById(id);
const STATES = {
  starting: "loading the model",
  ready: "ready",
  idle: "asleep, wakes with the first call",
  broken: "the model cannot be loaded",
  draining: "about to end",
  gone: "not reachable",
};
const MAX_LOG = 256 * 1024;

const outputs = new Outputs($("outputs"));
let model = null;
let command = null;
let fields = null;
let secured = false;
let running = null;

function show(element, text) {
  element.textContent = text;
  element.hidden = !text;
}

// How the model stands

async function look() {
  let found = { status: "gone", ready: false };
  try {
    found = await (await ask("/page/state.json")).json();
    secured = found.secured;
    $("openapi").hidden = secured; // a link brings no token along
  } catch {
    // It is shown as not reachable.
  }
  $("state").dataset.state = found.status;
  const text = STATES[found.status] ?? found.status;
  if ($("state-text").textContent !== text) $("state-text").textContent = text;
  setTimeout(() => (document.hidden ? document.addEventListener("visibilitychange", look, { once: true }) : look()), found.ready ? 10000 : 2000);
}

// The token

function askForToken(wrong) {
  $("token-error").textContent = wrong ? "The server does not know this token." : "";
  $("token").value = "";
  return new Promise((resolve) => {
    const dialog = $("token-dialog");
    dialog.addEventListener("cancel", (event) => event.preventDefault());
    dialog.addEventListener("close", () => resolve($("token").value), { once: true });
    dialog.showModal();
    $("token").focus();
  });
}

/** Does something that may need the token, asking for it as long as it is missing or wrong. */
async function withToken(work) {
  for (;;) {
    try {
      return await work();
    } catch (problem) {
      if (!(problem instanceof Failed) || problem.status !== 401) throw problem;
      keepToken(await askForToken(hasToken()));
      $("token").value = "";
    }
  }
}

// The form

function showModel() {
  document.title = model.name;
  $("name").textContent = model.name;
  show($("version"), model.version);
  show($("description"), model.description);
  $("made-by").textContent = model.made_by;
  const tabs = model.commands.map((each, at) => {
    const tab = make("button", { type: "button", role: "tab", id: `tab-${at}`, "aria-controls": "fields" }, each.name);
    tab.addEventListener("click", () => choose(at));
    return tab;
  });
  $("tabs").replaceChildren(...tabs);
  $("tabs").hidden = tabs.length < 2;
  if (tabs.length > 1) $("fields").setAttribute("role", "tabpanel");
  choose(0);
}

function choose(at) {
  if (running) return;
  command = model.commands[at];
  for (const [index, tab] of [...$("tabs").children].entries()) {
    tab.setAttribute("aria-selected", String(index === at));
    tab.tabIndex = index === at ? 0 : -1;
  }
  if (model.commands.length > 1) $("fields").setAttribute("aria-labelledby", `tab-${at}`);
  const said = command.description === model.description ? "" : command.description;
  $("command-description").textContent = said;
  begin();
  outputs.clear("What the model gives appears here.");
  $("status").textContent = "";
  $("run").disabled = false;
}

/** A new form, with the defaults. */
function begin() {
  fields = new Fields(command, $("fields"));
  show($("form-error"), "");
  showCurl();
}

function showCurl() {
  if (!$("curl-box").open) return;
  const { values, files } = fields.peek();
  $("curl").textContent = curl(command.name, values, files, secured);
}

function turn(event) {
  const tabs = [...$("tabs").children];
  const at = tabs.indexOf(document.activeElement);
  const next = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 }[event.key];
  if (at < 0 || next === undefined || running) return;
  event.preventDefault();
  const chosen = (next + tabs.length) % tabs.length;
  choose(chosen);
  tabs[chosen].focus();
}

// One call

async function submit() {
  if (running || !command) return;
  fields.clear();
  show($("form-error"), "");
  const given = fields.read();
  if (!given) return;
  clearResult();
  running = { id: null, abort: new AbortController(), began: performance.now(), state: "Sending", ended: false };
  const clock = setInterval(tick, 100);
  working(true);
  try {
    await withToken(() =>
      run(command.name, bodyOf(given.values, given.files), {
        heard: (id) => {
          running.id = id;
          running.state = "Waiting";
        },
        told: hear,
        signal: running.abort.signal,
      }),
    );
    if (!running.ended) fail({ code: "page.broken_off", message: "The answer broke off.", mend: "run it again" });
  } catch (problem) {
    if (problem.name === "AbortError") fail({ code: "run.cancelled", message: "You ended the call." });
    else if (problem instanceof Failed) fail(problem.error);
    else fail({ code: "page.broken_off", message: "The answer broke off.", why: problem.message, mend: "run it again" });
  } finally {
    clearInterval(clock);
    working(false);
    running = null;
  }
}

function clearResult() {
  outputs.clear("");
  for (const id of ["failure", "warnings"]) {
    $(id).replaceChildren();
    $(id).hidden = true;
  }
  $("log").textContent = "";
  $("log-box").hidden = true;
  $("log-box").open = false;
  $("progress-box").hidden = true;
}

function working(on) {
  const pressed = document.activeElement === $("run"); // a button that is disabled loses the focus
  $("run").disabled = on;
  if (!on && document.activeElement === $("cancel")) $("run").focus({ preventScroll: true });
  $("cancel").hidden = !on;
  $("cancel").disabled = false;
  $("reset").disabled = on;
  $("outputs").setAttribute("aria-busy", String(on));
  for (const tab of $("tabs").children) tab.disabled = on;
  if (on && pressed) $("cancel").focus({ preventScroll: true });
  if (!on && document.activeElement === document.body) $("run").focus({ preventScroll: true });
}

/** The time that it takes; it is not read aloud, the states are. */
function tick() {
  if (!running || running.ended) return;
  const seconds = (performance.now() - running.began) / 1000;
  const whole = seconds < 10 ? seconds.toFixed(1) : String(Math.round(seconds));
  let time = $("status").querySelector("time");
  if ($("status").dataset.state !== running.state || !time) {
    time = make("time", { "aria-hidden": "true" });
    $("status").dataset.state = running.state;
    $("status").replaceChildren(`${running.state} `, time);
  }
  time.textContent = `${whole} s`;
}

function hear(kind, data) {
  if (kind === "started") running.state = "Running";
  else if (kind === "output") outputs.add(data);
  else if (kind === "log") addLog(data.text);
  else if (kind === "progress") showProgress(data);
  else if (kind === "result") finish(data);
  else if (kind === "error") fail(data.error, data);
}

function addLog(text) {
  const log = $("log");
  $("log-box").hidden = false;
  log.append(text);
  if (log.textContent.length > MAX_LOG) log.textContent = log.textContent.slice(-MAX_LOG);
  log.scrollTop = log.scrollHeight;
}

function showProgress({ fraction, message }) {
  const bar = $("progress");
  $("progress-box").hidden = false;
  if (typeof fraction === "number") bar.value = fraction;
  else bar.removeAttribute("value");
  $("progress-text").textContent = message ?? "";
}

function took(execution) {
  const seconds = (Date.parse(execution.finished_at) - Date.parse(execution.started_at)) / 1000;
  return Number.isFinite(seconds) ? ` in ${seconds < 1 ? `${Math.round(seconds * 1000)} ms` : `${seconds.toFixed(2)} s`}` : "";
}

function finish(execution) {
  running.ended = true;
  $("progress-box").hidden = true;
  outputs.show(command.outputs, execution.outputs ?? {});
  show($("warnings"), (execution.warnings ?? []).join("\n"));
  $("status").replaceChildren(`Done${took(execution)}`);
}

function fail(error, execution) {
  if (running) running.ended = true;
  $("progress-box").hidden = true;
  outputs.stop();
  const problems = error.details?.problems ?? [];
  const strangers = fields.tell(problems);
  if (problems.length) {
    $("status").replaceChildren("The inputs are not right");
    if (!$("outputs").children.length) outputs.clear("Nothing ran.");
    if (strangers.length) show($("form-error"), strangers.map(({ path, message }) => `${path}: ${message}`).join("\n"));
    else show($("form-error"), problems.length === 1 ? "One input is not right." : `${problems.length} things about the inputs are not right.`);
    return;
  }
  $("status").replaceChildren(error.code === "run.cancelled" ? "Cancelled" : `Failed${execution ? took(execution) : ""}`);
  const lines = [make("strong", {}, error.message)];
  if (error.why) lines.push(make("p", {}, error.why));
  if (error.mend) lines.push(make("p", {}, `What helps: ${error.mend}`));
  lines.push(make("p", { className: "quiet" }, error.code));
  if (error.details?.traceback) lines.push(make("pre", { tabIndex: 0 }, error.details.traceback));
  $("failure").replaceChildren(...lines);
  $("failure").hidden = false;
  if (error.details?.log && !$("log").textContent) addLog(error.details.log);
  $("log-box").open = error.code !== "run.cancelled";
}

async function stop() {
  const call = running;
  if (!call) return;
  $("cancel").disabled = true;
  call.state = "Ending";
  if (!call.id) {
    call.abort.abort();
    return;
  }
  try {
    await cancel(call.id);
  } catch {
    call.abort.abort(); // it has ended already, or the server is gone
  }
}

// Begin

$("form").addEventListener("submit", (event) => {
  event.preventDefault();
  submit();
});
$("form").addEventListener("input", showCurl);
$("cancel").addEventListener("click", stop);
$("reset").addEventListener("click", begin);
$("curl-box").addEventListener("toggle", showCurl);
$("curl-copy").addEventListener("click", () => copy($("curl").textContent, $("curl-copy")));
$("tabs").addEventListener("keydown", turn);
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    submit();
  }
});

look();
try {
  model = await withToken(async () => (await ask("/page/interface.json")).json());
  showModel();
} catch (problem) {
  fields = { tell: () => [] };
  fail(problem instanceof Failed ? problem.error : { code: "page.broken", message: problem.message });
}
