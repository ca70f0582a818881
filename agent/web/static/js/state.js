// What several parts of the page share, and how they tell one another of changes.

export const state = {
  /** Answer of /api/session. */
  session: null,
  /** Answer of /api/videos, by id, the latest first. */
  videos: new Map(),
  /** Ids of the videos that the next question is about. */
  chosen: new Set(),
  /** Id of the video in the player, "" for none. */
  open: "",
  /** Name of the conversation that is shown. */
  thread: "",
  /** Names of conversations that were begun here and have no question yet: the server knows nothing of them. */
  fresh: new Set(),
  /** Evidence of the answer that is looked at. */
  evidence: [],
};

const bus = new EventTarget();

/** Names: videos, chosen, open, ready, uploaded (the library); thread, threads, answered, evidence, tree (questions);
 * seek, timeline (the player); made, solid (files); pane, theme, login. */
export function tell(name, detail) {
  bus.dispatchEvent(new CustomEvent(name, { detail }));
}

export function on(name, listener) {
  bus.addEventListener(name, (event) => listener(event.detail));
}

export const titleOf = (id) => {
  const video = state.videos.get(id);
  return video ? video.name || video.title || id : id;
};

export function choose(ids) {
  state.chosen = new Set([...ids].filter((id) => state.videos.has(id)));
  tell("chosen");
}
