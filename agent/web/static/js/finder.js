// Search in what was seen and heard in all videos.

import { server, url } from "./api.js";
import { byId, h, say } from "./dom.js";
import { percent, plural, span, words } from "./format.js";
import { state, tell, titleOf } from "./state.js";
import { openVideo } from "./library.js";

const PAUSE_MS = 250;

export function startFinder() {
  const box = byId("library-search");
  let timer = 0;
  let running = null;
  const look = async () => {
    running?.abort();
    const text = box.value.trim();
    if (!text) {
      byId("hits").hidden = true;
      return;
    }
    running = new AbortController();
    try {
      show(await server.search(text, running.signal));
    } catch (error) {
      if (error.name !== "AbortError") fill(h("li", { class: "nothing" }, error.message));
    }
  };
  box.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(look, PAUSE_MS);
  });
  box.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      box.value = "";
      look();
    }
  });
}

function fill(...rows) {
  byId("hits").replaceChildren(...rows);
  byId("hits").hidden = false;
}

function show(hits) {
  say(plural(hits.length, "place was", "places were") + " found.");
  fill(...(hits.length ? hits.map(row) : [h("li", { class: "nothing" }, "Nothing like it was seen or heard.")]));
}

function row(hit) {
  const id = hit.video;
  const image = h("img", { class: "poster", alt: "", loading: "lazy", src: url.frame(id, hit.start_s, 160), width: 64, height: 40 });
  const go = () => {
    openVideo(id, hit.start_s);
    tell("seek", { video: id, start_s: hit.start_s, end_s: hit.end_s });
  };
  return h("li", {},
    h("button", { type: "button", class: "hit-button", onclick: go },
      image,
      h("span", { class: "said cut" }, words(hit.text)),
      h("small", { class: "cut" },
        `${state.videos.has(id) ? titleOf(id) : hit.title} · ${span(hit.start_s, hit.end_s)} · ${percent(hit.score)}`)));
}
