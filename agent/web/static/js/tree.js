// How an answer was found: the search as a tree that folds, with values, visits and errors; the chosen way is marked.

import { evidencePicture, server, url } from "./api.js";
import { byId, h, icon } from "./dom.js";
import { plural, seconds, shortArgs } from "./format.js";
import { on, tell, titleOf } from "./state.js";
import { nodesOf } from "./search-nodes.js";

export function startTree(tabs) {
  const view = byId("search");
  let drawn = "";
  let wanted = "";
  const load = async () => {
    if (!wanted || wanted === drawn) return;
    drawn = wanted;
    view.replaceChildren(h("p", { class: "muted" }, "Loading…"));
    try {
      const found = await server.tree(drawn);
      view.replaceChildren(
        h("div", { class: "row tree-head" }, h("h2", { class: "tree-question grow" }, found.question),
          h("a", { href: url.tree(drawn), download: `${drawn}.html`, class: "small" }, "Save as a page")),
        ...found.trees.map(drawTree));
    } catch (error) {
      view.replaceChildren(h("div", { class: "empty" }, icon("tree"), error.message));
      drawn = "";
    }
  };
  const nothing = () => view.replaceChildren(h("div", { class: "empty" }, icon("tree"), "Ask something: here you see how the answer was searched for."));
  on("tree", (detail) => {
    wanted = detail?.trace_id ?? "";
    if (!wanted) {
      drawn = "";
      nothing();
    } else if (detail.show) {
      tabs.show("search");
      tell("pane", "stage");
    }
    if (!view.hidden) load();
  });
  nothing();
  return load;
}

function drawTree(tree) {
  const nodes = nodesOf(tree);
  const root = nodes.find((node) => node.parent === null) ?? nodes[0];
  const list = h("ul", { class: "tree", role: "tree", "aria-label": `Search in ${tree.title || titleOf(tree.video)}` },
    root?.children.map((node) => item(node, tree, 1)), root && untried(root, 1));
  const first = list.querySelector("[role='treeitem']");
  if (first) first.tabIndex = 0;
  list.addEventListener("keydown", (event) => steer(event, list));
  return h("section", { class: "tree-section" },
    h("h3", {}, tree.title || titleOf(tree.video), " ", h("small", {}, plural(nodes.length - 1, "step"))), list);
}

function item(node, tree, level) {
  const call = node.kind === "call";
  const below = [...node.children.map((child) => item(child, tree, level + 1)), ...untried(node, level + 1)];
  const inner = below.length ? h("ul", { role: "group" }, below) : null;
  const element = h("li", {
    role: "treeitem", class: `node ${node.in_answer ? "chosen" : ""}`, tabindex: -1, "aria-level": level,
    "aria-expanded": inner ? String(node.in_answer || level < 3) : null,
    "aria-label": `${node.in_answer ? "Chosen: " : ""}${call ? `${node.tool} ${shortArgs(node.arguments)}` : node.what}`,
  },
  h("div", { class: "node-card", onclick: () => fold(element) },
    inner && icon("chevron"), call ? callOf(node) : draftOf(node), numbers(node), pictureOf(node)),
  inner);
  if (inner) {
    element.querySelector(".icon").classList.add("chevron");
    inner.hidden = element.getAttribute("aria-expanded") === "false";
  }
  return element;
}

/** What was thought of at a node but not tried. */
function untried(node, level) {
  return (node.untried ?? []).map((offer) => h("li", { role: "treeitem", class: "node untried", tabindex: -1, "aria-level": level, "aria-label": `Not tried: ${offer.what}` },
    h("div", { class: "node-card" },
      h("div", { class: "node-text" }, h("p", { class: "muted" }, offer.what)), h("div", { class: "numbers" }, "not tried", h("span", {}, h("span", { class: "muted" }, "prior "), offer.prior.toFixed(2))))));
}

function callOf(node) {
  return h("div", { class: "node-text" },
    h("p", {}, h("span", { class: "tool-name" }, node.tool), " ", h("span", { class: "muted" }, shortArgs(node.arguments, 160))),
    node.state === "open" && h("p", { class: "muted" }, "was begun and did not end"),
    node.summary && h("p", { class: node.error_kind ? "bad" : "muted" }, node.error_kind ? `${node.error_kind}: ${node.summary}` : node.summary));
}

function draftOf(node) {
  return h("div", { class: "node-text" },
    h("p", {}, h("strong", {}, node.what || "no answer"), " ", node.status && h("span", { class: "badge" }, node.status)),
    node.reasons.length > 0 && h("p", { class: "muted" }, node.reasons.join(" · ")));
}

function numbers(node) {
  const show = (name, value) => Number.isFinite(value) && h("span", {}, h("span", { class: "muted" }, `${name} `), value.toFixed(2));
  return h("div", { class: "numbers" }, show("value", node.verdict?.value ?? node.value), show("prior", node.prior),
    node.visits > 0 && h("span", {}, plural(node.visits, "visit")), node.cached ? h("span", {}, "known") : node.seconds > 0 && h("span", {}, seconds(node.seconds)));
}

function pictureOf(node) {
  const place = node.kind === "call" && (node.evidence.find((one) => one.box) ?? node.evidence[0]);
  if (!place) return null;
  const image = h("img", { alt: "", loading: "lazy", width: 112, height: 64, src: evidencePicture(place, 240) });
  image.addEventListener("error", () => image.remove());
  return image;
}

function fold(element, open = element.getAttribute("aria-expanded") !== "true") {
  if (!element.hasAttribute("aria-expanded")) return;
  element.setAttribute("aria-expanded", String(open));
  element.lastElementChild.hidden = !open;
}

/** Keys of the ARIA tree pattern. */
function steer(event, list) {
  const here = event.target.closest("[role='treeitem']");
  const seen = [...list.querySelectorAll("[role='treeitem']")].filter((one) => one.offsetParent !== null);
  const place = seen.indexOf(here);
  const open = here.getAttribute("aria-expanded");
  let goal = null;
  switch (event.key) {
    case "ArrowDown": goal = seen[place + 1]; break;
    case "ArrowUp": goal = seen[place - 1]; break;
    case "Home": goal = seen[0]; break;
    case "End": goal = seen.at(-1); break;
    case "ArrowRight":
      if (open === "false") fold(here, true);
      else if (open === "true") goal = seen[place + 1];
      break;
    case "ArrowLeft":
      if (open === "true") fold(here, false);
      else goal = here.parentElement.closest("[role='treeitem']");
      break;
    case "Enter": case " ": fold(here); break;
    default: return;
  }
  event.preventDefault();
  if (!goal) return;
  here.tabIndex = -1;
  goal.tabIndex = 0;
  goal.focus();
}
