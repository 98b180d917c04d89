// SPDX-License-Identifier: MIT
// Notifications of the browser, of a chosen class or of all: only once somebody asks for them here, and only
// while a page of this server is open. What is chosen stays in this browser.
import { el, clock, modalities, plain } from "./tools.js";
import { live, on } from "./live.js";

const ANY = "*";
const SLOT = "notify-of";
const canBe = () => "Notification" in window && window.isSecureContext;
const wish = () => localStorage.getItem(SLOT) || "";

function tell({ event, isNew }) {
  const of = wish();
  if (!isNew || !of || (of !== ANY && of !== event.class) || !canBe() || Notification.permission !== "granted") return;
  try {
    const note = new Notification(`${plain(event.class)}, ${modalities[event.modality] || ""}`, { body: `${event.camera}, ${clock(event.begin)}`, tag: event.id, icon: "icon.svg" });
    note.onclick = () => {
      window.focus();
      location.hash = `#/event/${event.id}`;
      note.close();
    };
  } catch {
    // browsers of telephones give them to service workers alone; what is chosen says so when it is chosen
  }
}

export function begin() {
  on("event", tell);
}

// What they are of, to choose from, and what is to be said of it.
export function makeChoice() {
  const said = el("small", { role: "status" });
  const choice = el("select", { id: "notify", "aria-label": "notifications of this browser" });

  function fill() {
    const of = wish();
    const names = [...new Set([...(live.link.model?.classes || []), ...live.recent.map((event) => event.class), ...(of && of !== ANY ? [of] : [])])].sort();
    const wanted = ["", ANY, ...names];
    if (wanted.join() !== [...choice.options].map((option) => option.value).join()) {
      choice.replaceChildren(el("option", { value: "" }, "off"), el("option", { value: ANY }, "every event"), ...names.map((name) => el("option", { value: name }, plain(name))));
    }
    choice.value = canBe() && Notification.permission === "granted" ? of : "";
    choice.disabled = !canBe();
    if (!canBe()) said.textContent = "This browser gives them to pages with HTTPS alone.";
  }

  choice.addEventListener("change", async () => {
    const of = choice.value;
    const answer = of ? await Notification.requestPermission() : "granted";
    if (answer === "granted") localStorage.setItem(SLOT, of);
    else choice.value = "";
    said.textContent = answer === "granted" ? (of ? "While a page of this server is open." : "") : "The browser does not allow it: see the settings that it has for this page.";
  });
  fill();
  return { fill, node: el("div", { class: "tools notify" }, el("label", {}, "notify of", choice), said) };
}
