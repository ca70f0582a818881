// The list of uploads: by button, or dropped anywhere on the page; one file is sent at a time.

import { bar, byId, h, iconButton, notify, say, setIcon } from "./dom.js";
import { bytes, percent } from "./format.js";
import { tell } from "./state.js";
import { Upload } from "./upload.js";

const queue = [];

export function startUploads() {
  const files = byId("files");
  byId("upload").addEventListener("click", () => files.click());
  files.addEventListener("change", () => {
    add(files.files);
    files.value = "";
  });
  startDrop();
  addEventListener("beforeunload", (event) => {
    if (queue.some((upload) => upload.state === "sending")) event.preventDefault();
  });
}

function startDrop() {
  const veil = byId("drop");
  const holdsFiles = (event) => [...event.dataTransfer.types].includes("Files");
  let depth = 0;
  addEventListener("dragenter", (event) => {
    if (!holdsFiles(event)) return;
    depth += 1;
    veil.hidden = false;
  });
  addEventListener("dragleave", (event) => {
    if (holdsFiles(event)) depth = Math.max(0, depth - 1);
    veil.hidden = depth === 0;
  });
  addEventListener("dragover", (event) => {
    if (holdsFiles(event)) event.preventDefault();
  });
  addEventListener("drop", (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    depth = 0;
    veil.hidden = true;
    add(event.dataTransfer.files);
  });
}

function add(files) {
  for (const file of files) {
    if (file.size === 0) {
      notify(`${file.name} is empty.`, "error");
      continue;
    }
    const upload = new Upload(file);
    queue.push(upload);
    byId("uploads").append(line(upload));
  }
  next();
}

/** Sends the first that waits, unless one is being sent. */
function next() {
  if (queue.some((upload) => upload.state === "sending" || upload.state === "retrying")) return;
  queue.find((upload) => upload.state === "waiting")?.start();
}

function line(upload) {
  const { file } = upload;
  const progress = bar(`Upload of ${file.name}`);
  progress.value = 0;
  const said = h("small", {});
  const pause = iconButton("pause", `Pause the upload of ${file.name}`, () => {
    if (upload.state === "sending" || upload.state === "retrying") upload.pause();
    else if (upload.state === "paused" || upload.state === "failed") upload.start();
    next();
  });
  const element = h("li", { class: "upload" },
    h("span", { class: "name cut", title: file.name }, file.name),
    pause,
    iconButton("close", `Give up the upload of ${file.name}`, () => upload.cancel()),
    progress, said);

  function show() {
    const share = upload.sent / file.size;
    progress.value = share;
    const halted = upload.state === "paused" || upload.state === "failed";
    setIcon(pause, halted ? (upload.state === "failed" ? "retry" : "play") : "pause",
      `${halted ? (upload.state === "failed" ? "Try again" : "Go on with") : "Pause"} the upload of ${file.name}`);
    pause.hidden = upload.state === "waiting";
    said.className = upload.state === "failed" ? "bad" : "";
    said.textContent = {
      waiting: `waits · ${bytes(file.size)}`,
      sending: share < 1 ? `${percent(share)} of ${bytes(file.size)}` : "is being checked",
      paused: `paused at ${percent(share)}`,
      retrying: `${upload.error} Trying again in ${Math.round(upload.wait_s)} s.`,
      failed: upload.error,
    }[upload.state] ?? "";
    if (upload.state === "done" || upload.state === "gone") finish();
    if (upload.state === "failed") {
      notify(`${file.name}: ${upload.error}`, "error");
      next();
    }
  }

  function finish() {
    element.remove();
    queue.splice(queue.indexOf(upload), 1);
    if (upload.state === "done") {
      say(`${file.name} is uploaded and is being watched.`);
      tell("uploaded", upload.result.video);
    }
    next();
  }

  upload.addEventListener("change", show);
  show();
  return element;
}
