// SPDX-License-Identifier: MIT
// Health: one look says whether all is well.
import { el, ago, ask, clock, lasting, offsetText, whole } from "./tools.js";
import { live, now, on } from "./live.js";

const looks = { live: "good", connecting: "warn", stalled: "warn", lost: "bad", failed: "bad" };

function facts(title, rows) {
  return el("section", { class: "card pad" }, el("h2", {}, title),
    el("dl", { class: "facts" }, rows.filter((row) => row[1] !== undefined && row[1] !== "").flatMap(([key, value]) => [el("dt", {}, key), el("dd", {}, String(value))])));
}

function complaints() {
  const found = [];
  const { link } = live;
  if (link.state === "silent") found.push(["bad", `tytod has been silent since ${clock(link.heard)}.`]);
  if (link.state === "waiting") found.push(["", "tytod has not been heard yet. Is it running, and does it publish where this page listens?"]);
  if (link.lost > 0) found.push(["", `${link.lost} messages were lost on their way to this page.`]);
  if (link.model?.refused) found.push(["bad", `A model was refused: ${link.model.refused}`]);
  for (const camera of live.cameras.values()) {
    if (looks[camera.status] === "bad" || looks[camera.status] === "warn") {
      found.push([looks[camera.status] === "bad" ? "bad" : "", `${camera.id}: ${camera.status}. ${camera.text}`]);
    }
  }
  return found;
}

export function show(main) {
  const notes = el("div");
  const cards = el("div", { class: "cards" });
  const body = el("tbody");
  const head = ["camera", "state", "since", "seconds judged", "dropped", "reconnects", "offset", "clock"];
  const isNumber = [false, false, false, true, true, true, false, false];
  let health = null;
  main.append(el("div", { class: "head" }, el("h1", {}, "Health")), notes, cards,
    el("div", { class: "card scroll", tabindex: "0", role: "region", "aria-label": "cameras" }, el("table", {},
      el("thead", {}, el("tr", {}, head.map((text, i) => el("th", { scope: "col", class: isNumber[i] ? "num" : "" }, text)))), body)));

  function draw() {
    const { link } = live;
    const found = complaints();
    notes.replaceChildren(...(found.length ? found.map(([look, text]) => el("p", { class: `note ${look}` }, text))
      : [el("p", { class: "soft" }, "All is well.")]));
    const { model } = link;
    cards.replaceChildren(
      facts("tytod", [["state", link.state], ["version", link.version], ["last heard", link.heard ? ago(link.heard, now()) : "never"],
        ["restarts seen", link.restarts], ["messages", link.received], ["lost", link.lost], ["not understood", link.malformed]]),
      model ? facts("Model", [["digest", model.digest.slice(0, 12)], ["classes", model.num_classes], ["runs by", `${model.exec} on ${model.device}`],
        ["configuration", `no. ${model.generation}`], ["knows", model.classes.map((name) => name.replaceAll("_", " ")).join(", ")]]) : "",
      health ? facts("This page", [["version", health.version], ["since", whole(health.begin)], ["listens at", health.endpoint], ["events known", health.events],
        ["pages open", health.viewers], ["memory", `${Math.round(health.memory_kib / 1024)} MiB`],
        ["processor", `${((100 * health.cpu_s * 1000) / Math.max(1, now() - health.begin)).toFixed(1)} % of a core`]]) : "");
    const rows = [...live.cameras.values()].sort((a, b) => a.id.localeCompare(b.id)).map((camera) => {
      const cells = [camera.id, el("span", { class: `pill ${looks[camera.status] || ""}`, title: camera.text }, camera.status),
        camera.since > 0 ? `${clock(camera.since)} (${lasting(now() - camera.since)})` : "–", camera.segments, camera.dropped, camera.reconnects,
        offsetText(camera.offset_ms) || "–", camera.clock];
      return el("tr", {}, cells.map((cell, i) => el("td", { class: isNumber[i] ? "num" : "" }, typeof cell === "number" ? String(cell) : cell)));
    });
    body.replaceChildren(...(rows.length ? rows : [el("tr", {}, el("td", { colspan: String(head.length), class: "soft" }, "no camera is known"))]));
  }

  async function refresh() {
    health = await ask("/api/health").catch(() => health);
    if (health) live.link = health.link;
    draw();
  }

  draw();
  refresh();
  const timer = setInterval(refresh, 3000);
  const undo = [on("all", draw), on("camera", draw), on("link", draw)];
  return () => {
    clearInterval(timer);
    undo.forEach((stop) => stop());
  };
}
