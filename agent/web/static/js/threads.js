// The list of conversations.

import { server } from "./api.js";
import { byId, confirmed, h, icon, iconButton, notify, say } from "./dom.js";
import { plural, when } from "./format.js";
import { on, state, tell } from "./state.js";

let threads = [];

export function startThreads() {
  byId("new-thread").append(icon("plus"), "New");
  byId("new-thread").addEventListener("click", newThread);
  on("threads", refreshThreads);
  on("thread", draw);
}

/** Begins a conversation; its name sorts by time, and no other has it. */
export function newThread() {
  const stamp = new Date().toISOString().slice(0, 19).replace(/[-:]/g, "").replace("T", "-");
  const name = `web-${stamp}-${Math.floor(Math.random() * 46656).toString(36).padStart(3, "0")}`;
  state.fresh.add(name);
  openThread(name);
}

export function openThread(name) {
  state.thread = name;
  tell("thread");
}

export async function refreshThreads() {
  try {
    threads = await server.threads();
  } catch (error) {
    if (error.status !== 401) notify(error.message, "error");
  }
  draw();
}

function draw() {
  const rows = threads.map((thread) => {
    const title = thread.last_question || thread.name;
    const open = thread.name === state.thread;
    return h("li", { class: `thread ${open ? "open" : ""}` },
      h("button", { type: "button", class: "thread-button", "aria-current": open ? "true" : null, onclick: () => openThread(thread.name) },
        h("span", { class: "name cut", title }, title),
        h("small", { class: "cut" }, `${plural(thread.turns, "question")} · ${when(thread.last_at)}`)),
      iconButton("trash", `Delete the conversation ${title}`, () => forget(thread, title), { class: "icon-button delete" }));
  });
  byId("threads").replaceChildren(...(rows.length ? rows : [h("li", { class: "nothing" }, "None yet.")]));
}

async function forget(thread, title) {
  if (!(await confirmed("Delete this conversation?", title, "Delete"))) return;
  try {
    await server.forget(thread.name);
    say("The conversation is deleted.");
    if (thread.name === state.thread) newThread();
    await refreshThreads();
  } catch (error) {
    notify(error.message, "error");
  }
}
