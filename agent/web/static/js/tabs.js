// Tabs after the ARIA pattern: one in the tab order, arrows move and choose.

import { h } from "./dom.js";

/** views: [{id, name, hidden?}]; the panels are the elements of these ids. Gives {show(id), reveal(id, seen), shown()}. */
export function tabs(list, views, onshow = () => {}) {
  const buttons = new Map();
  let current = views[0].id;

  function show(id, focus = false) {
    current = id;
    for (const [name, button] of buttons) {
      const chosen = name === id;
      button.setAttribute("aria-selected", String(chosen));
      button.tabIndex = chosen ? 0 : -1;
      document.getElementById(name).hidden = !chosen;
    }
    if (focus) buttons.get(id).focus();
    onshow(id);
  }

  function move(event) {
    const open = [...buttons].filter(([, button]) => !button.hidden).map(([id]) => id);
    const place = open.indexOf(current);
    const goal = { ArrowRight: place + 1, ArrowLeft: place - 1, Home: 0, End: open.length - 1 }[event.key];
    if (goal === undefined) return;
    event.preventDefault();
    show(open[(goal + open.length) % open.length], true);
  }

  for (const { id, name, hidden } of views) {
    const button = h("button", { type: "button", role: "tab", id: `tab-${id}`, "aria-controls": id, hidden, onclick: () => show(id) }, name);
    const panel = document.getElementById(id);
    panel.setAttribute("role", "tabpanel");
    panel.setAttribute("aria-labelledby", `tab-${id}`);
    panel.tabIndex = 0;
    buttons.set(id, button);
    list.append(button);
  }
  list.addEventListener("keydown", move);
  show(current);
  return {
    show,
    reveal: (id, seen) => { buttons.get(id).hidden = !seen; },
    shown: () => current,
  };
}
