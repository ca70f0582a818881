// The keys of the page, in a dialog that "?" opens.

import { h, icon } from "./dom.js";

const KEYS = [
  ["Question", [["Enter", "ask"], ["Shift Enter", "a new line"]]],
  ["Player", [["Space, K", "play and pause"], ["← →", "one second back and on; a frame with Shift"], ["J L", "five seconds back and on"], [", .", "one frame back and on"], ["Home End", "to the beginning and the end"], ["M", "sound off and on"], ["F", "whole screen"]]],
  ["Timeline", [["← →", "one second back and on"], ["↑ ↓", "another lane"], ["[ ]", "the thing before and after in the lane"], ["+ − 0", "zoom in, out, all"]]],
  ["Search tree", [["↑ ↓ ← →", "move, fold and unfold"], ["Enter", "fold and unfold"]]],
  ["Memory", [["Ctrl Enter", "run the statement"]]],
  ["3D", [["← → ↑ ↓", "turn; move with Shift"], ["+ − 0", "zoom in, out, as at first"]]],
];

export function startHelp(button) {
  button.append(icon("help"));
  button.setAttribute("aria-label", "Keys");
  button.title = "Keys (?)";
  button.addEventListener("click", show);
  addEventListener("keydown", (event) => {
    if (event.key !== "?" || event.target.closest("input, textarea, select, dialog")) return;
    event.preventDefault();
    show();
  });
}

function show() {
  const dialog = h("dialog", { class: "dialog help", "aria-labelledby": "help-heading" },
    h("form", { method: "dialog" },
      h("div", { class: "row" }, h("h2", { id: "help-heading", class: "grow" }, "Keys"), h("button", { class: "small" }, "Close")),
      KEYS.map(([place, keys]) => h("section", {}, h("h3", {}, place),
        h("dl", {}, keys.map(([key, does]) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, does)]))))));
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
