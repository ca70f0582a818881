// The video with its own controls, so that overlays and keys work alike everywhere. A file that the browser cannot
// play is shown as single frames out of the server.

import { url } from "./api.js";
import { h, iconButton, notify, setIcon } from "./dom.js";
import { time } from "./format.js";

const STEP_S = 5;
const ROUNDING_S = 0.0005; // times are rounded: just before a frame the one before it would be shown
const SPEEDS = [0.25, 0.5, 1, 1.5, 2];

export class Player extends EventTarget {
  /** Tells "frame" for every picture that is shown, "seek" when the person went elsewhere. */
  constructor() {
    super();
    this.video = h("video", { playsinline: true, preload: "metadata", tabindex: -1 });
    this.still = h("img", { class: "still", alt: "", hidden: true });
    this.canvas = h("canvas", { class: "overlay", "aria-hidden": "true" });
    this.screen = h("div", { class: "screen", tabindex: 0, role: "group", "aria-label": "Player. Space plays and pauses, arrow keys go back and on." },
      this.video, this.still, this.canvas);
    this.playButton = iconButton("play", "Play", () => this.toggle());
    this.clock = h("span", { class: "clock" });
    this.muteButton = iconButton("sound", "Mute", () => this.mute());
    this.speed = h("select", { class: "speed", "aria-label": "Speed", onchange: () => { this.video.playbackRate = Number(this.speed.value); } },
      SPEEDS.map((speed) => h("option", { value: speed }, `${speed}×`)));
    this.speed.value = "1";
    this.controls = h("div", { class: "controls" },
      iconButton("back", "Frame back", () => this.step(-1)), this.playButton, iconButton("forward", "Frame forward", () => this.step(1)),
      this.clock, h("span", { class: "grow" }), this.speed, this.muteButton,
      iconButton("full", "Whole screen", () => this.fullScreen()));
    this.element = h("div", { class: "player" }, this.screen, this.controls);
    this.record = null;
    this.stills = false;
    this.#listen();
  }

  /** Opens a video of the library. `t_s` is where to begin. */
  load(record, t_s = 0) {
    this.record = record;
    this.stills = this.playButton.disabled = false;
    this.still.hidden = true;
    this.video.hidden = false;
    this.still_s = t_s;
    this.video.poster = url.poster(record.id);
    this.video.src = url.content(record.id);
    this.wanted = t_s;
    this.muteButton.hidden = record.has_audio === false;
    this.#shape(record.width, record.height);
    this.#tell();
  }

  close() {
    this.record = null;
    this.video.pause();
    this.video.removeAttribute("src");
    this.video.load();
  }

  get time() { return this.stills ? this.still_s : this.wanted ?? this.video.currentTime; }

  get duration() { return this.record?.duration_s || this.video.duration || 0; }

  get frame_s() { return 1 / (this.record?.fps || 25); }

  seek(t_s) {
    const goal = Math.min(Math.max(0, t_s), this.duration);
    if (this.stills) {
      this.still_s = goal;
      this.still.src = url.frame(this.record.id, Math.min(goal, this.duration - this.frame_s), 960);
    } else if (this.video.readyState > 0) {
      this.video.currentTime = goal + ROUNDING_S;
    } else {
      this.wanted = goal;
    }
    this.#tell();
    this.dispatchEvent(new Event("seek"));
  }

  toggle() {
    if (this.stills) return;
    if (this.video.paused) this.video.play().catch(() => {});
    else this.video.pause();
  }

  step(frames) {
    this.video.pause();
    this.seek(this.time + frames * this.frame_s);
  }

  mute() {
    this.video.muted = !this.video.muted;
    setIcon(this.muteButton, this.video.muted ? "muted" : "sound", this.video.muted ? "Sound on" : "Mute");
  }

  fullScreen() {
    if (document.fullscreenElement) document.exitFullscreen();
    else this.element.requestFullscreen?.();
  }

  /** One key; whether it was one of ours. */
  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return false;
    const acts = {
      " ": () => this.toggle(),
      k: () => this.toggle(),
      ArrowLeft: () => this.seek(this.time - (event.shiftKey ? this.frame_s : 1)),
      ArrowRight: () => this.seek(this.time + (event.shiftKey ? this.frame_s : 1)),
      j: () => this.seek(this.time - STEP_S),
      l: () => this.seek(this.time + STEP_S),
      ",": () => this.step(-1),
      ".": () => this.step(1),
      Home: () => this.seek(0),
      End: () => this.seek(this.duration),
      m: () => this.mute(),
      f: () => this.fullScreen(),
    };
    const act = acts[event.key];
    if (!act) return false;
    event.preventDefault();
    act();
    return true;
  }

  #listen() {
    const { video } = this;
    this.screen.addEventListener("keydown", (event) => this.key(event));
    this.screen.addEventListener("click", () => this.toggle());
    video.addEventListener("loadedmetadata", () => {
      this.#shape(video.videoWidth, video.videoHeight); // pixels need not be square
      if (this.wanted) video.currentTime = this.wanted + ROUNDING_S;
      this.wanted = undefined;
      this.#tell();
    });
    video.addEventListener("play", () => {
      setIcon(this.playButton, "pause", "Pause");
      this.#everyFrame();
    });
    video.addEventListener("pause", () => setIcon(this.playButton, "play", "Play"));
    for (const name of ["seeked", "timeupdate", "durationchange"]) video.addEventListener(name, () => this.#tell());
    video.addEventListener("error", () => this.#useStills());
    new ResizeObserver(() => this.#tell()).observe(this.screen);
  }

  /** Tells each picture while it plays; in step with what is shown where the browser says so. */
  #everyFrame() {
    const { video } = this;
    const next = (_now, frame) => {
      this.#tell(frame?.mediaTime);
      if (!video.paused && !video.ended) this.#everyFrame();
    };
    if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(next);
    else requestAnimationFrame(next);
  }

  #useStills() {
    if (!this.record || !this.video.getAttribute("src")) return;
    this.stills = this.playButton.disabled = true;
    this.video.hidden = true;
    this.still.hidden = false;
    this.#shape(this.record.width, this.record.height);
    notify("This browser cannot play the file; single frames are shown instead.");
    this.seek(this.wanted ?? this.still_s);
  }

  /** Width and height of the picture as it is shown. */
  #shape(width, height) {
    this.shape = [width || 16, height || 9];
    this.screen.style.aspectRatio = `${this.shape[0]} / ${this.shape[1]}`;
  }

  #tell(t_s = this.time) {
    this.clock.textContent = `${time(t_s)} / ${time(this.duration)}`;
    this.dispatchEvent(new CustomEvent("frame", { detail: t_s }));
  }
}
