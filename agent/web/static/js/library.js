// The videos of the library: which are there, how far watching them has come, which the next question is about.

import { server, url } from "./api.js";
import { bar, byId, confirmed, h, icon, iconButton, notify, say, setBar } from "./dom.js";
import { percent, time } from "./format.js";
import { choose, on, state, tell } from "./state.js";

const watched = new Map(); // id of a job -> what it last said

export function startLibrary() {
  byId("upload").append(icon("upload"), "Upload");
  byId("videos").append(h("li", { class: "nothing" }, "Loading…"));
  on("uploaded", async (video) => {
    await refresh();
    if (!video?.id) return;
    openVideo(video.id);
  });
  on("videos", draw);
  on("chosen", mark);
  on("open", mark);
}

/** Asks the server anew. */
export async function refresh() {
  state.videos = new Map((await server.videos()).map((video) => [video.id, video]));
  for (const video of state.videos.values()) {
    if (video.job && isBusy(video) && !watched.has(video.job)) follow(video);
  }
  if (state.open && !state.videos.has(state.open)) {
    state.open = "";
    tell("open");
  }
  choose(state.chosen);
  tell("videos");
}

/** Into the player, and the next question is about it alone. */
export function openVideo(id, t_s) {
  state.open = id;
  choose([id]);
  tell("open", { t_s });
}

/** Shows how far watching a video is, until it is over; connections that are lost are made again. */
async function follow(video) {
  watched.set(video.job, { text: "waits", share: undefined });
  for (let failures = 0; ; failures += 1) {
    try {
      for await (const { data } of server.jobEvents(video.job)) {
        if (data.state === "running") watched.set(video.job, { text: data.text || "watching", share: data.share });
        progress(video);
        failures = 0;
      }
    } catch (error) {
      if (error.status === 401 || error.status === 404) break;
    }
    if (await settled(video)) break;
    await new Promise((resolve) => { setTimeout(resolve, Math.min(30, 2 ** failures) * 1000); });
  }
  watched.delete(video.job);
}

/** Whether a video is not being watched any more; asks the server, and tells what came of it. */
async function settled(video) {
  try {
    await refresh();
  } catch {
    return false;
  }
  const now = state.videos.get(video.id);
  if (now && isBusy(now) && now.job === video.job) return false;
  if (now?.state === "ready") {
    say(`${now.name} is ready.`);
    if (state.open === video.id) tell("ready");
  } else if (now?.state === "failed") {
    say(`${now.name} could not be watched.`);
  }
  return true;
}

const isBusy = (video) => video.state === "queued" || video.state === "ingesting";

const line = (id) => byId("videos").querySelector(`[data-id="${CSS.escape(id)}"]`);

function progress(video) {
  const element = line(video.id);
  const { text, share } = watched.get(video.job);
  const meter = element?.querySelector("progress");
  if (!meter) return;
  setBar(meter, share);
  element.querySelector("small").textContent = share > 0 ? `${text} · ${percent(share)}` : text;
}

function draw() {
  const focused = document.activeElement?.closest("#videos") ? document.activeElement.dataset.focus : null;
  const rows = [...state.videos.values()].map(row);
  byId("videos").replaceChildren(...(rows.length ? rows : [nothing()]));
  mark();
  if (focused) byId("videos").querySelector(`[data-focus="${CSS.escape(focused)}"]`)?.focus();
}

/** Which is open, and which are chosen: changed in place, for a click must not replace what is under it. */
function mark() {
  for (const element of byId("videos").querySelectorAll(".video")) {
    const { id } = element.dataset;
    element.classList.toggle("open", id === state.open);
    element.querySelector("input").checked = state.chosen.has(id);
    if (id === state.open) element.querySelector(".video-button").setAttribute("aria-current", "true");
    else element.querySelector(".video-button").removeAttribute("aria-current");
  }
}

function nothing() {
  return h("li", { class: "empty" }, icon("library"), "No videos yet. Upload one, or drop it anywhere on this page.");
}

function row(video) {
  const name = video.name || video.title;
  const said = watched.get(video.job);
  const about = h("input", {
    type: "checkbox",
    "aria-label": `Ask about ${name}`,
    title: "Ask about this video",
    data: { focus: `about:${video.id}` },
    onchange: (event) => toggle(video.id, event.target.checked),
  });
  const open = h("button", {
    type: "button",
    class: "video-button",
    data: { focus: `open:${video.id}` },
    onclick: () => openVideo(video.id),
  },
  poster(video),
  h("span", { class: "name cut", title: name }, name),
  h("small", { class: "cut" }, stateOf(video, said)));
  return h("li", { class: "video", data: { id: video.id } },
    about, open,
    iconButton("trash", `Delete ${name}`, () => remove(video), { class: "icon-button delete" }),
    isBusy(video) && bar(`Watching ${name}`, said?.share),
    video.state === "failed" && h("p", { class: "problem" }, video.error || "It could not be watched."),
    video.warning && h("p", { class: "problem" }, video.warning));
}

function stateOf(video, said) {
  if (video.state === "queued") return said?.share ? `${said.text} · ${percent(said.share)}` : "waits to be watched";
  if (video.state === "ingesting") return said?.share ? `${said.text} · ${percent(said.share)}` : "is being watched";
  if (video.state === "failed") return "not usable";
  return `${time(video.duration_s, false)}${video.height ? ` · ${video.width}×${video.height}` : ""}`;
}

function poster(video) {
  if (video.state === "failed") return h("span", { class: "poster" });
  const image = h("img", { class: "poster", alt: "", loading: "lazy", src: url.poster(video.id), width: 64, height: 40 });
  image.addEventListener("error", () => image.replaceWith(h("span", { class: "poster" })));
  return image;
}

function toggle(id, wanted) {
  const ids = new Set(state.chosen);
  if (wanted) ids.add(id);
  else ids.delete(id);
  choose(ids);
}

async function remove(video) {
  const name = video.name || video.title;
  const sure = await confirmed(`Delete ${name}?`, "The video and all that was seen in it go. Conversations about it stay.", "Delete");
  if (!sure) return;
  try {
    await server.removeVideo(video.id);
    say(`${name} is deleted.`);
    await refresh();
  } catch (error) {
    notify(error.message, "error");
  }
}
