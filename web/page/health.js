// SPDX-License-Identifier: MIT
// Health: one look says whether all is well, and what is not.
import { el, ago, ask, clock, colourOf, keeping, lasting, offsetText, say, whole } from "./tools.js";
import { live, now, on } from "./live.js";
import { before, histogram, kept, rate, read, series, value } from "./figures.js";

const looks = { live: "good", connecting: "warn", stalled: "warn", lost: "bad", failed: "bad" };
const EVERY_MS = 3000;
const RECENT_MS = 300000;

const count = (number) => (number === undefined ? "–" : Math.round(number).toLocaleString());
function bytes(number) {
  if (number === undefined) return "–";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const at = Math.min(units.length - 1, number > 0 ? Math.floor(Math.log2(number) / 10) : 0);
  return `${(number / 1024 ** at).toFixed(at > 0 && number / 1024 ** at < 10 ? 1 : 0)} ${units[at]}`;
}
function took(s) {
  if (s === undefined) return "–";
  if (s < 0.001) return "under 1 ms";
  return s < 1 ? `${(s * 1000).toFixed(s < 0.01 ? 1 : 0)} ms` : `${s.toFixed(1)} s`;
}
const each = (number, what) => (number === undefined ? "–" : `${number.toFixed(number < 10 ? 1 : 0)} ${what}`);
const cores = (share) => (share === undefined ? "–" : `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} % of a core`);

/* --- what is well, and what is not --- */

