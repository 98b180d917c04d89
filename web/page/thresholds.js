// SPDX-License-Identifier: MIT
// Thresholds: how many events others would have given, of scores that tytod has kept, before
// anything is changed; then they go into tytod's configuration, or as lines to be pasted in.
import { el, ask, lasting, percent, plain, whole } from "./tools.js";
import { live, on } from "./live.js";

const SPANS = [[1, "the last hour"], [24, "the last day"], [168, "the last week"]];
const MIDDLE = 12;

// As the server moves them: all three of a class, in log-odds.
function moved(threshold, by) {
  if (by === 0) return threshold;
  const p = Math.min(0.999, Math.max(0.001, threshold));
  return Math.min(0.99, Math.max(0.01, 1 / (1 + Math.exp(-(Math.log(p / (1 - p)) + by)))));
}

const digits = (value) => String(Math.round(value * 1000) / 1000);

// Of all cameras that were counted, class by class.
function join(cameras) {
  const found = new Map();
  for (const camera of cameras) {
    for (const one of camera.classes) {
      const known = found.get(one.name);
      if (!known) {
        found.set(one.name, { ...one, counts: [...one.counts], differs: false });
        continue;
      }
      known.differs ||= one.off !== known.off || one.thresholds.some((value, i) => value !== known.thresholds[i]);
      known.was += one.was;
      one.counts.forEach((count, i) => { known.counts[i] += count; });
    }
  }
  return [...found.values()].sort((a, b) => b.counts[MIDDLE] - a.counts[MIDDLE] || a.name.localeCompare(b.name));
}

function linesOf(camera, wishes) {
  const indent = camera ? "      " : "  ";
  const lines = wishes.map((wish) => `${indent}${wish.name}: {threshold: ${digits(wish.thresholds[0])}, threshold_heard: ${digits(wish.thresholds[1])}, threshold_seen: ${digits(wish.thresholds[2])}}`);
  return `${camera ? `cameras:\n  - id: ${camera}\n    classes:` : "classes:"}\n${lines.join("\n")}\n`;
}

