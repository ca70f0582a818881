// The view "Watch": player, overlays and timeline of the open video.

import { server } from "./api.js";
import { byId, h, icon, notify } from "./dom.js";
import { words } from "./format.js";
import { Overlay } from "./overlay.js";
import { Player } from "./player.js";
import { on, state, tell, titleOf } from "./state.js";
import { Timeline } from "./timeline.js";

const COLOURS = ["#5ad1c8", "#ffb454", "#f07fb8", "#9be26a", "#7fb2ff", "#d7a1ff", "#ff8f70", "#e6d95c"];
const MOST_ENTITIES = 60;

const player = new Player();
const overlay = new Overlay(player.canvas);
const timeline = new Timeline(reach);
const title = h("h2", { class: "watch-title cut" });
const entities = h("ul", { class: "entities", "aria-label": "Draw over the video" });
const entitiesBox = h("div", { hidden: true }, h("h3", {}, "Draw over the video"), entities);
const waiting = h("p", { class: "muted", role: "status" });
let asked = null; // what is being loaded
let shown = ""; // id in the player

export function startWatch(tabs) {
  const nothing = h("div", { class: "empty big" }, icon("play"), "Choose a video to watch it, with what is known of it.");
  const parts = h("div", { class: "watch-parts" }, title, player.element, waiting, timeline.element, entitiesBox);
  byId("watch").append(nothing, parts);
  player.addEventListener("frame", (event) => {
    overlay.shape = player.shape;
    overlay.draw(event.detail);
    timeline.now(event.detail);
  });
  const open = (detail) => {
    nothing.hidden = Boolean(state.open);
    parts.hidden = !state.open;
    if (state.open !== shown) show(detail?.t_s ?? 0);
  };
  on("open", open);
  on("ready", loadTimeline);
  on("evidence", () => mark(null));
  on("theme", redraw);
  on("seek", (item) => {
    tabs.show("watch");
    tell("pane", "stage");
    player.video.pause();
    player.seek(item.start_s);
    if (item.box || item.tool) mark(item);
    player.screen.scrollIntoView({ block: "nearest" });
  });
  open();
  redraw();
}

function redraw() {
  const style = getComputedStyle(document.documentElement);
  overlay.accent = style.getPropertyValue("--accent").trim();
  overlay.onAccent = style.getPropertyValue("--accent-text").trim();
  timeline.draw();
  overlay.draw(player.time);
}

/** The person chose a time, maybe by an item of the timeline. */
function reach(t_s, item, lane) {
  player.seek(t_s);
  if (lane === "evidence") mark(item);
  else if (item?.entity_id && !overlay.entities.has(item.entity_id)) {
    entities.querySelector(`[data-id="${CSS.escape(item.entity_id)}"]`)?.click();
  }
}

function mark(focus) {
  const here = state.evidence.filter((item) => item.video === state.open);
  overlay.evidence = here;
  overlay.focus = focus;
  timeline.mark(here, focus);
  overlay.draw(player.time);
}

function show(t_s) {
  shown = state.open;
  overlay.entities.clear();
  overlay.masks.clear();
  entities.replaceChildren();
  entitiesBox.hidden = true;
  const record = state.videos.get(state.open);
  if (!record) {
    player.close();
    return;
  }
  title.textContent = titleOf(record.id);
  overlay.size = [record.width || 16, record.height || 9];
  player.load(record, t_s);
  timeline.show({ lanes: [], duration_s: record.duration_s });
  mark(null);
  loadTimeline();
}

async function loadTimeline() {
  asked?.abort();
  asked = new AbortController();
  const id = state.open;
  const record = state.videos.get(id);
  tell("timeline", null);
  if (record.state !== "ready") {
    waiting.textContent = record.state === "failed" ? record.error || "" : "What is in it shows here once it was watched.";
    return;
  }
  player.record = record;
  waiting.textContent = "Loading what is known of it…";
  try {
    const found = await server.timeline(id, asked.signal);
    waiting.textContent = "";
    timeline.show({ ...found, duration_s: found.duration_s || record.duration_s });
    tell("timeline", found);
    listEntities(id, found);
  } catch (error) {
    if (error.name !== "AbortError") waiting.textContent = error.message;
  }
}

/** A switch for everything whose places are known. */
function listEntities(id, { lanes }) {
  const known = new Map();
  for (const lane of lanes) {
    for (const item of lane.items) if (item.entity_id && !known.has(item.entity_id)) known.set(item.entity_id, words(item.label));
  }
  entitiesBox.hidden = known.size === 0;
  entities.replaceChildren(...[...known].slice(0, MOST_ENTITIES).map(([entity, label], index) => {
    const colour = COLOURS[index % COLOURS.length];
    const dot = h("span", { class: "dot" });
    dot.style.background = colour;
    const button = h("button", { type: "button", class: "chip", "aria-pressed": "false", data: { id: entity }, onclick: () => toggle(id, entity, label, colour, button) },
      dot, h("span", { class: "cut" }, label || entity));
    return h("li", {}, button);
  }));
}

async function toggle(id, entity, label, colour, button) {
  const wanted = button.getAttribute("aria-pressed") !== "true";
  button.setAttribute("aria-pressed", String(wanted));
  if (!wanted) overlay.entities.delete(entity);
  else {
    try {
      const observations = await server.observations(id, entity);
      observations.sort((one, other) => one.t_s - other.t_s);
      if (id === shown && button.getAttribute("aria-pressed") === "true") overlay.entities.set(entity, { colour, label, observations });
    } catch (error) {
      button.setAttribute("aria-pressed", "false");
      notify(error.message, "error");
    }
  }
  overlay.draw(player.time);
}

/** Keys that steer the player from anywhere on the page but fields and controls. */
export function startKeys() {
  addEventListener("keydown", (event) => {
    const busy = event.target.closest("input, textarea, select, button, a, summary, [role='tab'], [role='treeitem'], canvas, dialog, .screen");
    if (busy || !state.open || byId("watch").hidden || byId("app").hidden) return;
    player.key(event);
  });
}