// [look, what, how it is, what to do]: of everything that can be told by itself.
function checks(told) {
  const found = [], { link } = live, last = kept[kept.length - 1]?.values, old = before(RECENT_MS)?.values;
  const add = (look, what, how, then = "") => found.push({ look, what, how, then });
  const grew = (name, labels) => (value(last, name, labels) || 0) - (old ? value(old, name, labels) || 0 : 0);
  const states = { connected: ["good", `heard ${ago(link.heard, now())}`], silent: ["bad", `silent since ${clock(link.heard)}`], waiting: ["warn", "not heard yet", "Is it running, and does it publish where this page listens?"],
    denied: ["bad", "it refuses this page's keys", "See doc/serving.md."] };
  add(states[link.state]?.[0] || "warn", "tytod", states[link.state]?.[1] || link.state, states[link.state]?.[2]);
  const cameras = [...live.cameras.values()], ill = cameras.filter((camera) => ["warn", "bad"].includes(looks[camera.status]));
  const worst = ill.some((camera) => looks[camera.status] === "bad") ? "bad" : ill.length ? "warn" : cameras.length ? "good" : "warn";
  add(worst, "Cameras", ill.length ? ill.slice(0, 6).map((camera) => `${camera.id}: ${camera.status}. ${camera.text}`).join(" ") : cameras.length ? `all ${cameras.length} well` : "none is known");
  if (link.model?.refused) add("bad", "Model", `another one was refused: ${link.model.refused}`);
  if (link.lost > 0) add("warn", "This page", `${count(link.lost)} messages were lost on their way to it`);
  if (!told) return found;
  if (!told.metrics) {
    add("", "Figures", `not known: ${told.why || "tytod does not tell them"}`, "They come by tytod's control socket (tyto serve --socket PATH), on the same machine.");
    return found;
  }
  const latency = histogram(last, "tyto_segment_latency_seconds", {}, old);
  const late = latency.quantile(0.99);
  if (late !== undefined) add(late > 5 ? "bad" : late > 1 ? "warn" : "good", "In time", `judged ${took(late)} after a second is whole, in 99 of 100`, late > 1 ? "Fewer cameras, or a GPU." : "");
  const dropped = grew("tyto_camera_dropped_total") + grew("tyto_camera_overrun_total");
  add(dropped > 0 ? "warn" : "good", "Dropped", dropped > 0 ? `${count(dropped)} buffers of cameras ${old ? "in the last minutes" : "since it was started"}` : old ? "nothing in the last minutes" : "nothing", dropped > 0 ? "There was no time for them: the table below says whose." : "");
  const lost = value(last, "tyto_messages_lost_total") || 0;
  add(lost > 0 ? "bad" : "good", "Published", lost > 0 ? `${count(lost)} messages could not be handed on` : `all ${count(value(last, "tyto_messages_total"))} messages`);
  const cut = grew("tyto_subscribers_cut_off_total");
  if (cut > 0) add("warn", "Subscribers", `${count(cut)} took more than their share and were cut off`);
  const seq = live.link.oldest, failing = value(last, "tyto_journal_failing"), waiting = value(last, "tyto_journal_waiting") || 0;
  if (failing) add("bad", "Journal", "it cannot be written", "Is its disk full? tytod's log says why.");
  else if (waiting > 100) add("warn", "Journal", `${count(waiting)} messages wait to be written`);
  else if (value(last, "tyto_journal_committed_total") > 0 || seq) add("good", "Journal", `${count(value(last, "tyto_journal_committed_total"))} messages written`);
  if (value(last, "tyto_recording_failing")) add("bad", "Recordings", "they cannot be written", "Is the disk full? tytod's log says why.");
  if (value(last, "tyto_snapshots_failing")) add("bad", "Pictures", "they cannot be written");
  const free = value(last, "tyto_disk_free_bytes"), size = value(last, "tyto_disk_size_bytes");
  if (size > 0) add(free / size < 0.02 ? "bad" : free / size < 0.1 ? "warn" : "good", "Disk", `${bytes(free)} of ${bytes(size)} are free`);
  if (value(last, "tyto_device_fallback")) add("warn", "Device", "the processor serves: the GPU failed too often", "Restart tytod once it is mended.");
  else if (grew("tyto_device_losses_total") > 0) add("warn", "Device", "the GPU failed and was set up anew");
  if (told.config_error) add("warn", "Configuration", `the last change was refused: ${told.config_error}`);
  if (value(last, "tyto_config_waiting_keys") > 0) add("warn", "Configuration", `${count(value(last, "tyto_config_waiting_keys"))} changed keys wait for a restart`);
  if (value(last, "tyto_teardowns_hanging") > 0) add("warn", "Cameras", `${count(value(last, "tyto_teardowns_hanging"))} connections do not let go`);
  const files = value(last, "process_open_fds"), most = value(last, "process_max_fds");
  if (most > 0 && files / most > 0.8) add("warn", "Descriptors", `${count(files)} of ${count(most)} are open`);
  if (value(last, "tyto_log_lines_left_out_total") > 0) add("warn", "Log", `${count(value(last, "tyto_log_lines_left_out_total"))} lines were left out`);
  return found;
}

/* --- drawing --- */

function drawLine(canvas, numbers) {
  const ratio = window.devicePixelRatio || 1, w = canvas.clientWidth, h = canvas.clientHeight;
  canvas.width = w * ratio;
  canvas.height = h * ratio;
  const g = canvas.getContext("2d"), known = numbers.filter((v) => Number.isFinite(v));
  g.setTransform(ratio, 0, 0, ratio, 0, 0);
  const most = Math.max(1e-9, ...known);
  g.strokeStyle = colourOf("--seen");
  g.lineWidth = 1.5;
  g.beginPath();
  let isDrawn = false;
  numbers.forEach((v, i) => {
    if (!Number.isFinite(v)) { isDrawn = false; return; }
    const x = numbers.length > 1 ? 1 + ((w - 2) * i) / (numbers.length - 1) : w - 2, y = h - 2 - (h - 4) * (v / most);
    if (isDrawn) g.lineTo(x, y);
    else g.moveTo(x, y);
    isDrawn = true;
  });
  g.stroke();
}

const lines = []; // canvases that wait to be drawn, with their numbers
function spark(what, numbers) {
  const canvas = el("canvas", { class: "spark", role: "img", "aria-label": `${what}, over the last minutes` });
  lines.push([canvas, numbers]);
  return canvas;
}

