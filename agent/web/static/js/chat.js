// The conversation that is shown: asking, listening to the answer, stopping, going on.

import { server } from "./api.js";
import { byId, h, icon, iconButton, notify, say, setIcon } from "./dom.js";
import { goBack } from "./history.js";
import { choose, on, state, tell, titleOf } from "./state.js";
import { suggestions } from "./suggestions.js";
import { Turn } from "./turn.js";

const runs = new Map(); // name of a conversation -> {turn, controller} of the question that is being answered
const running = () => runs.get(state.thread);

export function startChat() {
  const question = byId("question");
  byId("send").append(icon("send"));
  byId("composer").addEventListener("submit", (event) => {
    event.preventDefault();
    if (running()) stop();
    else ask(question.value);
  });
  question.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      if (!running()) ask(question.value);
    }
  });
  question.addEventListener("input", grow);
  byId("choices-button").addEventListener("click", () => showChoices(byId("choices").hidden));
  on("thread", load);
  on("chosen", drawAbout);
  on("videos", drawAbout);
  on("open", drawWelcome);
  on("timeline", drawWelcome);
  drawSend();
}

function grow() {
  const question = byId("question");
  question.style.height = "auto";
  question.style.height = `${Math.min(question.scrollHeight + 2, 180)}px`;
}

/** 12 hexadecimal digits: the id of the question, known before its first event, so that it can be gone on with. */
function newKey() {
  return [...crypto.getRandomValues(new Uint8Array(6))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function ask(text) {
  const question = text.trim();
  if (!question) return;
  if (!state.chosen.size && !byId("turns").children.length) {
    notify("Choose a video first: upload one, or tick one in the list.", "error");
    return;
  }
  byId("question").value = "";
  grow();
  const turn = newTurn({ question, videos: [...state.chosen], options: takeChoices(), trace_id: newKey() });
  byId("welcome").hidden = true;
  await turn.acts.again();
}

/** The lines of the box of choices, which is empty then. */
function takeChoices() {
  const choices = byId("choices-text").value.split("\n").map((line) => line.trim()).filter(Boolean);
  byId("choices-text").value = "";
  showChoices(false);
  return choices;
}

function showChoices(open) {
  byId("choices").hidden = !open;
  byId("choices-button").setAttribute("aria-expanded", String(open));
  if (open) byId("choices-text").focus();
}

function newTurn(fields) {
  const turn = new Turn(fields, {
    decide: (agreed) => listen(turn, (signal) => server.decide(turn.thread, agreed, signal)),
    resume: () => listen(turn, (signal) => server.resume(turn.thread, signal)),
    back: () => goBack(turn),
    again: () => listen(turn, (signal) =>
      server.ask(turn.thread, { question: turn.question, videos: turn.videos, options: turn.options, key: turn.trace_id }, signal)),
  });
  turn.thread = state.thread;
  byId("turns").append(turn.element);
  return turn;
}

/** Shows the events of a turn as they come, until it is answered, waits, was stopped or failed. */
async function listen(turn, begin) {
  if (runs.has(turn.thread)) return;
  const controller = new AbortController();
  runs.set(turn.thread, { turn, controller });
  drawSend();
  turn.begin();
  toEnd(turn);
  let outdated = ""; // why what is shown is not what the server has: it went on elsewhere
  try {
    for await (const { event, data } of begin(controller.signal)) {
      const reading = !atEnd();
      turn.take({ event, ...data });
      if (!reading) toEnd(turn);
    }
    if (turn.open) turn.interrupted("The connection was lost.");
  } catch (error) {
    if (error.name === "AbortError") turn.interrupted("Stopped.");
    else turn.failed(error.message, error.status === 0);
    if (error.status === 409) outdated = error.message;
  } finally {
    runs.delete(turn.thread);
    state.fresh.delete(turn.thread);
    drawSend();
    if (turn.answer && turn.thread === state.thread) lookAt(turn.answer);
    tell("threads");
    if (outdated && turn.thread === state.thread) {
      notify(outdated, "error");
      load();
    }
  }
}

/** The player marks the evidence of this answer, the tree is the one of its search. */
function lookAt(answer) {
  state.evidence = answer.evidence;
  tell("evidence");
  tell("tree", { trace_id: answer.trace_id });
}

function stop() {
  running()?.controller.abort();
  say("The question is stopped.");
}

function drawSend() {
  setIcon(byId("send"), running() ? "stop" : "send", running() ? "Stop" : "Ask");
  byId("send").classList.toggle("stop", Boolean(running()));
}

/** Whether the end of the conversation is to be seen; else the person has scrolled up to read. */
function atEnd() {
  const scroll = byId("scroll");
  return scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 80;
}

/** Scrolls to the end, but not past the question of a long answer. */
function toEnd(turn) {
  const scroll = byId("scroll");
  scroll.scrollTop = Math.min(scroll.scrollHeight, turn.element.offsetTop - scroll.offsetTop - 16);
  if (turn.element.offsetHeight < scroll.clientHeight - 40) scroll.scrollTop = scroll.scrollHeight;
}

/** Shows the conversation `state.thread`, as the server has it. */
async function load() {
  const name = state.thread;
  drawSend();
  byId("turns").replaceChildren();
  state.evidence = [];
  tell("evidence");
  tell("tree", null);
  let thread = { turns: [], pending: null };
  try {
    if (!state.fresh.has(name)) thread = await server.thread(name);
  } catch (error) {
    if (error.status !== 404) notify(error.message, "error");
  }
  if (name !== state.thread) return;
  for (const saved of thread.turns) newTurn(saved).answered(saved.answer);
  if (running()) byId("turns").append(running().turn.element);
  else if (thread.pending) newTurn(thread.pending).waits(thread.pending);
  const last = thread.turns.at(-1);
  if (last) {
    if (last.videos?.length) choose(last.videos);
    if (!state.open && state.chosen.size) {
      state.open = [...state.chosen][0];
      tell("open");
    }
    lookAt(last.answer);
  }
  drawWelcome();
  byId("scroll").scrollTop = byId("scroll").scrollHeight;
}

function drawAbout() {
  const chips = [...state.chosen].map((id) => h("span", { class: "chip" },
    h("span", { class: "cut" }, titleOf(id)),
    iconButton("close", `Do not ask about ${titleOf(id)}`, () => choose([...state.chosen].filter((other) => other !== id)))));
  byId("about").replaceChildren(...(chips.length
    ? [h("span", { class: "muted" }, "About"), ...chips]
    : [h("span", { class: "muted" }, byId("turns").children.length ? "About the videos of the question before" : "No video chosen")]));
  drawWelcome();
}

function drawWelcome() {
  const welcome = byId("welcome");
  welcome.hidden = byId("turns").children.length > 0;
  if (welcome.hidden) return;
  const [title, text] = state.chosen.size
    ? ["Ask about what is seen and heard", "Every answer shows where in the video it can be checked."]
    : state.videos.size
      ? ["Choose a video", "Tick one or several in the list, or open one to watch it."]
      : ["Upload a video and ask about it", "A video is watched once; then every question about it is quick."];
  welcome.replaceChildren(
    h("h3", {}, title),
    h("p", { class: "muted" }, text),
    state.videos.size
      ? h("ul", { class: "suggestions" }, state.chosen.size > 0 && suggestions().map((question) =>
        h("li", {}, h("button", { type: "button", onclick: () => ask(question) }, question))))
      : h("div", { class: "row" }, h("button", { type: "button", class: "primary", onclick: () => byId("files").click() }, icon("upload"), "Upload a video")));
}
