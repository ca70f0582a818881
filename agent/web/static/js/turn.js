// A question and what comes of it: steps, progress, answer, or what it waits for.

import { answerCard } from "./answer.js";
import { bar, h, icon, say, setBar } from "./dom.js";
import { percent } from "./format.js";
import { tell, titleOf } from "./state.js";
import { Steps } from "./steps.js";

export class Turn {
  /** fields: {question, videos, options, trace_id, resolved?}; acts: {decide(agreed), resume(), again(), back()}. */
  constructor({ question, videos = [], options = [], trace_id, resolved = "" }, acts) {
    Object.assign(this, { question, videos, options, trace_id, acts });
    /** Whether an end of it is still to come. */
    this.open = false;
    this.steps = new Steps(trace_id);
    this.meaning = h("p", { class: "meaning", hidden: true });
    this.progress = h("div", { class: "progress", hidden: true },
      h("span", { class: "spinner" }), h("span", { class: "cut grow" }), bar("Progress of the question"));
    this.end = h("div", { class: "end" });
    this.element = h("li", { class: "turn" },
      h("div", { class: "asked" },
        h("p", { class: "asked-text" }, question),
        options.length > 0 && h("small", {}, options.join(" / ")),
        videos.length > 1 && h("small", {}, videos.map(titleOf).join(", "))),
      this.meaning, this.steps.element, this.progress, this.end);
    this.#mean(resolved);
  }

  begin() {
    this.open = true;
    this.end.replaceChildren();
    this.#show("Thinking", undefined);
    say("The question is being answered.");
  }

  /** One event of the server. */
  take(event) {
    if (event.trace_id) this.trace_id = this.steps.trace_id = event.trace_id;
    switch (event.event) {
      case "Progress": this.#show(event.text, event.share); break;
      case "Understood": this.#mean(event.resolved, event.why); break;
      case "Searched": this.#show(this.steps.take(event.video, event.step), undefined); break;
      case "Finished": this.answered(event.answer); say(`${this.question} ${event.answer.answer}`); break;
      case "NeedsApproval": this.waits(event); break;
      case "Failed": this.failed(event.error.message, true); break;
    }
  }

  answered(answer) {
    this.#close();
    this.answer = answer;
    if (answer.trace_id) this.steps.trace_id = answer.trace_id;
    this.steps.finish(answer);
    this.end.replaceChildren(answerCard(answer, this), h("button", {
      type: "button", class: "quiet small go-back", "aria-label": `Go back to the answer to ${this.question}`, onclick: () => this.acts.back(),
    }, icon("retry"), "Go back to here"));
    tell("answered", answer);
  }

  /** It needs a person's word (`action`), or only to be gone on with. */
  waits({ action, why }) {
    if (!action) {
      this.interrupted("This question was interrupted.");
      return;
    }
    this.#close();
    const agree = h("button", { type: "button", class: "primary", onclick: () => this.acts.decide(true) }, icon("check"), "Agree");
    const decline = h("button", { type: "button", onclick: () => this.acts.decide(false) }, "Decline");
    this.end.replaceChildren(h("div", { class: "card approval", role: "group", "aria-label": "Your approval is needed" },
      h("h3", {}, "May I?"), h("pre", { class: "action" }, action), h("p", {}, why), h("div", { class: "row" }, agree, decline)));
    say(`Your approval is needed: ${action}. ${why}`);
  }

  interrupted(text) {
    this.#close();
    this.#offer(text, [["Go on", this.acts.resume], ["Ask again", this.acts.again]]);
  }

  failed(text, again) {
    this.#close();
    this.#offer(text, again ? [["Try again", this.acts.again]] : [], "bad");
    say(text);
  }

  #offer(text, choices, kind = "") {
    this.end.replaceChildren(h("div", { class: "card halted" },
      h("p", { class: `row ${kind}` }, icon("warning"), h("span", { class: "grow" }, text)),
      choices.length > 0 && h("div", { class: "row" }, choices.map(([name, act]) => h("button", { type: "button", class: "small", onclick: () => act() }, name)))));
  }

  #mean(resolved, why = "") {
    const other = Boolean(resolved) && resolved !== this.question;
    this.meaning.hidden = !other;
    this.meaning.textContent = other ? `Taken to mean: ${resolved}${why ? ` (${why})` : ""}` : "";
  }

  #show(text, share) {
    this.progress.hidden = false;
    this.progress.children[1].textContent = share > 0 ? `${text} · ${percent(share)}` : text;
    setBar(this.progress.children[2], share);
  }

  #close() {
    this.open = false;
    this.progress.hidden = true;
    this.steps.close();
  }
}