const delta = (name, labels, scale = 1) => (one, last) => {
  const a = value(one.values, name, labels), b = value(last.values, name, labels);
  return a === undefined || b === undefined || a < b ? NaN : (scale * (a - b)) / ((one.at - last.at) / 1000);
};
const level = (name, labels) => (one) => value(one.values, name, labels) ?? NaN;

function facts(title, rows, more = null) {
  const shown = rows.filter((row) => row[1] !== undefined && row[1] !== "" && row[1] !== "–");
  return shown.length === 0 ? "" : el("section", { class: "card pad" }, el("h2", {}, title),
    el("dl", { class: "facts figures" }, shown.flatMap(([key, text, line]) => [el("dt", {}, key), el("dd", {}, line || "", el("span", {}, String(text)))])), more);
}

const stages = [["capture", "waited for, from the camera's decoder"], ["segment", "a second put together"], ["encode", "eye and ear"], ["attend", "sound and picture held together"], ["track", "events"]];

function latencies(last) {
  const old = before(RECENT_MS)?.values;
  const row = (name, what, metric, labels) => {
    const all = histogram(last, metric, labels), recent = old ? histogram(last, metric, labels, old) : all;
    if (all.num <= 0) return null;
    const of = recent.num > 0 ? recent : all;
    const means = series((one, lastOne) => { const step = histogram(one.values, metric, labels, lastOne.values); return step.num > 0 ? step.mean * 1000 : NaN; });
    return el("tr", {}, el("th", { scope: "row" }, name, el("small", { class: "under" }, what)), el("td", { class: "num" }, took(of.quantile(0.5))), el("td", { class: "num" }, took(of.quantile(0.99))),
      el("td", { class: "num" }, took(all.quantile(0.99))), el("td", { class: "num" }, count(all.num)), el("td", {}, spark(`mean of ${name}`, means)));
  };
  const rows = [...stages.map(([name, what]) => row(name, what, "tyto_stage_seconds", { stage: name })), row("all of it", "from when a second is whole until it is judged", "tyto_segment_latency_seconds", {})].filter(Boolean);
  return rows.length === 0 ? "" : el("section", { class: "card" }, el("h2", { class: "pad" }, "Latency by stage"),
    el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "latency by stage" }, el("table", { id: "latency" },
      el("thead", {}, el("tr", {}, ["stage", "half of them within", "99 of 100 within", "99 of 100, since it began", "how many", "mean, lately"].map((text, i) => el("th", { scope: "col", class: i > 0 && i < 5 ? "num" : "" }, text)))), el("tbody", {}, rows))));
}

function disk(last) {
  const free = value(last, "tyto_disk_free_bytes"), size = value(last, "tyto_disk_size_bytes");
  if (!(size > 0)) return null;
  const used = Math.round(100 * (1 - free / size));
  return el("div", { class: "meter", role: "meter", "aria-label": "disk that is used", "aria-valuemin": "0", "aria-valuemax": "100", "aria-valuenow": String(used), "data-look": used > 98 ? "bad" : used > 90 ? "warn" : "good" },
    el("i", { "data-share": String(used) }));
}

