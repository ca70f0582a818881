// The view "Memory": SQL over what is known of the video in the player.

import { server } from "./api.js";
import { byId, h, icon, say } from "./dom.js";
import { plain, plural, time } from "./format.js";
import { on, state, tell, titleOf } from "./state.js";

const TABLES = ["shot", "event", "entity", "observation", "relation", "speech", "on_screen_text"];
const TIMES = new Set(["start_s", "end_s", "t_s", "first_s", "last_s"]);
const LONGEST = 300; // characters of a cell

export function startMemory() {
  const title = h("h2", { class: "cut" });
  const statement = h("textarea", { id: "statement", class: "code", rows: 4, maxlength: 10000, spellcheck: false, autocomplete: "off", value: "SELECT * FROM shot" });
  const run = h("button", { class: "primary" }, icon("play"), "Run");
  const out = h("div", { class: "tool-out", "aria-live": "polite" });
  const nothing = h("div", { class: "empty" }, icon("library"), "Choose a video to ask its memory in SQL.");
  const form = h("form", { class: "memory", novalidate: true },
    title,
    h("p", { class: "muted" }, "One SELECT, in the SQL of DuckDB. Times are seconds, boxes x1, y1, x2, y2 in pixels. Tables:"),
    h("ul", { class: "row tables", "aria-label": "Tables" }, TABLES.map((table) => h("li", {}, h("button", { type: "button", class: "chip code", onclick: () => look(table) }, table)))),
    h("label", { for: "statement", class: "unseen" }, "Statement"), statement,
    h("div", { class: "row" }, run, h("small", {}, "Ctrl Enter")),
    out);
  byId("memory").append(nothing, form);

  function look(table) {
    statement.value = `SELECT * FROM ${table} LIMIT 100`;
    form.requestSubmit();
  }

  async function ask() {
    const id = state.open;
    if (!statement.value.trim() || run.disabled) return;
    run.disabled = true;
    out.replaceChildren(h("p", { class: "muted" }, "Running…"));
    try {
      const found = await server.sql(id, statement.value);
      if (id === state.open) out.replaceChildren(...result(id, found));
    } catch (error) {
      if (id === state.open) out.replaceChildren(h("p", { class: "bad", role: "alert" }, error.message));
    }
    run.disabled = false;
  }

  function open() {
    nothing.hidden = Boolean(state.open);
    form.hidden = !state.open;
    title.textContent = `What is known of ${titleOf(state.open)}`;
    out.replaceChildren();
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    ask();
  });
  statement.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      form.requestSubmit();
    }
  });
  on("open", open);
  open();
}

/** A table that scrolls by itself, under a line that says how long it is. */
function result(id, { columns, rows, truncated }) {
  const told = truncated ? `The first ${plural(rows.length, "row")}; there are more.` : `${plural(rows.length, "row")}.`;
  say(told);
  const line = h("p", { class: "muted" }, told);
  if (!rows.length) return [line];
  const head = h("thead", {}, h("tr", {}, columns.map((name) => h("th", { scope: "col" }, name))));
  const body = h("tbody", {}, rows.map((row) => h("tr", {}, row.map((value, index) => cell(id, columns[index], value)))));
  return [line, h("div", { class: "rows", tabindex: "0", role: "region", "aria-label": "Result" }, h("table", {}, head, body))];
}

/** Times lead to where they are in the video. */
function cell(id, column, value) {
  if (value === null) return h("td", { class: "muted" }, "–");
  if (typeof value === "number" && TIMES.has(column)) {
    return h("td", { class: "number" }, h("button", { type: "button", class: "moment", "aria-label": `Show ${time(value)}, ${column} ${value}`, onclick: () => tell("seek", { video: id, start_s: value }) }, String(value)));
  }
  const text = plain(value);
  return h("td", { class: typeof value === "number" ? "number" : null }, text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text);
}
