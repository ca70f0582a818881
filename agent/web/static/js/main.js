// Starts the page: who may come in, then the parts, then what was shown before a reload.

import { ApiError, server } from "./api.js";
import { startChat } from "./chat.js";
import { byId, h, icon, notify } from "./dom.js";
import { startFiles } from "./files.js";
import { startFinder } from "./finder.js";
import { startHelp } from "./help.js";
import { startHistory } from "./history.js";
import { openVideo, refresh, startLibrary } from "./library.js";
import { login } from "./login.js";
import { startMemory } from "./memory.js";
import { on, state, tell } from "./state.js";
import { tabs } from "./tabs.js";
import { startTheme } from "./theme.js";
import { newThread, openThread, refreshThreads, startThreads } from "./threads.js";
import { showTools } from "./tools.js";
import { startTree } from "./tree.js";
import { startUploads } from "./uploads.js";
import { startViewer } from "./viewer3d.js";
import { startKeys, startWatch } from "./watch.js";

const PANES = [["rail", "library", "Videos"], ["stage", "play", "Watch"], ["chat", "chat", "Ask"]];

function startPanes() {
  const draw = () => byId("panes").replaceChildren(...PANES.map(([id, sign, name]) => h("button", {
    type: "button", "aria-current": byId("app").dataset.pane === id ? "true" : null, onclick: () => show(id),
  }, icon(sign), name)));
  const show = (id) => {
    byId("app").dataset.pane = id;
    draw();
  };
  on("pane", show);
  on("thread", () => show("chat"));
  on("open", () => byId("app").dataset.pane === "rail" && show("stage"));
  show("chat");
}

/** The address says what is shown, so that a reload, a bookmark and the way back show it again. */
function startAddress() {
  const read = () => new URLSearchParams(location.hash.slice(1));
  const write = () => {
    const shown = new URLSearchParams({ thread: state.thread, ...(state.open && { video: state.open }) });
    if (String(shown) !== String(read())) history.replaceState(null, "", `#${shown}`);
  };
  on("thread", write);
  on("open", write);
  addEventListener("hashchange", () => {
    const thread = read().get("thread");
    if (thread && thread !== state.thread) openThread(thread);
  });
  return read();
}

async function start() {
  let shown = null;
  const views = tabs(byId("tabs"), [
    { id: "watch", name: "Watch" }, { id: "search", name: "Search tree" }, { id: "solid", name: "3D", hidden: true },
    { id: "artifacts", name: "Files" }, { id: "memory", name: "Memory" }, { id: "tools", name: "Tools" },
  ], (id) => shown?.[id]?.());
  startPanes();
  startLibrary();
  startFinder();
  startUploads();
  startThreads();
  startFiles(views);
  startWatch(views);
  shown = { search: startTree(views), solid: startViewer(views), tools: showTools };
  startMemory();
  startChat();
  startHistory(byId("history"));
  startKeys();
  startHelp(byId("help"));
  const before = startAddress();
  byId("app").hidden = false;
  await refresh();
  const video = before.get("video");
  if (state.videos.has(video)) openVideo(video);
  if (before.get("thread")) openThread(before.get("thread"));
  else newThread();
  if (!state.videos.size) {
    tell("pane", "rail");
  }
  await refreshThreads();
}

async function enter() {
  state.session = await server.session();
  if (state.session.needs_token && !state.session.authorised) {
    await login();
    state.session = await server.session();
  }
}

startTheme(byId("theme"));
try {
  await enter();
  on("login", () => login().then(() => location.reload()));
  await start();
} catch (error) {
  if (!(error instanceof ApiError)) throw error;
  byId("app").hidden = false;
  notify(error.message, "error");
}
