// SPDX-License-Identifier: MIT
// Teach: corrections are chosen, a model learns from them, is held against the one before on
// corrections that it has not seen, and is brought into tytod, or the one before is again.
import { el, ask, clipId, clipName, clock, colourOf, day, keeping, lasting, plain, say } from "./tools.js";
import { on } from "./live.js";

const words = { none: "nothing has been taught yet", running: "learning", done: "done", failed: "failed", stopped: "stopped" };

// Losses and mean average precision, epoch by epoch.
function drawCurves(canvas, epochs) {
  const ratio = window.devicePixelRatio || 1, w = canvas.clientWidth, h = 170, left = 40, bottom = 20;
  canvas.width = w * ratio;
  canvas.height = h * ratio;
  const g = canvas.getContext("2d");
  g.setTransform(ratio, 0, 0, ratio, 0, 0);
  g.font = "11px system-ui, sans-serif";
  const most = Math.max(0.01, ...epochs.flatMap((row) => [row[0], row[1]]));
  const x = (i) => left + ((w - left - 8) * (epochs.length < 2 ? 0.5 : i / (epochs.length - 1)));
  g.fillStyle = colourOf("--soft");
  for (const v of [0, 0.5, 1]) g.fillText((v * most).toFixed(2), 0, 12 + (h - bottom - 12) * (1 - v));
  epochs.forEach((_, i) => { if (epochs.length < 16 || i % 5 === 4) g.fillText(String(i + 1), Math.min(x(i) - 4, w - g.measureText(String(i + 1)).width), h - 4); });
  [["--heard", (row) => row[0] / most], ["--seen", (row) => row[1] / most], ["--joint", (row) => row[2]]].forEach(([colour, of]) => {
    g.strokeStyle = colourOf(colour);
    g.lineWidth = 2;
    g.beginPath();
    epochs.forEach((row, i) => {
      const y = 8 + (h - bottom - 12) * (1 - of(row));
      if (i) g.lineTo(x(i), y);
      else g.moveTo(x(i), y);
      if (epochs.length === 1) g.arc(x(i), y, 2, 0, 7);
    });
    g.stroke();
  });
}