function figuresOf(told) {
  const last = kept[kept.length - 1]?.values;
  if (!told?.metrics || !last) return [];
  const v = (name, labels) => value(last, name, labels);
  const started = v("process_start_time_seconds");
  return [
    facts("Evaluation", [["seconds judged", `${count(v("tyto_segments_total"))}, ${each(rate("tyto_segments_total"), "a second")}`, spark("seconds judged", series(delta("tyto_segments_total")))],
      ["in one batch", v("tyto_batches_total") > 0 ? each(v("tyto_batch_segments_total") / v("tyto_batches_total"), "seconds") : "–"], ["events told", count(v("tyto_events_total"))], ["dropped, of all cameras", count(v("tyto_dropped_total"))],
      ["networks", cores(rate("tyto_inference_cpu_seconds_total")), spark("processor of the networks", series(delta("tyto_inference_cpu_seconds_total")))], ["given up with a device", v("tyto_segments_given_up_total") ? count(v("tyto_segments_given_up_total")) : ""]]),
    facts("Queues and sockets", [["to be published", count(v("tyto_publish_queue_messages")), spark("messages to be published", series(level("tyto_publish_queue_messages")))], ["messages", `${count(v("tyto_messages_total"))}, ${each(rate("tyto_messages_total"), "a second")}`, spark("messages", series(delta("tyto_messages_total")))],
      ["lost", count(v("tyto_messages_lost_total"))], ["subscribers", count(v("tyto_subscribers"))], ["subscriptions", count(v("tyto_subscriptions"))], ["cut off", count(v("tyto_subscribers_cut_off_total"))], ["scores left out", count(v("tyto_debug_scores_dropped_total"))],
      ["pictures waiting", count(v("tyto_snapshots_waiting"))], ["pictures left out", count(v("tyto_snapshots_dropped_total"))]]),
    facts("Journal and disk", [["written", count(v("tyto_journal_committed_total"))], ["transactions", count(v("tyto_journal_commits_total"))], ["waiting", count(v("tyto_journal_waiting")), spark("messages that wait for the journal", series(level("tyto_journal_waiting")))],
      ["not written", count(v("tyto_journal_unwritten_total"))], ["recordings", v("tyto_recordings") === undefined ? "" : `${count(v("tyto_recordings"))}, ${bytes(v("tyto_recordings_bytes"))}`], ["failed, cut, deleted", v("tyto_recordings") === undefined ? "" : `${count(v("tyto_recordings_failed_total"))}, ${count(v("tyto_recordings_cut_total"))}, ${count(v("tyto_recordings_deleted_total"))}`],
      ["pictures", v("tyto_snapshots") === undefined ? "" : `${count(v("tyto_snapshots"))}, ${bytes(v("tyto_snapshots_bytes"))}`], ["before events, in memory", bytes(v("tyto_preroll_bytes"))], ["free", v("tyto_disk_size_bytes") ? `${bytes(v("tyto_disk_free_bytes"))} of ${bytes(v("tyto_disk_size_bytes"))}` : ""]], disk(last)),
    facts("Process", [["running", started ? `since ${whole(started * 1000)}` : ""], ["processor", cores(rate("process_cpu_seconds_total")), spark("processor", series(delta("process_cpu_seconds_total")))], ["memory", bytes(v("process_resident_memory_bytes")), spark("memory", series(level("process_resident_memory_bytes")))],
      ["heap, of it used", `${bytes(v("tyto_heap_bytes"))}, ${bytes(v("tyto_heap_used_bytes"))}`], ["threads", count(v("tyto_threads"))], ["descriptors", `${count(v("process_open_fds"))} of ${count(v("process_max_fds"))}`], ["log lines left out", count(v("tyto_log_lines_left_out_total"))]]),
  ];
}

