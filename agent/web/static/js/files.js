// Files that tools made: shown where the browser can, else to be downloaded; and the list of those of a conversation.

import { byId, h, icon } from "./dom.js";
import { on, tell } from "./state.js";

const KIND = { image: "picture", video: "video", audio: "sound", table: "table", text: "text", model3d: "3D model" };

const nameOf = (file) => decodeURIComponent((file.url ?? file.path).split("/").pop());
const isCloud = (file) => /\.ply$/i.test(nameOf(file));

/** A card of one artefact {url, path, kind, description}. */
export function fileCard(file) {
  const name = nameOf(file);
  const shown = file.url && preview(file, name);
  return h("figure", { class: "file" },
    shown,
    h("figcaption", { class: "row" },
      icon(file.kind === "model3d" ? "cube" : "file"),
      h("span", { class: "grow" }, h("span", { class: "file-name cut" }, name), h("small", {}, file.description || KIND[file.kind] || file.kind)),
      isCloud(file) && file.url && h("button", { type: "button", class: "small", onclick: () => tell("solid", { url: file.url, name, show: true }) }, "View in 3D"),
      file.url && h("a", { class: "icon-button button", href: file.url, download: name, "aria-label": `Download ${name}`, title: "Download" }, icon("download"))));
}

function preview(file, name) {
  const about = file.description || name;
  if (file.kind === "image") return h("img", { src: file.url, alt: about, loading: "lazy" });
  if (file.kind === "video") return h("video", { src: file.url, controls: true, preload: "metadata", playsinline: true, "aria-label": about });
  if (file.kind === "audio") return h("audio", { src: file.url, controls: true, preload: "metadata", "aria-label": about });
  return null;
}

/** Fills the view "Files" with those of the answers that are shown, and of tools that were run by hand. */
export function startFiles(tabs) {
  let answered = [];
  let made = [];
  const draw = () => {
    const files = [...made, ...answered].reverse();
    byId("artifacts").replaceChildren(files.length
      ? h("div", { class: "files" }, files.map(fileCard))
      : h("div", { class: "empty" }, icon("file"), "Files that answers and tools make are collected here: clips, pictures, tables, 3D models."));
    const cloud = files.find((file) => isCloud(file) && file.url);
    tabs.reveal("solid", Boolean(cloud));
    if (cloud) tell("solid", { url: cloud.url, name: nameOf(cloud), show: false });
  };
  on("thread", () => { answered = []; draw(); });
  on("answered", (answer) => { answered.push(...(answer.artifacts ?? [])); draw(); });
  on("made", (files) => { made.push(...files); draw(); });
  draw();
}
