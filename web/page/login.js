// SPDX-License-Identifier: MIT
// Logging in, and out.
import { el, ask } from "./tools.js";

// Calls done once somebody is logged in.
export function show(main, done) {
  const name = el("input", { type: "text", id: "login-name", name: "username", autocomplete: "username", autocapitalize: "none", spellcheck: "false", maxlength: "31", required: true });
  const password = el("input", { type: "password", id: "login-password", name: "password", autocomplete: "current-password", maxlength: "256", required: true });
  const said = el("p", { class: "said", role: "alert" });
  const button = el("button", { type: "submit", class: "main", id: "login" }, "Log in");
  const form = el("form", { class: "card pad login" }, el("h1", {}, "Log in"),
    el("label", { for: "login-name" }, "Name"), name, el("label", { for: "login-password" }, "Password"), password, said, button,
    el("p", { class: "soft hint" }, "No name here yet? The admin of this server gives you one (tyto user add)."));
  let timer = null;

  function setBusy(isBusy) {
    button.disabled = name.readOnly = password.readOnly = isBusy;
  }

  // What is too often or too much at once is tried again by itself, when the server says that it may.
  function wait(seconds, text) {
    if (seconds <= 0) {
      send();
      return;
    }
    said.textContent = `${text}: goes on in ${seconds} s`;
    timer = setTimeout(() => wait(seconds - 1, text), 1000);
  }

  async function send() {
    setBusy(true);
    said.textContent = "";
    try {
      await ask("/api/login", { name: name.value.trim().toLowerCase(), password: password.value });
      form.remove();
      done();
    } catch (error) {
      if (error.data?.wait_s) {
        wait(error.data.wait_s, error.message);
        return;
      }
      setBusy(false);
      said.textContent = error.message;
      password.select();
    }
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send();
  });
  main.replaceChildren(form);
  document.title = "Log in · tyto";
  name.focus();
  return () => clearTimeout(timer);
}

export async function out() {
  await ask("/api/logout", {});
}
