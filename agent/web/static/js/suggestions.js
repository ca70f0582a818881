// First questions, made of what the timeline of the open video holds.

import { words } from "./format.js";
import { on, state } from "./state.js";

const MOST = 5;
let timeline = null;

on("timeline", (detail) => { timeline = detail; });

/** Texts of questions that can be answered. */
export function suggestions() {
  if (state.chosen.size > 1) return ["Which video is the longest?", "Which video has the most shots?", "Which video has people in it?"];
  const lane = (name) => (timeline && state.chosen.has(state.open) && timeline.lanes.find((one) => one.name === name)?.items) || [];
  const asked = [];
  const text = lane("text").map((item) => words(item.label)).find((label) => /^[\p{L}\p{N} ,.!?-]{3,40}$/u.test(label));
  if (text) asked.push(`When does the text '${text}' appear?`);
  if (lane("people").length) asked.push("How many people are there?");
  if (lane("speech").length) asked.push("What is said?");
  const thing = lane("things").map((item) => /^(red|blue|green|yellow|black|white|orange|purple|pink|brown|grey) moving/.exec(words(item.label))?.[1]).find(Boolean);
  if (thing) asked.push(`In which direction does the ${thing} thing move?`);
  if (lane("shots").length > 1) asked.push("How many shots are there?");
  return [...asked, "Is the camera moving?", "Is there music or silence?"].slice(0, MOST);
}
