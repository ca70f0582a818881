// What is in a video when, as lanes under the player: click goes there, it zooms, and works by keys.

import { folded, h, iconButton, say } from "./dom.js";
import { span, time, words } from "./format.js";
import { heightOf, layOut, nameOf, paint, placeOf } from "./timeline-paint.js";

const SHORTEST_S = 0.5; // of what is shown when zoomed in
const ZOOM = 1.6;

export class Timeline {
  /** `go(t_s, item?, lane?)` is told where the person wants to be. */
  constructor(go) {
    this.go = go;
    this.lanes = [];
    this.duration = 0;
    this.evidence = [];
    this.scene = { lanes: [], view: { start: 0, end: 1 }, area: { left: 72, width: 1, height: 60 }, lane: "", hover: null, now: 0, focus: null };
    this.canvas = h("canvas", { class: "lanes", tabindex: 0, role: "slider", "aria-label": "Timeline", "aria-valuemin": 0, "aria-keyshortcuts": "ArrowLeft ArrowRight ArrowUp ArrowDown [ ] + - 0" });
    this.tip = h("div", { class: "tip", hidden: true, "aria-hidden": "true" });
    this.list = folded("As a list", { class: "as-list" });
    this.element = h("div", { class: "timeline" },
      h("div", { class: "row timeline-head" },
        h("h3", { class: "grow" }, "Timeline"),
        iconButton("minus", "Zoom out", () => this.zoom(1 / ZOOM)),
        iconButton("plus", "Zoom in", () => this.zoom(ZOOM)),
        h("button", { type: "button", class: "quiet small", onclick: () => this.zoom(0) }, "Whole")),
      h("div", { class: "lanes-box" }, this.canvas, this.tip),
      this.list);
    this.#listen();
  }

  /** lanes: [{name, items: [{start_s, end_s, label, entity_id?}]}]. */
  show({ lanes, duration_s }) {
    this.lanes = lanes;
    this.duration = duration_s || 1;
    this.scene.view = { start: 0, end: this.duration };
    this.canvas.setAttribute("aria-valuemax", this.duration.toFixed(1));
    this.#layOut();
  }

  /** Evidence of the answer, for a lane of its own on top. */
  mark(evidence, focus = null) {
    this.evidence = evidence;
    this.scene.focus = focus;
    if (focus && (focus.start_s < this.scene.view.start || focus.start_s > this.scene.view.end)) this.#centre(focus.start_s);
    this.#layOut();
  }

  now(t_s) {
    const { scene } = this;
    scene.now = t_s;
    const shown = scene.view.end - scene.view.start;
    if (shown < this.duration && (t_s < scene.view.start || t_s > scene.view.end)) this.#centre(t_s);
    this.canvas.setAttribute("aria-valuenow", t_s.toFixed(1));
    this.canvas.setAttribute("aria-valuetext", `${time(t_s)} of ${time(this.duration)}`);
    this.draw();
  }

  /** Zooms about the playhead, or about a place `at` (seconds); 0 = all. */
  zoom(factor, at = this.scene.now) {
    const { view } = this.scene;
    const length = factor ? Math.min(this.duration, Math.max(SHORTEST_S, (view.end - view.start) / factor)) : this.duration;
    const share = (Math.min(view.end, Math.max(view.start, at)) - view.start) / (view.end - view.start);
    this.#view(at - share * length, length);
  }

  draw() {
    if (this.waiting) return;
    this.waiting = requestAnimationFrame(() => {
      this.waiting = 0;
      const { canvas, scene } = this;
      const ratio = devicePixelRatio || 1;
      const width = canvas.clientWidth;
      scene.area = { left: width < 500 ? 58 : 72, width: 0, height: heightOf(scene.lanes) };
      scene.area.width = Math.max(1, width - scene.area.left - 2);
      const [wide, high] = [Math.round(width * ratio), Math.round(scene.area.height * ratio)];
      if (canvas.width !== wide || canvas.height !== high) {
        canvas.style.height = `${scene.area.height}px`;
        Object.assign(canvas, { width: wide, height: high });
      }
      const pen = canvas.getContext("2d");
      pen.setTransform(ratio, 0, 0, ratio, 0, 0);
      paint(pen, scene, this.#style());
    });
  }

  #style() {
    const style = getComputedStyle(this.canvas);
    const of = (name) => style.getPropertyValue(name).trim();
    return { text: of("--text"), muted: of("--muted"), sunk: of("--sunk"), accent: of("--accent"), onAccent: of("--accent-text"), font: of("--font") };
  }