export function show(main) {
  const pill = el("span", { class: "pill" }), verdict = el("div", { class: "verdict", role: "status" }, pill);
  const well = el("ul", { class: "wells" });
  const cards = el("div", { class: "cards" });
  const times = el("div", { class: "below" });
  const body = el("tbody");
  const head = ["camera", "state", "since", "seconds judged", "dropped", "overrun", "pictures skipped", "connections", "lost", "offset", "clock"];
  const isNumber = [false, false, false, true, true, true, true, true, true, false, false];
  let health = null, told = null;
  main.append(el("div", { class: "head" }, el("h1", {}, "Health"), verdict), well, el("section", { class: "card" }, el("h2", { class: "pad" }, "Cameras"),
    el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "cameras" }, el("table", { id: "cameras" },
      el("thead", {}, el("tr", {}, head.map((text, i) => el("th", { scope: "col", class: isNumber[i] ? "num" : "" }, text)))), body))), times, el("div", { class: "below" }, cards));

  function drawCameras() {
    const last = kept[kept.length - 1]?.values;
    const rows = [...live.cameras.values()].sort((a, b) => a.id.localeCompare(b.id)).map((camera) => {
      const of = (name, instead) => count(value(last, name, { camera: camera.id }) ?? instead);
      const cells = [camera.id, el("span", { class: `pill ${looks[camera.status] || ""}`, title: camera.text }, camera.status),
        camera.since > 0 ? `${clock(camera.since)} (${lasting(now() - camera.since)})` : "–", of("tyto_camera_segments_total", camera.segments), of("tyto_camera_dropped_total", camera.dropped), of("tyto_camera_overrun_total"), of("tyto_camera_skipped_pictures_total"),
        of("tyto_camera_connects_total"), of("tyto_camera_losses_total", camera.reconnects), offsetText(camera.offset_ms) || "–", camera.clock === "unknown" ? "–" : camera.clock];
      return el("tr", {}, cells.map((cell, i) => (i === 0 ? el("th", { scope: "row" }, cell) : el("td", { class: isNumber[i] ? "num" : "" }, cell))));
    });
    body.replaceChildren(...(rows.length ? rows : [el("tr", {}, el("td", { colspan: String(head.length), class: "soft" }, "no camera is known"))]));
  }

  const draw = () => keeping(main, drawAll);

  function drawAll() {
    const { link } = live, { model } = link;
    const found = checks(told), bad = found.filter((one) => one.look === "bad" || one.look === "warn");
    const worst = found.some((one) => one.look === "bad") ? "bad" : bad.length ? "warn" : "good";
    pill.className = `pill ${worst}`;
    say(pill, bad.length === 0 ? "All is well" : bad.length === 1 ? "One thing is not well" : `${bad.length} things are not well`);
    well.replaceChildren(...[...bad, ...found.filter((one) => !bad.includes(one))].map((one) => el("li", { class: `card ${one.look}` }, el("b", {}, one.what), el("span", {}, one.how), one.then ? el("small", {}, one.then) : null)));
    drawCameras();
    lines.length = 0;
    const last = kept[kept.length - 1]?.values;
    times.replaceChildren(told?.metrics ? latencies(last) : "");
    cards.replaceChildren(...figuresOf(told),
      facts("Versions", [["tytod", link.version || told?.version], ["page", health?.version], ["model", model ? model.digest.slice(0, 12) : ""], ["classes", model?.num_classes], ["runs by", model ? `${model.exec} on ${model.device}` : ""], ["configuration", model ? `no. ${model.generation}` : ""]],
        model ? el("details", {}, el("summary", {}, "What it knows"), el("p", { class: "soft" }, model.classes.map((name) => name.replaceAll("_", " ")).join(", "), model.classes.length < model.num_classes ? ` and ${model.num_classes - model.classes.length} more` : "")) : null),
      health ? facts("This page", [["since", whole(health.begin)], ["listens to", health.endpoint], ["messages", count(link.received)], ["lost, not understood", `${count(link.lost)}, ${count(link.malformed)}`], ["restarts of tytod seen", count(link.restarts)], ["events known", count(health.events)],
        ["pages open", count(health.viewers)], ["memory", bytes(health.memory_kib * 1024)], ["processor", cores((health.cpu_s * 1000) / Math.max(1, now() - health.begin))]]) : "");
    for (const bar of cards.querySelectorAll("[data-share]")) bar.style.width = `${bar.dataset.share}%`;
    for (const [canvas, numbers] of lines) drawLine(canvas, numbers);
  }

  let isGone = false;
  async function refresh() {
    const asked = await Promise.all([ask("/api/health").catch(() => health), read().catch(() => ({ metrics: null, why: "this page's server does not answer" }))]);
    if (isGone) return;
    [health, told] = asked;
    if (health) live.link = health.link;
    if (!main.querySelector("details[open]")) draw();
    timer = setTimeout(refresh, EVERY_MS);
  }

  let timer = 0;
  draw();
  refresh();
  const undo = [on("all", draw), on("camera", drawCameras), on("link", draw)];
  window.addEventListener("resize", draw);
  return () => {
    isGone = true;
    clearTimeout(timer);
    window.removeEventListener("resize", draw);
    undo.forEach((stop) => stop());
  };
}
