// Elements without HTML text: whatever is put in is text, so words out of videos can never become markup.

const SVG = "http://www.w3.org/2000/svg";

/** h("button", {class: "quiet", onclick: go, "aria-label": "Go"}, "Go"): an element; null and false children are left out. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "data") Object.assign(element.dataset, value);
    else if (name === "value" || name === "checked") element[name] = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** One of those at the end of index.html; it says nothing to screen readers, the label of its button does. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#icon-${name}`);
  svg.append(use);
  return svg;
}

/** Something that folds under a line. */
export function folded(line, attributes, ...children) {
  const sign = icon("chevron");
  sign.classList.add("chevron");
  return h("details", attributes, h("summary", { class: "fold" }, sign, line), ...children);
}

/** A button that shows an icon only. */
export function iconButton(name, label, onclick, attributes = {}) {
  return h("button", { type: "button", class: "icon-button", "aria-label": label, title: label, onclick, ...attributes },
    icon(name));
}

/** Another icon, and maybe another label, on a button of `iconButton`. */
export function setIcon(button, name, label) {
  button.querySelector("use").setAttribute("href", `#icon-${name}`);
  if (label) {
    button.setAttribute("aria-label", label);
    button.title = label;
  }
}

export const byId = (id) => document.getElementById(id);

/** A bar of a share 0..1, or one that only says that something is being done where the share is 0 or none. */
export function bar(label, share) {
  const element = h("progress", { max: 1, "aria-label": label });
  setBar(element, share);
  return element;
}

export function setBar(element, share) {
  if (share > 0) element.value = Math.min(1, share);
  else element.removeAttribute("value");
}

/** Says something to screen readers, without a change to be seen. */
export function say(text) {
  byId("spoken").textContent = text;
}

/** A line at the edge of the page that goes by itself; errors stay longer, and interrupt screen readers. */
export function notify(text, kind = "info") {
  const note = h("div", { class: `note ${kind}`, role: kind === "error" ? "alert" : "status" }, h("span", {}, text),
    iconButton("close", "Close this message", () => note.remove()));
  byId("notes").append(note);
  setTimeout(() => note.remove(), kind === "error" ? 12000 : 5000);
}

/** Asks whether to go on; true where the person agrees. */
export function confirmed(question, detail, verb) {
  return new Promise((resolve) => {
    const dialog = h("dialog", { class: "dialog", "aria-labelledby": "dialog-question" },
      h("form", { method: "dialog" },
        h("h2", { id: "dialog-question" }, question),
        h("p", {}, detail),
        h("div", { class: "row end" },
          h("button", { value: "no", class: "quiet" }, "Keep"),
          h("button", { value: "yes", class: "danger" }, verb))));
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
