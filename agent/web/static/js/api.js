// The server, by HTTP: JSON in and out, and streams of events.

import { tell } from "./state.js";

/** What the server, or the way to it, says is wrong; status 0 = it could not be reached. */
export class ApiError extends Error {
  constructor(message, status, retryAfter = 0) {
    super(message);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

export const part = encodeURIComponent;

/** The query string of what is given. */
export function query(fields) {
  const given = Object.entries(fields).filter(([, value]) => value !== undefined && value !== null && value !== "");
  return given.length ? `?${new URLSearchParams(given)}` : "";
}

/** JSON of a path. Throws ApiError; a request that is given up throws AbortError. */
export async function api(path, { method = "GET", body, signal } = {}) {
  const response = await request(path, { method, body, signal });
  return response.status === 204 ? null : response.json();
}

async function request(path, { method, body, signal, accept }) {
  const headers = {};
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (accept) headers.Accept = accept;
  let response;
  try {
    response = await fetch(path, { method, headers, signal, body: body === undefined ? undefined : JSON.stringify(body) });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError("The server cannot be reached.", 0);
  }
  if (!response.ok) throw await failure(response);
  return response;
}

async function failure(response) {
  if (response.status === 401) tell("login");
  return errorOf(response.status, await response.text().catch(() => ""), response.headers.get("Retry-After"));
}

/** The error of an answer of the server with this status and body. */
export function errorOf(status, text, retryAfter) {
  let message = `The server answered ${status}.`;
  try {
    message = JSON.parse(text).error.message || message;
  } catch {
    // no JSON: a proxy in between may have answered
  }
  return new ApiError(message, status, Number(retryAfter) || 0);
}

/** Events of a stream, {event, data} with data as JSON, until it ends. Throws as `api` does. */
export async function* stream(path, { method = "GET", body, signal } = {}) {
  const response = await request(path, { method, body, signal, accept: "text/event-stream" });
  try {
    yield* parsed(response.body.pipeThrough(new TextDecoderStream()).getReader());
  } catch (error) {
    if (error.name === "AbortError" || signal?.aborted) throw new DOMException("given up", "AbortError");
    throw error instanceof ApiError ? error : new ApiError("The connection was lost.", 0);
  }
}

/** Server-sent events (HTML standard, 9.2.6), of chunks that may end anywhere. */
export async function* parsed(reader) {
  let rest = "";
  let event = "";
  let data = [];
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const lines = (rest + value).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop();
    for (const line of lines) {
      if (line === "") {
        if (data.length) yield { event: event || "message", data: JSON.parse(data.join("\n")) };
        event = "";
        data = [];
      } else if (!line.startsWith(":")) {
        const colon = line.indexOf(":");
        const field = colon < 0 ? line : line.slice(0, colon);
        const text = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
        if (field === "event") event = text;
        else if (field === "data") data.push(text);
      }
    }
  }
}

const video = (id) => `/api/videos/${part(id)}`;

/** A box belongs to the first moment of its interval; without one the middle shows more. */
const shownAt = ({ start_s, end_s, box }) => (box ? start_s : (start_s + end_s) / 2);

/** Addresses of pictures and files, for elements that load by themselves. */
export const url = {
  content: (id) => `${video(id)}/content`,
  tree: (trace_id) => `/api/searches/${part(trace_id)}?format=html`,
  poster: (id) => `${video(id)}/poster.jpg`,
  frame: (id, t_s, width, box) =>
    `${video(id)}/frame${query({ t_s: t_s.toFixed(3), width, box: box?.map((edge) => Math.max(0, Math.round(edge))).join(",") })}`,
};

/** Address of the picture of a piece of evidence. */
export const evidencePicture = (item, width) => url.frame(item.video, shownAt(item), width, item.box);

export const server = {
  session: () => api("/api/session"),
  login: (token) => api("/api/login", { method: "POST", body: { token } }),
  videos: async () => (await api("/api/videos")).videos,
  removeVideo: (id) => api(video(id), { method: "DELETE" }),
  timeline: (id, signal) => api(`${video(id)}/timeline`, { signal }),
  observations: async (id, entity_id, signal) =>
    (await api(`${video(id)}/observations${query({ entity_id, limit: 5000 })}`, { signal })).observations,
  search: async (q, signal) => (await api(`/api/search${query({ q, limit: 20 })}`, { signal })).hits,
  job: (id) => api(`/api/jobs/${part(id)}`),
  jobEvents: (id, signal) => stream(`/api/jobs/${part(id)}/events`, { signal }),
  cancelJob: (id) => api(`/api/jobs/${part(id)}`, { method: "DELETE" }),
  threads: async () => (await api("/api/threads")).threads,
  thread: (name) => api(`/api/threads/${part(name)}`),
  forget: (name) => api(`/api/threads/${part(name)}`, { method: "DELETE" }),
  ask: (name, body, signal) => stream(`/api/threads/${part(name)}/ask`, { method: "POST", body, signal }),
  decide: (name, agreed, signal) =>
    stream(`/api/threads/${part(name)}/decide`, { method: "POST", body: { agreed }, signal }),
  resume: (name, signal) => stream(`/api/threads/${part(name)}/resume`, { method: "POST", body: {}, signal }),
  points: async (name) => (await api(`/api/threads/${part(name)}/points`)).points,
  back: (name, point) => api(`/api/threads/${part(name)}/back`, { method: "POST", body: { point } }),
  sql: (id, statement) => api(`${video(id)}/sql`, { method: "POST", body: { statement } }),
  tree: (trace_id) => api(`/api/searches/${part(trace_id)}`),
  tools: async () => (await api("/api/tools")).tools,
  tool: (name) => api(`/api/tools/${part(name)}`),
  runTool: (name, body) => api(`/api/tools/${part(name)}`, { method: "POST", body }),
};
