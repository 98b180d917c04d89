// SPDX-License-Identifier: MIT
// Review: what nobody has looked through yet, and what the present model gets right of what has been
// corrected.
import { el, ask, classColour, clipId, clipName, keeping, modalities, plain, percent } from "./tools.js";
import { live, on } from "./live.js";

const LOOK_MS = 1500;
const looks = { right: "good", apart: "warn", missed: "bad", wrong: "bad" };
const words = { right: "right", apart: "at another time", missed: "missed", wrong: "told, but not there" };

const common = (a, b) => Math.max(0, Math.min(a.end, b.end) - Math.max(a.begin, b.begin));
const tiou = (a, b) => common(a, b) / Math.max(1e-9, Math.max(a.end, b.end) - Math.min(a.begin, b.begin));

// Each label with what was told of it, the most alike first; then what was told and is not there.
export function compare(labels, told) {
  const pairs = labels.flatMap((label, i) => told.map((event, k) => ({ i, k, share: label.class === event.class ? tiou(label, event) : 0 })))
    .filter((pair) => pair.share > 0).sort((a, b) => b.share - a.share);
  const of = new Map(), used = new Set();
  for (const { i, k, share } of pairs) {
    if (of.has(i) || used.has(k)) continue;
    of.set(i, share);
    used.add(k);
  }
  return [...labels.map((label, i) => ({ ...label, how: !of.has(i) ? "missed" : of.get(i) >= 0.5 ? "right" : "apart" })),
    ...told.filter((_, k) => !used.has(k)).map((event) => ({ ...event, how: "wrong" }))];
}