  #layOut() {
    const marks = this.evidence.map((item) => ({ ...item, label: words(item.text) || item.note || item.tool, source: item }));
    this.scene.lanes = layOut([{ name: "evidence", items: marks }, ...this.lanes]);
    for (const lane of this.scene.lanes) {
      if (lane.name === "evidence") lane.items.forEach((item) => { item.source = item.source.source; });
    }
    this.#fillList();
    this.draw();
  }

  #view(start, length) {
    const from = Math.min(Math.max(0, start), this.duration - length);
    this.scene.view = { start: from, end: from + length };
    this.draw();
  }

  #centre(t_s) {
    const { view } = this.scene;
    this.#view(t_s - (view.end - view.start) / 4, view.end - view.start);
  }

  #timeAt(x) {
    const { area, view } = this.scene;
    const share = Math.min(1, Math.max(0, (x - area.left) / area.width));
    return view.start + share * (view.end - view.start);
  }

  #itemAt(x, y) {
    const { lanes, view, area } = this.scene;
    const lane = lanes.find((one) => y >= one.top && y <= one.top + one.height);
    const item = lane?.items.findLast((one) => {
      const [left, width] = placeOf(one, view, area);
      return x >= left - 1 && x <= left + width + 1 && Math.floor((y - lane.top) / (lane.row + 2)) === one.row;
    });
    return item ? { item, lane } : null;
  }

  #listen() {
    const { canvas } = this;
    let dragging = false;
    const fingers = new Map();
    canvas.addEventListener("pointerdown", (event) => {
      fingers.set(event.pointerId, event.offsetX);
      canvas.setPointerCapture(event.pointerId);
      if (fingers.size > 1) return;
      const hit = this.#itemAt(event.offsetX, event.offsetY);
      if (hit) this.#reach(hit);
      else {
        dragging = true;
        this.go(this.#timeAt(event.offsetX));
      }
    });
    canvas.addEventListener("pointermove", (event) => {
      if (fingers.size > 1) this.#pinch(fingers, event);
      else if (dragging) this.go(this.#timeAt(event.offsetX));
      else this.#hover(event.offsetX, event.offsetY);
    });
    const up = (event) => {
      fingers.delete(event.pointerId);
      dragging = false;
    };
    canvas.addEventListener("pointerup", up);
    canvas.addEventListener("pointercancel", up);
    canvas.addEventListener("pointerleave", () => this.#hover(-1, -1));
    canvas.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    canvas.addEventListener("keydown", (event) => this.#key(event));
    new ResizeObserver(() => this.draw()).observe(canvas);
  }

  #pinch(fingers, event) {
    const before = [...fingers.values()];
    fingers.set(event.pointerId, event.offsetX);
    const after = [...fingers.values()];
    const factor = Math.abs(after[0] - after[1]) / Math.max(1, Math.abs(before[0] - before[1]));
    this.zoom(Math.min(1.2, Math.max(0.8, factor)), this.#timeAt((after[0] + after[1]) / 2));
  }

  #wheel(event) {
    const { view, area } = this.scene;
    if (event.ctrlKey || event.metaKey) {
      this.zoom(Math.exp(-event.deltaY / 200), this.#timeAt(event.offsetX));
    } else {
      const pixels = event.shiftKey ? event.deltaY || event.deltaX : event.deltaX;
      if (!pixels || view.end - view.start >= this.duration) return;
      this.#view(view.start + (pixels / area.width) * (view.end - view.start), view.end - view.start);
    }
    event.preventDefault();
  }

  #hover(x, y) {
    const hit = this.#itemAt(x, y);
    if (this.scene.hover !== (hit?.item ?? null)) {
      this.scene.hover = hit?.item ?? null;
      this.draw();
    }
    this.tip.hidden = !hit;
    this.canvas.style.cursor = hit ? "pointer" : "";
    if (!hit) return;
    this.tip.textContent = `${span(hit.item.start_s, hit.item.end_s)}  ${words(hit.item.label)}`;
    const room = this.canvas.clientWidth - this.tip.offsetWidth;
    this.tip.style.left = `${Math.max(0, Math.min(room, x + 12))}px`;
    this.tip.style.top = `${y + 18}px`;
  }

  #reach({ item, lane }) {
    this.scene.lane = lane.name;
    this.go(item.start_s, item.source, lane.name);
    say(`${nameOf(lane.name)}: ${words(item.label)}, ${span(item.start_s, item.end_s)}`);
  }

  #key(event) {
    const { lanes, now } = this.scene;
    const place = lanes.findIndex((lane) => lane.name === this.scene.lane);
    const turn = (by) => {
      const lane = lanes[(Math.max(place, by > 0 ? -1 : 0) + by + lanes.length) % lanes.length];
      if (!lane) return;
      this.scene.lane = lane.name;
      say(`${nameOf(lane.name)}, ${lane.items.length}`);
      this.draw();
    };
    const hop = (by) => {
      const lane = lanes[Math.max(0, place)];
      const item = by > 0 ? lane?.items.find((one) => one.start_s > now + 0.02) : lane?.items.findLast((one) => one.start_s < now - 0.02);
      if (item) this.#reach({ item, lane });
    };
    const acts = {
      ArrowUp: () => turn(-1), ArrowDown: () => turn(1), "[": () => hop(-1), "]": () => hop(1),
      ArrowLeft: () => this.go(now - 1), ArrowRight: () => this.go(now + 1), Home: () => this.go(0), End: () => this.go(this.duration),
      "+": () => this.zoom(ZOOM), "=": () => this.zoom(ZOOM), "-": () => this.zoom(1 / ZOOM), 0: () => this.zoom(0),
    };
    const act = event.ctrlKey || event.metaKey || event.altKey ? null : acts[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  }

  /** The same as text with buttons, for those who cannot see or hit the lanes. */
  #fillList() {
    this.list.querySelectorAll("section").forEach((section) => section.remove());
    this.list.append(...this.scene.lanes.map((lane) => h("section", {}, h("h4", {}, nameOf(lane.name)),
      h("ul", {}, lane.items.slice(0, 200).map((item) => h("li", {}, h("button", { type: "button", class: "quiet small", onclick: () => this.#reach({ item, lane }) },
        h("span", { class: "when" }, span(item.start_s, item.end_s)), h("span", { class: "cut" }, words(item.label)))))))));
  }
}