export function show(main) {
  const camera = el("select", { id: "camera", "aria-label": "camera" });
  const span = el("select", { id: "span", "aria-label": "of which time" }, SPANS.map(([hours, text]) => el("option", { value: hours, selected: hours === 168 }, text)));
  const begin = el("button", { type: "button", class: "main", id: "count", onclick: count }, "Count");
  const bar = el("progress", { max: "1", value: "0", "aria-label": "how much is counted", hidden: true });
  const said = el("span", { class: "soft", role: "status", id: "said" });
  const result = el("div", { class: "column" });
  main.append(el("div", { class: "head" }, el("h1", {}, "Thresholds"), el("small", {}, "how many events others would have given; nothing changes until you say so")),
    el("div", { class: "tools" }, camera, span, begin, bar, said), result);
  let data = null, rows = [], isGone = false, shownFor = "", before = null; // before: the last change, when the page was opened

  function fillCameras() {
    const ids = [...live.cameras.keys()].sort(), wish = camera.value;
    camera.replaceChildren(el("option", { value: "" }, "all cameras"), ...ids.map((id) => el("option", { value: id, selected: id === wish }, id)));
  }

  async function count() {
    try {
      if (data?.state === "counting") await ask("/api/thresholds/count", { stop: true });
      else take(await ask("/api/thresholds/count", { cameras: camera.value ? [camera.value] : [], hours: Number(span.value) }));
    } catch (error) {
      said.textContent = error.message;
    }
  }

  function tellSum() {
    const sum = (key) => rows.reduce((all, row) => all + row[key](), 0);
    const node = document.getElementById("sum");
    if (node) node.textContent = `${sum("was")} → ${sum("would")} events`;
    const wishes = wishesOf();
    const lines = document.getElementById("yaml");
    if (lines) lines.value = wishes.length > 0 ? linesOf(chosen(), wishes) : "";
    const apply = document.getElementById("apply");
    if (apply) apply.disabled = wishes.length === 0 || data.change.state === "applying";
  }

  // The camera that the thresholds are for; null: all of them.
  function chosen() {
    return data.cameras.length === 1 && live.cameras.size > 1 ? data.cameras[0].id : null;
  }

  function wishesOf() {
    return rows.filter((row) => row.step() !== MIDDLE).map((row) => ({ name: row.name, thresholds: row.thresholds() }));
  }

  function makeRow(one) {
    const isFixed = one.off || one.differs;
    const slider = el("input", { type: "range", min: "0", max: String(data.steps.length - 1), step: "1", value: String(MIDDLE), disabled: isFixed, "aria-label": `threshold of ${plain(one.name)}`, "data-class": one.name });
    const at = el("span", { class: "num" }), would = el("b", { class: "num would" });
    const fill = el("i");
    const most = Math.max(1, ...one.counts);
    const step = () => Number(slider.value);
    const thresholds = () => one.thresholds.map((value) => Math.round(moved(value, data.steps[step()]) * 1000) / 1000);
    const row = { name: one.name, step, thresholds, was: () => one.counts[MIDDLE], would: () => (isFixed ? one.counts[MIDDLE] : one.counts[step()]) };
    function draw() {
      const [joint, heard, seen] = thresholds();
      at.textContent = one.off ? "is not published" : one.differs ? "cameras differ: choose one" : `${percent(joint)} · ${percent(heard)} heard · ${percent(seen)} seen`;
      would.textContent = String(row.would());
      fill.style.transform = `scaleX(${row.would() / most})`;
      slider.setAttribute("aria-valuetext", `${percent(joint)}, ${row.would()} events`);
    }
    slider.addEventListener("input", () => { draw(); tellSum(); });
    draw();
    row.node = el("tr", { "data-class": one.name }, el("th", { scope: "row" }, plain(one.name)), el("td", {}, el("div", { class: "slide" }, slider, at)),
      el("td", { class: "num" }, String(row.was())), el("td", { class: "num" }, would, el("div", { class: "bar joint", "aria-hidden": "true" }, fill)));
    return row;
  }

  async function put() {
    try {
      take(await ask("/api/thresholds/apply", { camera: chosen(), classes: wishesOf() }));
    } catch (error) {
      document.getElementById("applied").textContent = error.message;
    }
  }

  function showChange() {
    const node = document.getElementById("applied");
    const { state, error, generation, tuned } = data.change;
    if (!node) return;
    if (JSON.stringify(data.change) === before) return; // it was said to who did it
    if (state === "applying") node.textContent = "tytod reads it";
    else if (state === "failed") node.textContent = `nothing was changed: ${error}`;
    else if (state === "done") node.textContent = tuned ? `tytod uses them: configuration no. ${generation}` : `tytod has read its configuration (no. ${generation}), but its thresholds are as before: does it read ${data.config}?`;
    tellSum();
  }

  function showResult() {
    const seconds = data.cameras.reduce((all, one) => all + one.segments, 0);
    rows = join(data.cameras).map(makeRow);
    const lines = el("textarea", { id: "yaml", rows: "6", readonly: true, spellcheck: "false", "aria-label": "lines for tytod.yaml" });
    const table = el("div", { class: "card scroll", tabindex: "0", role: "region", "aria-label": "thresholds by class" }, el("table", { class: "sliders" },
      el("thead", {}, el("tr", {}, ["class", "threshold: heard and seen together, heard alone, seen alone", "now", "then"].map((text, i) => el("th", { scope: "col", class: i > 1 ? "num" : "" }, text)))),
      el("tbody", {}, rows.map((row) => row.node))));
    const way = data.can_apply
      ? el("div", { class: "tools" }, el("button", { type: "button", class: "main", id: "apply", onclick: put }, "Apply"), el("span", { class: "soft", role: "status", id: "applied" }, "writes them into ", el("span", { title: data.config }, data.config.split("/").pop())))
      : el("p", { class: "soft", id: "why-not" }, data.config ? `They cannot be applied from here: ${data.why_not}. Paste these lines into it, then` : "Paste these lines into tytod.yaml, then", " reload tytod (SIGHUP, or systemctl reload tytod).");
    result.replaceChildren(
      el("p", { class: "soft" }, `${data.cameras.map((one) => one.id).join(", ")}: ${lasting(seconds * 1000)} of scores since ${whole(data.from)}. Zones and quiet hours are not known here: what they keep from being told is counted.`),
      rows.length > 0 ? table : el("p", {}, "No event of any class would have been told, however low its threshold."),
      rows.length > 0 && el("section", { class: "card pad" }, el("h2", { id: "sum" }), way, lines));
    shownFor = `${data.from}-${data.to}`;
    tellSum();
  }

  // Progress comes by the stream, without what was counted.
  async function take(news) {
    if (isGone) return;
    data = { ...data, ...news };
    const isCounting = data.state === "counting";
    begin.textContent = isCounting ? "Stop" : "Count";
    bar.hidden = !isCounting;
    bar.value = data.share;
    said.textContent = isCounting ? "" : data.state === "failed" ? data.error : "";
    if (data.state === "done" && !news.cameras && news.state !== undefined && !isCounting) {
      const all = await ask("/api/thresholds").catch(() => null);
      if (isGone || !all) return;
      data = all;
    }
    if (data.state === "done" && data.cameras && shownFor !== `${data.from}-${data.to}`) showResult();
    if (data.state !== "done") {
      result.replaceChildren(isCounting ? "" : el("section", { class: "card empty" }, el("p", {}, "Too many events of a class, or too few?"),
        el("p", { class: "soft" }, "Count goes through the scores that tytod has kept. Then each class has a slider, and beside it how many events there would have been.")));
      shownFor = "";
    }
    before ??= JSON.stringify(data.change);
    showChange();
  }

  fillCameras();
  ask("/api/thresholds").then(take).catch((error) => { said.textContent = error.message; });
  const undo = [on("all", fillCameras), on("thresholds", take)];
  return () => {
    isGone = true;
    undo.forEach((stop) => stop());
  };
}