const span = (one) => `${one.begin.toFixed(1)} to ${one.end.toFixed(1)} s`;
export function show(main) {
  let data = null, isGone = false, timer = 0;
  const said = el("p", { class: "soft", role: "status", id: "judged" });
  const again = el("button", { type: "button", id: "judge", onclick: () => judge(data?.judged.state === "running") }, "Judge again");
  const bar = el("progress", { max: "1", value: "0", hidden: true, "aria-label": "how many are judged" });
  const counts = el("tbody"), list = el("tbody"), others = el("ul", { class: "list", id: "others" }), sum = el("div", { class: "sums" });
  main.append(el("div", { class: "head" }, el("h1", {}, "Review"), el("small", {}, "open a recording, say what is in it; what you have corrected is what the model is held against")),
    el("div", { class: "event" },
      el("div", { class: "column" },
        el("section", { class: "card pad" }, el("h2", {}, "What the present model gets right"), el("div", { class: "tools" }, again, bar), said, sum),
        el("section", { class: "card" }, el("h2", { class: "pad" }, "By class"), el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "by class" }, el("table", { id: "classes" },
          el("thead", {}, el("tr", {}, ["class", "corrected", "right", "another time", "missed", "told, not there"].map((text, i) => el("th", { scope: "col", class: i ? "num" : "" }, text)))), counts))),
        el("section", { class: "card" }, el("h2", { class: "pad" }, "Recording by recording"), el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "recordings" }, el("table", { id: "recordings" },
          el("thead", {}, el("tr", {}, ["recording", "what is in it, and what the model makes of it"].map((text) => el("th", { scope: "col" }, text)))), list)))),
      el("div", { class: "column" }, el("section", { class: "card" }, el("h2", { class: "pad" }, "Nobody has looked through yet"), others))));

  function draw() {
    const { judged, corrected } = data, isRunning = judged.state === "running";
    const isNow = corrected.some((one) => one.now);
    again.textContent = isRunning ? "Stop" : "Judge again";
    again.disabled = corrected.length === 0;
    bar.hidden = !isRunning;
    bar.value = judged.of ? judged.num / judged.of : 0;
    const rows = corrected.map((one) => ({ clip: one.clip, all: one.now || one.then ? compare(one.labels, (isNow ? one.now : one.then) || []) : null, isKnown: Boolean(isNow ? one.now : one.then) }));
    const known = rows.filter((row) => row.isKnown);
    const by = new Map();
    for (const one of known.flatMap((row) => row.all)) {
      if (!by.has(one.class)) by.set(one.class, { right: 0, apart: 0, missed: 0, wrong: 0 });
      by.get(one.class)[one.how]++;
    }
    const total = { right: 0, apart: 0, missed: 0, wrong: 0 };
    for (const row of by.values()) for (const how of Object.keys(total)) total[how] += row[how];
    const labels = total.right + total.apart + total.missed;
    said.textContent = corrected.length === 0 ? data.others.length > 0 ? "Nothing has been corrected yet: open one that nobody has looked through." : "Nothing has been corrected yet." :
      isRunning ? `The model judges: ${judged.num} of ${judged.of || "…"} recordings.` :
      isNow ? `By the model ${judged.model.slice(0, 12)}${judged.is_present ? ", which serves now," : ", which does not serve any more,"} on ${known.length} of ${corrected.length} recordings, made anew with its own thresholds. Right: the class, with at least half of the time in common.` :
      `As it was told when they were recorded, by the model of then${judged.error ? `; the present one could not be asked: ${judged.error}` : ""}.`;
    sum.replaceChildren(...(labels + total.wrong === 0 ? [] : [[total.right, `of ${labels} right${labels ? ` (${percent(total.right / labels)})` : ""}`, "good"], [total.apart, "at another time", "warn"], [total.missed, "missed", "bad"], [total.wrong, "told, not there", "bad"]]
      .map(([num, text, look]) => el("span", { class: `sum ${num ? look : ""}` }, el("b", { class: "num" }, String(num)), text))));
    counts.replaceChildren(...[...by].sort((a, b) => a[0].localeCompare(b[0])).map(([name, row]) => el("tr", {}, el("th", { scope: "row" }, plain(name)),
      [row.right + row.apart + row.missed, row.right, row.apart, row.missed, row.wrong].map((num) => el("td", { class: "num" }, String(num))))));
    if (by.size === 0) counts.append(el("tr", {}, el("td", { colspan: "6", class: "soft" }, "nothing yet")));
    list.replaceChildren(...rows.reverse().map((row) => el("tr", {}, el("th", { scope: "row" }, el("a", { href: `#/event/${clipId(row.clip)}` }, clipName(row.clip))),
      el("td", { class: "wide" }, !row.isKnown ? el("span", { class: "soft" }, "not judged") : row.all.length === 0 ? el("span", { class: "pill good" }, "nothing in it, nothing told")
        : row.all.map((one) => el("span", { class: `pill ${looks[one.how]}`, title: `${span(one)}, ${modalities[one.modality] || ""}` }, `${plain(one.class)} ${span(one)}: ${words[one.how]}`))))));
    if (rows.length === 0) list.append(el("tr", {}, el("td", { colspan: "2", class: "soft" }, "nothing yet")));
    others.replaceChildren(...data.others.map((one) => el("li", {}, el("a", { href: `#/event/${clipId(one.clip)}` }, el("span", { class: "dot", dot: one.labels.length ? classColour(one.labels[0].class) : false }), el("b", {}, one.labels.map((label) => plain(label.class)).join(", ") || "nothing told"), el("span", {}),
      el("span", { class: "where" }, el("span", {}, clipName(one.clip)))))));
    if (data.others.length === 0) others.append(el("li", { class: "soft pad" }, data.corrected.length > 0 ? "All recordings have been looked through." : "There is no recording yet. tytod makes one of each event where record.dir is set; it is here some seconds after the event is over."));
  }

  async function load() {
    clearTimeout(timer);
    const news = await ask("/api/review");
    if (isGone) return;
    data = news;
    keeping(main, draw);
    if (data.judged.state === "running") timer = setTimeout(() => load().catch(fail), LOOK_MS);
  }

  const fail = (error) => { said.textContent = error.message; };

  async function judge(isStop) {
    try {
      await ask("/api/review/judge", isStop ? { stop: true } : {});
      await load();
    } catch (error) {
      fail(error);
    }
  }

  // What is new, or another model: judged at once. What has failed waits for the button.
  const isStale = () => data.corrected.length > 0 && data.judged.state !== "running" && data.judged.state !== "failed" &&
    (data.corrected.slice(-256).some((one) => one.now === undefined) || (live.link.model && !data.judged.is_present));
  const begin = () => load().then(() => (!isGone && isStale() ? judge(false) : null)).catch(fail);
  begin();
  let digest = live.link.model?.digest;
  const undo = [on("link", () => { if (live.link.model?.digest !== digest) { digest = live.link.model?.digest; begin(); } })];
  return () => {
    isGone = true;
    clearTimeout(timer);
    undo.forEach((stop) => stop());
  };
}
