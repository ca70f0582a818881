// The view "3D": a point cloud or splats of a PLY file, turned by mouse, touch or keys.

import { OrbitCamera } from "./camera3d.js";
import { CloudPainter } from "./cloud-painter.js";
import { byId, h } from "./dom.js";
import { on, tell } from "./state.js";
import { readPly } from "./ply.js";

const camera = new OrbitCamera();
let painter = null;
let canvas = null;
let waiting = 0;
let shown = "";
let wanted = null;

export function startViewer(tabs) {
  on("solid", (detail) => {
    wanted = detail;
    if (detail.show) {
      tabs.reveal("solid", true);
      tabs.show("solid");
      tell("pane", "stage");
    }
    if (!byId("solid").hidden) open();
  });
  return open;
}

/** Loads what was asked for last, unless it is shown. */
async function open() {
  if (!wanted || wanted.url === shown) return draw();
  const { url, name } = wanted;
  shown = url;
  const said = h("p", { class: "muted", role: "status" }, "Loading…");
  build(name, said);
  try {
    const response = await fetch(url);
    if (!response.ok) throw new Error(`The file cannot be loaded (${response.status}).`);
    const cloud = readPly(await response.arrayBuffer());
    painter ??= new CloudPainter(canvas);
    camera.frame(cloud.positions);
    painter.show(cloud, (camera.radius * 1.1) / Math.cbrt(Math.max(1, cloud.count)) / 4);
    said.textContent = `${cloud.count.toLocaleString()} ${cloud.scales ? "splats" : "points"}`;
    draw();
  } catch (error) {
    said.textContent = error.message;
    said.classList.add("bad");
    shown = "";
  }
}

function build(name, said) {
  if (!canvas) {
    canvas = h("canvas", { class: "solid-canvas", tabindex: 0, role: "application", "aria-label": "3D model. Arrow keys turn it, with shift they move it, plus and minus zoom, 0 resets." });
    listen();
  }
  byId("solid").replaceChildren(
    h("div", { class: "row" }, h("h2", { class: "grow cut" }, name), said,
      h("button", { type: "button", class: "small", onclick: () => { camera.reset(); draw(); } }, "Reset")),
    canvas,
    h("small", {}, "Drag turns · right button, shift or two fingers move · wheel or pinch zooms"));
}

function draw() {
  if (!painter || waiting) return;
  waiting = requestAnimationFrame(() => {
    waiting = 0;
    const ratio = devicePixelRatio || 1;
    const [width, height] = [Math.round(canvas.clientWidth * ratio), Math.round(canvas.clientHeight * ratio)];
    if (!width || !height) return;
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    painter.draw(camera, width, height);
  });
}

function listen() {
  const fingers = new Map();
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, [event.offsetX, event.offsetY]);
  });
  canvas.addEventListener("pointermove", (event) => {
    const before = fingers.get(event.pointerId);
    if (!before) return;
    const now = [event.offsetX, event.offsetY];
    const moved = now.map((value, axis) => (value - before[axis]) / canvas.clientHeight);
    if (fingers.size === 2) {
      const other = [...fingers].find(([id]) => id !== event.pointerId)[1];
      const apart = (place) => Math.hypot(place[0] - other[0], place[1] - other[1]);
      camera.zoom(apart(now) / Math.max(1, apart(before)));
      camera.pan(moved[0] / 2, moved[1] / 2);
    } else if (event.shiftKey || event.buttons & 2) camera.pan(...moved);
    else camera.turn(-moved[0] * 4, moved[1] * 4);
    fingers.set(event.pointerId, now);
    draw();
  });
  for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, (event) => fingers.delete(event.pointerId));
  canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    camera.zoom(Math.exp(-event.deltaY / 500));
    draw();
  }, { passive: false });
  canvas.addEventListener("keydown", (event) => {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (way && event.shiftKey) camera.pan(way[0] * 0.05, way[1] * 0.05);
    else if (way) camera.turn(way[0] * 0.1, way[1] * 0.1);
    else if (event.key === "+" || event.key === "=") camera.zoom(1.15);
    else if (event.key === "-") camera.zoom(1 / 1.15);
    else if (event.key === "0") camera.reset();
    else return;
    event.preventDefault();
    draw();
  });
  new ResizeObserver(draw).observe(canvas);
}
