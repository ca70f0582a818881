// The steps of a search as rows that open: which tool, with what, how long, what came of it, and a picture of it.

import { evidencePicture, server } from "./api.js";
import { folded, h } from "./dom.js";
import { plural, readCall, seconds, shortArgs } from "./format.js";
import { titleOf } from "./state.js";
import { nodesOf } from "./search-nodes.js";

export class Steps {
  constructor(trace_id) {
    this.trace_id = trace_id;
    this.rows = new Map(); // "video/node" -> row
    this.list = h("ol", { class: "steps" });
    this.title = h("span", {}, "Steps");
    this.element = folded(this.title, { class: "steps-box", hidden: true }, this.list);
    this.element.addEventListener("toggle", () => this.element.open && this.#load());
  }

  /** One step of planners.trace; gives what is being done now, in words. */
  take(video, step) {
    const key = `${video}/${step.node_id}`;
    if (step.step === "Called") {
      const { tool, args } = readCall(step.call);
      this.#add(key, new Row(video, tool, args ?? { call: step.call }));
      return `${tool} is at work`;
    }
    if (step.step === "Observed") {
      this.rows.get(key)?.observed({ summary: step.summary, error_kind: step.error_kind, cached: step.cached, seconds: step.cost.seconds, evidence: step.evidence });
      return "Thinking about what was found";
    }
    if (step.step === "Scored") return `Checked: ${step.answer}`;
    return "Thinking";
  }

  #add(key, row) {
    const before = this.rows.get(key); // the same call, of before an interruption
    if (before) before.element.replaceWith(row.element);
    else this.list.append(row.element);
    this.rows.set(key, row);
    if (this.element.hidden) {
      this.element.hidden = false;
      this.element.open = true;
    }
    this.#count();
  }

  #count(total_s) {
    this.title.textContent = plural(this.rows.size, "step") + (total_s === undefined ? "" : ` · ${seconds(total_s)}`);
  }

  /** The answer is there: rows get pictures of its evidence, and fold. */
  finish(answer) {
    for (const row of this.rows.values()) {
      if (!row.evidence.length) row.evidence = answer.evidence.filter((item) => item.tool === row.tool && item.video === row.video);
    }
    this.total_s = answer.cost?.seconds;
    this.calls = answer.cost?.tool_calls ?? 0;
    this.element.open = false;
    this.element.hidden = !this.rows.size && !this.calls;
    if (this.rows.size) this.#count(this.total_s);
    else this.title.textContent = `${plural(this.calls, "step")} · ${seconds(this.total_s)}`;
  }

  close() {
    for (const row of this.rows.values()) row.leave();
  }

  /** Steps of an answer of an earlier visit, out of its search tree. */
  async #load() {
    if (this.rows.size || this.loading) return;
    this.loading = true;
    try {
      const { trees } = await server.tree(this.trace_id);
      for (const tree of trees) {
        for (const node of nodesOf(tree)) {
          if (node.kind !== "call") continue;
          const row = new Row(tree.video, node.tool, node.arguments);
          if (node.state === "open") row.leave();
          else row.observed(node);
          this.#add(`${tree.video}/${node.id}`, row);
        }
      }
      if (!this.rows.size) throw new Error("No steps were kept.");
      this.#count(this.total_s);
    } catch (error) {
      this.list.replaceChildren(h("li", { class: "nothing" }, error.message));
    } finally {
      this.loading = false;
    }
  }
}

class Row {
  constructor(video, tool, args) {
    Object.assign(this, { video, tool, args, evidence: [] });
    this.mark = h("span", { class: "mark working", role: "img", "aria-label": "at work" });
    this.took = h("span", { class: "took" });
    this.short = h("span", { class: "short cut" }, shortArgs(args));
    this.result = h("p", { class: "result cut" });
    this.body = h("div", { class: "step-body" });
    this.details = h("details", {},
      h("summary", {}, this.mark, h("span", { class: "tool-name" }, tool), this.short, this.took, this.result), this.body);
    this.details.addEventListener("toggle", () => this.details.open && this.#fill());
    this.element = h("li", { class: "step" }, this.details);
  }

  observed({ summary, error_kind, cached, seconds: took_s, evidence }) {
    const failed = Boolean(error_kind);
    this.#sign(failed ? "failed" : "done", failed ? "failed" : "done");
    this.took.textContent = cached ? "known" : seconds(took_s);
    this.result.textContent = summary || "";
    this.result.classList.toggle("bad", failed);
    this.summary = failed ? `${error_kind}: ${summary}` : summary;
    this.evidence = evidence ?? [];
    if (this.details.open) this.#fill();
  }

  leave() {
    if (this.mark.classList.contains("working")) this.#sign("left", "was not finished");
  }

  #sign(kind, label) {
    this.mark.className = `mark ${kind}`;
    this.mark.setAttribute("aria-label", label);
  }

  #fill() {
    const place = this.evidence.find((item) => item.box) ?? this.evidence[0];
    const picture = place && h("img", {
      class: "step-picture",
      loading: "lazy",
      alt: `What ${this.tool} found in ${titleOf(place.video)}`,
      src: evidencePicture(place, 480),
    });
    picture?.addEventListener("error", () => picture.remove());
    this.body.replaceChildren(...[
      this.video && h("small", {}, titleOf(this.video)),
      h("pre", {}, JSON.stringify(this.args, null, 2)),
      this.summary && h("p", {}, this.summary),
      picture,
    ].filter(Boolean));
  }
}
