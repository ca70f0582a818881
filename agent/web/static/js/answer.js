// An answer as a card: status, how sure, the words, where to check it, files, what else was thought of.

import { evidencePicture } from "./api.js";
import { fileCard } from "./files.js";
import { folded, h, icon } from "./dom.js";
import { percent, plain, plural, seconds, span, words } from "./format.js";
import { openVideo } from "./library.js";
import { state, tell, titleOf } from "./state.js";

const STATUS = {
  answered: ["good", "check", "Answered"],
  uncertain: ["fair", "warning", "Not sure"],
  cannot: ["", "close", "Cannot tell"],
};
const FIRST = 6; // evidences shown before "more"

export function answerCard(answer, turn) {
  const [kind, sign, name] = STATUS[answer.status] ?? ["", "eye", answer.status];
  return h("article", { class: `card answer ${answer.status}`, "aria-label": "Answer" },
    h("div", { class: "row" },
      h("span", { class: `badge ${kind}` }, icon(sign), name),
      answer.status !== "cannot" && confidence(answer.confidence),
      h("span", { class: "grow" }),
      h("button", { type: "button", class: "quiet small", onclick: () => tell("tree", { trace_id: answer.trace_id || turn.trace_id, show: true }) },
        icon("tree"), "How it was found")),
    h("p", { class: "answer-text" }, answer.option ? h("strong", {}, answer.option) : answer.answer),
    answer.option && answer.answer !== answer.option && h("p", {}, answer.answer),
    value(answer),
    evidenceStrip(answer),
    (answer.artifacts ?? []).map((file) => fileCard(file)),
    missing(answer),
    alternatives(answer),
    answer.cost?.seconds !== undefined && h("small", { class: "cost" }, `${seconds(answer.cost.seconds)} · ${plural(answer.cost.tool_calls ?? 0, "tool call")}`));
}

function confidence(share) {
  return h("span", { class: "confidence" },
    h("meter", { min: 0, max: 1, value: share, "aria-label": "Confidence" }), percent(share), h("span", { class: "unseen" }, " sure"));
}

/** The typed value, where the words alone do not show it. */
function value(answer) {
  const typed = answer.value;
  if (typed === null || typed === undefined) return null;
  const text = Array.isArray(typed) ? span(...typed) : plain(typed);
  if (answer.answer.includes(text) || typeof typed === "boolean") return null;
  return h("p", { class: "typed" }, h("span", { class: "muted" }, "Value "), text);
}

function evidenceStrip(answer) {
  if (!answer.evidence.length) return null;
  const list = h("ul", { class: "evidence", "aria-label": "Evidence" });
  const several = new Set(answer.evidence.map((item) => item.video)).size > 1;
  const put = (items) => list.append(...items.map((item) => h("li", {}, evidenceChip(item, answer, several))));
  put(answer.evidence.slice(0, FIRST));
  const rest = answer.evidence.slice(FIRST);
  if (rest.length) {
    const more = h("li", {}, h("button", { type: "button", class: "more", onclick: () => { more.remove(); put(rest); } }, `${rest.length} more`));
    list.append(more);
  }
  return list;
}

function evidenceChip(item, answer, several) {
  const said = words(item.text) || item.note || "";
  const picture = h("img", { alt: "", loading: "lazy", src: evidencePicture(item, 240), width: 132, height: 76 });
  picture.addEventListener("error", () => picture.replaceWith(h("span", { class: "no-picture" })));
  return h("button", {
    type: "button",
    class: "evidence-chip",
    "aria-label": `Show ${titleOf(item.video)} at ${span(item.start_s, item.end_s)}${said ? `: ${said}` : ""}`,
    title: `${item.tool} · ${item.model}`,
    onclick: () => showEvidence(item, answer),
  },
  picture,
  h("span", { class: "when" }, span(item.start_s, item.end_s)),
  h("small", { class: "cut" }, said ? `“${said}”` : several ? titleOf(item.video) : item.tool));
}

/** The player goes to where the evidence begins, and draws its box. */
export function showEvidence(item, answer) {
  state.evidence = answer.evidence;
  if (state.open !== item.video) openVideo(item.video, item.start_s);
  tell("evidence");
  tell("seek", item);
}

function missing(answer) {
  if (!answer.missing?.length) return null;
  return h("div", { class: "missing" }, h("h4", {}, "What would help"), h("ul", {}, answer.missing.map((text) => h("li", {}, text))));
}

function alternatives(answer) {
  if (!answer.alternatives?.length) return null;
  return folded(plural(answer.alternatives.length, "other possible answer"), { class: "alternatives" },
    h("ul", {}, answer.alternatives.map((other) =>
      h("li", {}, h("span", {}, other.answer), " ", h("span", { class: "badge" }, percent(other.confidence)), other.why && h("small", {}, ` ${other.why}`)))));
}
