// One file on its way to the server, in pieces, so that it can pause, go on after a lost connection or a reload.

import { ApiError, api, errorOf, part } from "./api.js";

const CHUNK_BYTES = 8 << 20; // of an upload that was begun before a reload
const LONGEST_WAIT_S = 30;
const TRY_AGAIN = new Set([0, 408, 429, 500, 502, 503, 504]);

/** state: waiting, sending, paused, retrying, done, failed, gone. Tells "change" of every change. */
export class Upload extends EventTarget {
  constructor(file) {
    super();
    this.file = file;
    this.state = "waiting";
    this.sent = 0;
    this.error = "";
    /** Seconds until the next try, while retrying. */
    this.wait_s = 0;
    /** The last answer: {video, job}. */
    this.result = null;
    this.request = null;
    this.key = `videre.upload:${file.name}:${file.size}:${file.lastModified}`;
  }

  /** Sends what is missing, until it is there, paused or hopeless. */
  async start() {
    this.id = null; // ask what is there: the piece of before a pause may have arrived in part
    this.#set("sending");
    for (let failures = 0; this.state === "sending" || this.state === "retrying";) {
      try {
        const before = this.sent;
        await this.#step();
        if (this.sent > before) failures = 0;
      } catch (error) {
        if (this.state !== "sending" && this.state !== "retrying") return;
        if (!(error instanceof ApiError)) throw error;
        if (!(await this.#recover(error, failures++))) return;
      }
    }
  }

  pause() {
    this.#set("paused");
    this.request?.abort();
    this.wake?.();
  }

  async cancel() {
    const id = localStorage.getItem(this.key);
    this.#set("gone");
    this.request?.abort();
    this.wake?.();
    localStorage.removeItem(this.key);
    if (id) await api(`/api/uploads/${part(id)}`, { method: "DELETE" }).catch(() => {});
  }

  async #step() {
    if (!this.id && (await this.#open())) return;
    const end = Math.min(this.file.size, this.sent + this.chunk_bytes);
    const answer = await this.#send(this.sent, this.file.slice(this.sent, end));
    this.sent = answer.offset;
    if (answer.video) this.#finish(answer);
    else this.#set(this.state === "retrying" ? "sending" : this.state);
  }

  #finish(answer) {
    this.result = answer;
    localStorage.removeItem(this.key);
    this.#set("done");
  }

  /** Finds the upload of before a reload, or begins one; true where all has come already. */
  async #open() {
    const known = localStorage.getItem(this.key);
    if (known) {
      try {
        const answer = await api(`/api/uploads/${part(known)}`);
        Object.assign(this, { id: known, sent: answer.offset, chunk_bytes: this.chunk_bytes ?? CHUNK_BYTES });
        if (answer.video) this.#finish(answer);
        return Boolean(answer.video);
      } catch (error) {
        if (error.status !== 404) throw error;
        localStorage.removeItem(this.key);
      }
    }
    const { id, offset, chunk_bytes } = await api("/api/uploads", {
      method: "POST",
      body: { name: this.file.name, size: this.file.size },
    });
    localStorage.setItem(this.key, id);
    Object.assign(this, { id, sent: offset, chunk_bytes });
    return false;
  }

  /** One piece. XMLHttpRequest, because fetch does not tell how much of a body has been sent. */
  #send(offset, piece) {
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      this.request = request;
      request.open("PATCH", `/api/uploads/${part(this.id)}`);
      request.setRequestHeader("Upload-Offset", String(offset));
      request.setRequestHeader("Content-Type", "application/offset+octet-stream");
      request.upload.onprogress = (event) => {
        this.sent = offset + event.loaded;
        this.dispatchEvent(new Event("change"));
      };
      request.onload = () => {
        if (request.status < 300) resolve(JSON.parse(request.responseText));
        else reject(errorOf(request.status, request.responseText, request.getResponseHeader("Retry-After")));
      };
      request.onerror = () => reject(new ApiError("The connection was lost.", 0));
      request.onabort = () => reject(new ApiError("Stopped.", 0));
      request.send(piece);
    });
  }

  /** Whether to go on after an error; waits before it says so. */
  async #recover(error, failures) {
    if (error.status === 404 && this.id && !failures) {
      localStorage.removeItem(this.key);
      this.id = null;
      return true;
    }
    if (error.status === 409 && this.id && failures < 5) {
      this.id = null; // ask anew how much is there
      return true;
    }
    if (!TRY_AGAIN.has(error.status)) {
      this.error = error.message;
      localStorage.removeItem(this.key);
      this.#set("failed");
      return false;
    }
    this.error = error.message;
    this.wait_s = Math.max(error.retryAfter, Math.min(LONGEST_WAIT_S, 2 ** failures));
    this.#set("retrying");
    await this.#sleep(this.wait_s);
    this.id = null;
    return this.state === "retrying";
  }

  /** Until the time is over, the network is back, or the person decides. */
  #sleep(duration_s) {
    return new Promise((resolve) => {
      const over = () => {
        clearTimeout(timer);
        removeEventListener("online", over);
        resolve();
      };
      const timer = setTimeout(over, duration_s * 1000);
      addEventListener("online", over);
      this.wake = over;
    });
  }

  #set(state) {
    this.state = state;
    this.dispatchEvent(new Event("change"));
  }
}
