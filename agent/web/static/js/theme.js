// Light, dark, or as the system has it; what was chosen is kept.

import { iconButton } from "./dom.js";
import { tell } from "./state.js";

const KEY = "videre.theme";
const NEXT = { system: "light", light: "dark", dark: "system" };
const ICON = { system: "auto", light: "sun", dark: "moon" };
const system = matchMedia("(prefers-color-scheme: dark)");

let choice = localStorage.getItem(KEY) in NEXT ? localStorage.getItem(KEY) : "system";

function apply() {
  const dark = choice === "dark" || (choice === "system" && system.matches);
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  tell("theme");
}

export function startTheme(button) {
  system.addEventListener("change", apply);
  const show = () => {
    const drawn = iconButton(ICON[choice], `Colours: ${choice === "system" ? "as the system" : choice}`);
    button.replaceChildren(...drawn.children);
    button.setAttribute("aria-label", drawn.getAttribute("aria-label"));
    button.title = drawn.title;
  };
  button.addEventListener("click", () => {
    choice = NEXT[choice];
    localStorage.setItem(KEY, choice);
    apply();
    show();
  });
  apply();
  show();
}