// What it says names files by their whole paths; here the name is enough.
const brief = (text) => text.replace(/(^|[\s'"])\/[^\s:,'"]*\//g, "$1");
const change = (pair) => (pair ? `${pair[0].toFixed(2)} → ${pair[1].toFixed(2)}` : "not measured");

export function show(main) {
  let data = null, isGone = false, chosen = null; // chosen: clips; null: all of them
  const list = el("ul", { class: "picks", "aria-label": "corrected recordings" });
  const begin = el("button", { type: "button", class: "main", id: "start", onclick: start }, "Teach");
  const all = el("input", { type: "checkbox", id: "all", checked: true, onchange: () => { chosen = all.checked ? null : new Set(); drawList(); } });
  const said = el("span", { class: "soft", role: "status", id: "said" });
  const state = el("span", { class: "pill", id: "state" }), bar = el("progress", { max: "1", value: "0", "aria-label": "how much is done" });
  const canvas = el("canvas", { class: "curves tall", role: "img", "aria-label": "losses and precision of each epoch" });
  const legend = el("div", { class: "keys" }, [["heard", "loss"], ["seen", "loss on what is held back"], ["joint", "mean average precision there (0 to 1)"]].map(([kind, text]) => el("span", { class: "legend", dot: `var(--${kind})` }, el("i"), text)));
  const notes = el("ul", { class: "soft notes" }), details = el("details", {}, el("summary", {}, "What it said"), notes), outcome = el("dl", { class: "facts" });
  const runs = el("tbody"), pushed = el("p", { class: "soft", role: "status", id: "pushed" });
  const back = el("button", { type: "button", id: "back", onclick: () => push({ back: true }) }, "Back to the one before");
  main.append(el("div", { class: "head" }, el("h1", {}, "Teach"), el("small", {}, "a model learns from what you have corrected; nothing changes in tytod until you say so")),
    el("div", { class: "event" },
      el("section", { class: "card pad" }, el("h2", {}, "Corrections"), el("div", { class: "tools" }, el("label", {}, all, "all of them"), begin, said), list),
      el("section", { class: "card pad" }, el("h2", {}, "What it makes of them"), el("div", { class: "tools" }, state, bar), canvas, legend, outcome, details)),
    el("section", { class: "card pad below" }, el("h2", {}, "Models that were taught"),
      el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "runs" }, el("table", {}, el("thead", {}, el("tr", {}, ["", "begun", "recordings", "took", "F1 on corrections held back", "F1 on what it knew", ""].map((text) => el("th", { scope: "col" }, text)))), runs)),
      el("div", { class: "tools" }, back), pushed));

  function drawList() {
    all.checked = chosen === null;
    const items = data.corrections.map((one) => {
      const box = el("input", { type: "checkbox", checked: chosen === null || chosen.has(one.clip), onchange: () => {
        chosen ??= new Set(data.corrections.map((other) => other.clip));
        if (box.checked) chosen.add(one.clip);
        else chosen.delete(one.clip);
        all.checked = false;
        showNow();
      } });
      const what = one.labels.map((label) => plain(label.class)).join(", ") || "nothing in it";
      return el("li", {}, el("label", {}, box, el("b", {}, what)), el("a", { class: "soft", href: `#/event/${clipId(one.clip)}`, "aria-label": `${what}, ${clipName(one.clip)}: look at it` }, clipName(one.clip)));
    });
    list.replaceChildren(...(items.length > 0 ? items : [el("li", {}, el("p", { class: "soft" }, "Nothing has been corrected yet: ", el("a", { href: "#/review" }, "look through some recordings"), ". Some twenty, of them a few without what is to be learnt, are a good beginning."))]));
    showNow();
  }

  function showNow() {
    const { now } = data, isRunning = now.state === "running";
    const num = chosen === null ? data.corrections.length : chosen.size;
    begin.textContent = isRunning ? "Stop" : `Teach from ${num}`;
    begin.disabled = !isRunning && num === 0;
    state.className = `pill ${{ done: "good", failed: "bad", running: "warn" }[now.state] || ""}`;
    state.textContent = isRunning ? `${now.what}, ${lasting(now.took_s * 1000)}` : words[now.state];
    bar.hidden = !isRunning;
    bar.value = now.share;
    canvas.hidden = legend.hidden = now.epochs.length === 0;
    if (!canvas.hidden) drawCurves(canvas, now.epochs);
    notes.replaceChildren(...now.notes.map((text) => el("li", { title: text }, brief(text))));
    details.hidden = now.notes.length === 0;
    const rows = now.state === "done" ? [["F1 of seconds on corrections held back", change(now.camera)], ["the same on what it knew before", change(now.kept)]] : now.error ? [["why", brief(now.error)]] : [];
    outcome.replaceChildren(...rows.flatMap(([key, value]) => [el("dt", {}, key), el("dd", {}, value)]));
  }

  function showRuns() {
    runs.replaceChildren(...data.runs.map((run) => el("tr", { "data-run": String(run.run) }, el("td", {}, `no. ${run.run}`), el("td", {}, run.begin ? `${day(run.begin)} ${clock(run.begin)}` : "–"),
      el("td", { class: "num" }, String(run.clips ?? "–")), el("td", {}, run.took_s ? lasting(run.took_s * 1000) : "–"),
      el("td", {}, run.state === "done" ? change(run.camera) : run.error || words[run.state]), el("td", {}, change(run.kept)),
      el("td", {}, run.state === "done" && el("button", { type: "button", class: "push", disabled: data.push.state === "pushing", onclick: () => push({ run: run.run }) }, "Use it")))));
    if (data.runs.length === 0) runs.append(el("tr", {}, el("td", { colspan: "7", class: "soft" }, "none yet")));
  }

  function showPush() {
    const one = data.push;
    back.disabled = !one.can_go_back || one.state === "pushing";
    say(pushed, { pushing: "tytod reads it", failed: `nothing was changed: ${one.error}`,
      done: `tytod uses ${one.run ? `no. ${one.run}` : "the one before"} (${(one.digest || "").slice(0, 12)})${one.kept ? ", and starts with it from now on." : ` until it is started again: it could not be kept, and then ${one.starts_with || "its own"} serves.`}` }[one.state] || "");
  }

  async function start() {
    try {
      said.textContent = "";
      if (data.now.state === "running") await ask("/api/teach/cancel", {});
      else take(await ask("/api/teach/start", { clips: chosen === null ? [] : [...chosen] }));
    } catch (error) {
      said.textContent = error.message;
    }
  }

  async function push(what) {
    try {
      take(await ask("/api/teach/push", what));
    } catch (error) {
      pushed.textContent = error.message;
    }
  }

  // What comes by the stream has neither corrections nor earlier runs.
  async function take(news) {
    if (isGone) return;
    const before = data?.now.state;
    data = { ...data, ...news };
    if (!data.teaches) return;
    if (news.corrections) keeping(list, drawList);
    if (before === "running" && data.now.state !== "running" && !news.runs) {
      data = { ...data, ...(await ask("/api/teach").catch(() => ({}))) };
      if (isGone) return;
    }
    showNow();
    keeping(runs, showRuns);
    showPush();
  }

  const redraw = () => data?.now && showNow();
  ask("/api/teach").then(take).catch((error) => { said.textContent = error.message; });
  window.addEventListener("resize", redraw);
  const undo = [on("teach", take), on("all", () => ask("/api/teach").then(take).catch(() => {}))];
  return () => {
    isGone = true;
    window.removeEventListener("resize", redraw);
    undo.forEach((stop) => stop());
  };
}
