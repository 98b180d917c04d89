// SPDX-License-Identifier: MIT
// What keys do, on this page and on all of them: a dialog, by `?`.
import { el } from "./tools.js";

const everywhere = (pages) => [[pages.map((_, i) => String(i + 1)), pages.map((page) => page.title).join(", ")], [["Tab"], "to the next thing that can be used"], [["d"], "dark or light"], [["?"], "this list"], [["Esc"], "closes it"]];

const rowsOf = (hints) => hints.flatMap(([keys, text]) => [el("dt", {}, keys.map((key) => el("kbd", {}, key))), el("dd", {}, text)]);

// hints: [[key, ...], what it does] of the page that is shown. Who had the focus has it afterwards.
export function showKeys(title, hints, pages) {
  const close = el("button", { type: "button", class: "main", onclick: () => dialog.close() }, "Close");
  const dialog = el("dialog", { class: "card pad", "aria-labelledby": "keys-title" }, el("h2", { id: "keys-title" }, "Keys"),
    hints.length > 0 ? [el("h3", {}, `On this page: ${title}`), el("dl", { class: "keylist" }, rowsOf(hints))] : null,
    el("h3", {}, "On every page"), el("dl", { class: "keylist" }, rowsOf(everywhere(pages))), close);
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (click) => { if (click.target === dialog) dialog.close(); }); // beside it
  document.body.append(dialog);
  dialog.showModal();
  close.focus();
}
