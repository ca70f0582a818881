// The screen that asks for the token of the server.

import { ApiError, server } from "./api.js";
import { byId, h } from "./dom.js";

/** Shows the screen until a token was taken. */
export function login() {
  const screen = byId("login");
  return new Promise((resolve) => {
    const wrong = h("p", { class: "bad", role: "alert" });
    const token = h("input", { type: "password", id: "token", autocomplete: "current-password", required: true });
    const enter = h("button", { class: "primary" }, "Enter");
    const form = h("form", {},
      h("h1", {}, h("img", { src: "favicon.svg", alt: "", width: 28, height: 28 }), "Videre"),
      h("label", { for: "token" }, "Token of this server"),
      token,
      h("small", {}, "Whoever started the server knows it: it is VIDERE_SERVER_TOKEN, or was given with --token."),
      wrong,
      enter);
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      enter.disabled = true;
      try {
        await server.login(token.value.trim());
        screen.hidden = true;
        resolve();
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        wrong.textContent = error.status === 401 ? "That is not the token." : error.message;
        token.select();
      } finally {
        enter.disabled = false;
      }
    });
    screen.replaceChildren(form);
    screen.hidden = false;
    byId("app").hidden = true;
    token.focus();
  });
}
