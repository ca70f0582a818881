// Going back in a conversation: to an answer of it, or to one that was gone back from.

import { server } from "./api.js";
import { byId, confirmed, h, notify, say } from "./dom.js";
import { plural, when } from "./format.js";
import { state, tell } from "./state.js";

export function startHistory(button) {
  button.addEventListener("click", show);
}

/** Points of a conversation where a question was answered, one for each, the latest first. */
async function answered(name) {
  const points = (await server.points(name)).filter((point) => !point.next_step);
  // To go back makes another point of the same answer; the first one, which comes last, tells when it was.
  return [...new Map(points.map((point) => [point.trace_id, point])).values()].sort((one, other) => other.at - one.at);
}

/** Makes the answer of a turn the last of its conversation, where the person agrees. */
export async function goBack(turn) {
  const turns = [...byId("turns").children];
  const after = turns.length - 1 - turns.indexOf(turn.element);
  const told = `“${turn.question}” is the last question then. ${plural(after, "question")} after it: “History” still leads to what was answered.`;
  if (!(await confirmed("Go back to this answer?", told, "Go back"))) return;
  await reached(turn.thread, async () => {
    const point = (await answered(turn.thread)).find(({ trace_id }) => trace_id === turn.trace_id);
    if (!point) throw new Error("This answer is no longer in the conversation: reload the page.");
    return point;
  });
}

/** Goes to the point that `find` gives. */
async function reached(name, find) {
  try {
    const point = await find();
    await server.back(name, point.id);
    say(`Back at the answer to ${point.question}`);
    if (name === state.thread) tell("thread");
    tell("threads");
  } catch (error) {
    notify(error.message, "error");
  }
  byId("question").focus();
}

/** All answers of the conversation, in a dialog. */
async function show() {
  const name = state.thread;
  let points;
  let now;
  try {
    [points, now] = await Promise.all([answered(name), server.thread(name).then(({ turns }) => turns.at(-1)?.trace_id)]);
  } catch (error) {
    notify(error.message, "error");
    return;
  }
  const dialog = h("dialog", { class: "dialog history", "aria-labelledby": "history-heading" },
    h("form", { method: "dialog" },
      h("div", { class: "row" }, h("h2", { id: "history-heading", class: "grow" }, "History"), h("button", { class: "small" }, "Close")),
      h("p", { class: "muted" }, points.length
        ? "Every answer of this conversation, also what was gone back from. What follows the one that you go back to is no longer part of the conversation."
        : "Answers of this conversation are listed here, to go back to."),
      h("ol", {}, points.map((point) => row(point, point.trace_id === now, () => {
        dialog.close();
        reached(name, () => point);
      })))));
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

function row(point, isNow, go) {
  return h("li", { class: "row", "aria-current": isNow ? "step" : null },
    h("span", { class: "grow" },
      h("span", { class: "name cut", title: point.question }, point.question),
      h("small", {}, `question ${point.turns} · ${when(point.at)}`)),
    isNow
      ? h("span", { class: "badge good" }, "Now")
      : h("button", { type: "button", class: "small", "aria-label": `Go back to ${point.question}, question ${point.turns}`, onclick: go }, "Go back"));
}
