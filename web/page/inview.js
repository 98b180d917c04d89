// SPDX-License-Identifier: MIT
// Below the timeline: the events that it shows, as a list to go through and as a table to take along; or, where
// it shows none, why, and what to do.
import { el, keeping, lasting } from "./tools.js";
import { live, now } from "./live.js";
import { eventItem } from "./now.js";

const MAX_LISTED = 24;
const DELAY_MS = 200; // after the last change

// {node, show(events of the filters, all events)}; view: {end, span}; go(ms), clear(): where its buttons lead.
export function makeInView({ view, go, clear, query }) {
  const title = el("h2", { class: "pad" }), list = el("ul", { class: "list many", id: "in-view" });
  const node = el("section", { class: "card below" }, title, list);
  let timer = 0, told = "";

  function why(shown, all, begin) {
    if (all.length === 0) {
      return [el("p", {}, "No event is known yet."), el("p", { class: "soft" }, live.cameras.size === 0 ? "No camera is known either: Health says how tytod is." : "They come by themselves once a camera hears or sees what the model knows. Nothing for a long time? Thresholds shows how many events lower ones would have given, Health whether cameras bring sound and picture."),
        el("div", { class: "tools" }, el("a", { class: "button", href: "#/now" }, "Now"), el("a", { class: "button", href: "#/health" }, "Health"))];
    }
    if (shown.length === 0) return [el("p", {}, "No event is like that."), el("button", { type: "button", id: "clear", onclick: clear }, "Show all events")];
    const before = shown.findLast((event) => event.begin < begin), after = shown.find((event) => event.begin > view.end);
    const jump = (event, text) => event && el("button", { type: "button", onclick: () => go(event.begin) }, text);
    return [el("p", {}, "Nothing in this time."), el("div", { class: "tools" }, jump(before, `The one before, ${before && lasting(begin - before.begin)} earlier`), jump(after, `The one after, ${after && lasting(after.begin - view.end)} later`))];
  }

  function draw(shown, all) {
    const begin = view.end - view.span;
    const inside = shown.filter((event) => event.begin < view.end && (event.end || now()) > begin).reverse();
    const what = inside.slice(0, MAX_LISTED).map((event) => `${event.id}${event.end}${event.modality}`).join() + inside.length + query() + (inside.length ? "" : `${shown.length} ${all.length} ${Math.round(begin / view.span)}`);
    if (what === told) return;
    told = what;
    title.textContent = inside.length > MAX_LISTED ? `In this time: the last ${MAX_LISTED} of ${inside.length.toLocaleString()}` : `In this time: ${inside.length}`;
    keeping(list, () => list.replaceChildren(...inside.slice(0, MAX_LISTED).map((event) => eventItem(event, false, query()))));
    if (inside.length === 0) list.append(el("li", { class: "empty" }, why(shown, all, begin)));
  }

  return { node, show(shown, all) {
    clearTimeout(timer);
    timer = setTimeout(() => draw(shown, all), DELAY_MS);
  }, stop: () => clearTimeout(timer) };
}

const iso = (ms) => (ms ? new Date(ms).toISOString() : "");
const share = (value) => (value === null || value === undefined ? "" : value.toFixed(3));

// Names of cameras, classes and zones have neither commas nor quotes.
export function download(events) {
  const lines = ["id,camera,class,begin_utc,end_utc,modality,joint,heard,seen,zones"];
  for (const event of events) lines.push([event.id, event.camera, event.class, iso(event.begin), iso(event.end), event.modality, share(event.joint), share(event.heard), share(event.seen), event.zones.join(" ")].join(","));
  const url = URL.createObjectURL(new Blob([`${lines.join("\n")}\n`], { type: "text/csv" }));
  el("a", { href: url, download: `tyto-events-${iso(now()).slice(0, 10)}.csv` }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}
