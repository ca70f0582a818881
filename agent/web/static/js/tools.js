// The view "Tools": every tool by itself, with a form of its arguments, and what came of it.

import { evidencePicture, server } from "./api.js";
import { bar, byId, folded, h, icon, say, setBar } from "./dom.js";
import { fileCard } from "./files.js";
import { percent, seconds, span, words } from "./format.js";
import { schemaForm } from "./schema-form.js";
import { state, tell, titleOf } from "./state.js";

let tools = null;
let filter = "";

/** Draws the list when the view is first shown. */
export async function showTools() {
  if (tools) return;
  const view = byId("tools");
  view.replaceChildren(h("p", { class: "muted" }, "Loading…"));
  try {
    tools = await server.tools();
    drawList();
  } catch (error) {
    view.replaceChildren(h("div", { class: "empty" }, icon("tool"), error.message));
  }
}

function drawList() {
  const list = h("ul", { class: "tool-list" });
  const fill = () => list.replaceChildren(...tools
    .filter((tool) => `${tool.name} ${tool.description}`.toLowerCase().includes(filter.toLowerCase()))
    .map((tool) => h("li", {}, h("button", { type: "button", onclick: () => openTool(tool.name) },
      h("span", { class: "tool-name" }, tool.name), h("small", {}, tool.description)))));
  const box = h("input", { type: "search", placeholder: "Filter tools", "aria-label": "Filter tools", value: filter, oninput: (event) => { filter = event.target.value; fill(); } });
  fill();
  byId("tools").replaceChildren(h("h2", {}, `${tools.length} tools`), box, list);
}

async function openTool(name) {
  const known = tools.find((tool) => tool.name === name);
  const schema = known.schema ?? (await server.tool(name)).schema;
  const form = schemaForm(schema);
  const out = h("div", { class: "tool-out", "aria-live": "polite" });
  const run = h("button", { class: "primary" }, icon("play"), "Run");
  const back = h("button", { type: "button", class: "quiet small", onclick: drawList }, "← All tools");
  const element = h("form", { class: "tool-form", novalidate: true },
    back, h("h2", { class: "tool-title" }, name), h("p", {}, known.description),
    known.effects && known.effects !== "none" && h("p", {}, h("span", { class: "badge" }, known.effects.replaceAll("_", " "))),
    form.element, h("div", { class: "row" }, run), out);
  element.addEventListener("submit", async (event) => {
    event.preventDefault();
    let given;
    try {
      given = form.read();
    } catch (error) {
      out.replaceChildren(h("p", { class: "bad", role: "alert" }, error.message));
      return;
    }
    run.disabled = true;
    await work(name, given, out);
    run.disabled = false;
  });
  byId("tools").replaceChildren(element);
  back.focus();
}

async function work(name, given, out) {
  const videos = given.video ? [given.video] : [...state.chosen];
  try {
    const begun = await server.runTool(name, { videos, arguments: given, wait: false });
    const result = begun.job && begun.summary === undefined ? await outcome(begun.job, name, out) : begun;
    if (result) show(result, out);
  } catch (error) {
    out.replaceChildren(h("p", { class: "bad", role: "alert" }, error.message));
  }
}

/** The result of a job, after its progress; null where it was cancelled. */
async function outcome(id, name, out) {
  const meter = bar(`Progress of ${name}`);
  const said = h("span", { class: "grow cut" }, "Waiting");
  out.replaceChildren(h("div", { class: "row" }, said, h("button", { type: "button", class: "small", onclick: () => server.cancelJob(id).catch(() => {}) }, "Stop")), meter);
  for await (const { data } of server.jobEvents(id)) {
    if (!Number.isFinite(data.share)) continue;
    setBar(meter, data.share);
    said.textContent = `${data.text || "Working"} · ${percent(data.share)}`;
  }
  const job = await server.job(id);
  if (job.state === "cancelled") {
    out.replaceChildren(h("p", { class: "muted" }, "Stopped."));
    return null;
  }
  if (job.state !== "done") throw new Error(words(job.error?.message ?? job.error) || "The tool did not finish.");
  return job.result;
}

function show(result, out) {
  const files = result.artifacts ?? [];
  const evidence = result.evidence ?? [];
  if (files.length) tell("made", files);
  say(`Done: ${words(result.summary)}`);
  out.replaceChildren(h("div", { class: "card" },
    h("p", { class: "answer-text" }, words(result.summary) || "Done."),
    h("small", {}, [result.model, seconds(result.seconds)].filter(Boolean).join(" · ")),
    evidence.length > 0 && h("ul", { class: "evidence", "aria-label": "Evidence" }, evidence.slice(0, 12).map((item) => h("li", {}, place(item, evidence)))),
    files.map(fileCard),
    folded("Everything, as JSON", {}, h("pre", { class: "json" }, JSON.stringify(result, null, 2)))));
}

function place(item, evidence) {
  const picture = h("img", { alt: "", loading: "lazy", width: 132, height: 76, src: evidencePicture(item, 240) });
  picture.addEventListener("error", () => picture.remove());
  const go = () => {
    state.evidence = evidence;
    if (state.open !== item.video) {
      state.open = item.video;
      tell("open", { t_s: item.start_s });
    }
    tell("evidence");
    tell("seek", item);
  };
  return h("button", { type: "button", class: "evidence-chip", "aria-label": `Show ${titleOf(item.video)} at ${span(item.start_s, item.end_s)}`, onclick: go },
    picture, h("span", { class: "when" }, span(item.start_s, item.end_s)), h("small", { class: "cut" }, words(item.text) || item.note || ""));
}
