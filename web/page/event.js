// SPDX-License-Identifier: MIT
// One event: its recording, why it was said, and what a person says of it.
import { el, ask, clipId, clock, colourOf, day, drawPlace, isTaken, keeping, lasting, modalities, offsetText, percent, pictureOf, plain } from "./tools.js";
import { live, now } from "./live.js";
import { makeAlignment } from "./align.js";
import { filterOf, filterQuery } from "./filter.js";
import { makeFilm } from "./film.js";
import { drawWave, loudness } from "./wave.js";

let me = {};
export function setMe(value) {
  me = value;
}

export const keys = [[["[", "]"], "event before, after, of those that the timeline was left with"], [["t"], "on the timeline"], [["h"], "hides where it was, or shows it"], [["Space"], "play, pause"], [["←", "→"], "a second back, on; with Shift a tenth"],
  [["b", "e"], "the label begins, ends here"], [["c"], "its class"], [["m"], "heard, seen or both"], [["a", "x"], "another label, delete it"], [[",", "."], "label before, after"], [["r"], "right as it is: save"], [["n"], "the next recording that nobody has looked through"]];

const reasons = { onset: "begun", progress: "going on", offset: "it was over", max_duration: "it was too long for one", source_lost: "the camera was lost",
  source_ended: "the file was over", shutdown: "tytod was ended, or looks at the camera no more", recovered: "tytod had been killed", model_changed: "another model took over" };

function facts(rows) {
  return el("dl", { class: "facts" }, rows.filter((row) => row[1] !== undefined && row[1] !== "" && row[1] !== null)
    .flatMap(([key, value]) => [el("dt", {}, key), el("dd", {}, String(value))]));
}

// Heard, seen and joint of each second against the threshold.
function drawCurves(canvas, event) {
  const { segments } = event;
  const ratio = window.devicePixelRatio || 1, w = canvas.clientWidth, h = 150, left = 34, bottom = 20;
  canvas.width = w * ratio;
  canvas.height = h * ratio;
  const g = canvas.getContext("2d");
  g.setTransform(ratio, 0, 0, ratio, 0, 0);
  const num = segments.joint.length;
  const x = (i) => left + ((w - left - 8) * (i + 0.5)) / num, y = (v) => 8 + (h - bottom - 8) * (1 - v);
  const begin = left + ((w - left - 8) * -segments.begin_s) / (segments.hop_s * num);
  g.font = "11px system-ui, sans-serif";
  g.fillStyle = colourOf("--sunk");
  const end = event.end ? begin + ((w - left - 8) * (event.end - event.begin) / 1000) / (segments.hop_s * num) : w - 8;
  g.fillRect(Math.max(left, begin), 8, Math.min(w - 8, end) - Math.max(left, begin), h - bottom - 8);
  g.fillStyle = colourOf("--soft");
  for (const v of [0, 0.5, 1]) g.fillText(`${v * 100} %`, 0, y(v) + 4);
  const step = Math.max(1, Math.ceil((34 * num) / (w - left - 8))); // labels have room beside each other
  for (let i = 0; i < num; i += step) g.fillText(`${Math.round(segments.begin_s + i * segments.hop_s)} s`, x(i) - 8, h - 4);
  g.setLineDash([4, 4]);
  g.strokeStyle = colourOf("--soft");
  g.beginPath();
  g.moveTo(left, y(event.threshold));
  g.lineTo(w - 8, y(event.threshold));
  g.stroke();
  g.setLineDash([]);
  for (const [kind, width] of [["heard", 2], ["seen", 2], ["joint", 3]]) {
    g.strokeStyle = colourOf(`--${kind}`);
    g.lineWidth = width;
    g.beginPath();
    segments[kind].forEach((v, i) => (i ? g.lineTo(x(i), y(v)) : g.moveTo(x(i), y(v))));
    g.stroke();
  }
}

function makeReview(event, recording, film, classes) {
  const { video } = film;
  let labels = recording.labels.map((label) => ({ ...label }));
  let picked = Math.max(0, labels.findIndex((label) => label.class === event.class));
  let length = Math.max(10, ...labels.map((label) => label.end + 5));
  let peaks = null;
  const spans = el("div", { class: "spans" });
  const wave = el("canvas", { class: "wave", "aria-hidden": "true" });
  const head = el("i", { class: "playhead", "aria-hidden": "true" });
  const lane = el("div", { class: "lane" }, wave, spans, head);
  const said = el("span", { class: "soft", role: "status" }, recording.corrected ? "looked through" : "not looked through yet");
  const names = el("datalist", { id: "classes" }, classes.map((name) => el("option", { value: name })));
  const name = el("input", { type: "text", list: "classes", id: "class", "aria-label": "class", maxlength: "64" });
  const kind = el("select", { "aria-label": "heard or seen" }, Object.entries(modalities).map(([value, text]) => el("option", { value }, text)));
  const save = el("button", { type: "button", class: "main", id: "save", onclick: () => put() }, "Save");

  function change(what) {
    if (labels[picked]) Object.assign(labels[picked], what);
    said.textContent = "changed";
    draw();
  }

  function draw() {
    keeping(spans, drawSpans);
    const label = labels[picked];
    name.value = label ? label.class : "";
    kind.value = label ? label.modality : "av";
    name.disabled = kind.disabled = !label;
  }

  function drawSpans() {
    spans.replaceChildren(...labels.map((label, i) => {
      const bar = el("button", { type: "button", class: "span", id: `label-${i}`, "aria-pressed": String(i === picked), onclick: () => pick(i),
        title: `${plain(label.class)}, ${label.begin.toFixed(1)} to ${label.end.toFixed(1)} s` }, plain(label.class));
      bar.style.left = `${(100 * label.begin) / length}%`;
      bar.style.width = `${(100 * (label.end - label.begin)) / length}%`;
      for (const side of ["begin", "end"]) {
        const grip = el("i", { class: `grip ${side}` });
        grip.addEventListener("pointerdown", (down) => {
          down.stopPropagation();
          grip.setPointerCapture(down.pointerId);
          grip.onpointermove = (move) => {
            const at = ((move.clientX - lane.getBoundingClientRect().left) / lane.clientWidth) * length;
            picked = i;
            const s = Math.round(Math.max(0, Math.min(length, at)) * 20) / 20;
            label[side] = side === "begin" ? Math.min(s, label.end - 0.1) : Math.max(s, label.begin + 0.1);
            bar.style.left = `${(100 * label.begin) / length}%`;
            bar.style.width = `${(100 * (label.end - label.begin)) / length}%`;
          };
          grip.onpointerup = () => change({});
        });
        bar.append(grip);
      }
      return bar;
    }));
  }

  function pick(i) {
    picked = i;
    if (labels[i]) video.currentTime = labels[i].begin;
    draw();
  }

  async function put() {
    try {
      await ask("/api/correct", { id: event.id, labels });
      said.textContent = "saved";
    } catch (error) {
      said.textContent = error.message;
    }
  }

  function showWave() {
    if (peaks && lane.isConnected) drawWave(wave, peaks, length);
    wave.dataset.peaks = peaks ? String(peaks.length) : "0";
  }

  function showHead() {
    head.style.left = `${(100 * video.currentTime) / length}%`;
  }

  // What is clicked beside the labels is played from there.
  lane.addEventListener("click", (click) => {
    if (click.target.closest(".span")) return;
    video.currentTime = ((click.clientX - lane.getBoundingClientRect().left) / lane.clientWidth) * length;
  });

  // Of those that nobody has looked through, the newest.
  async function next() {
    const { others } = await ask("/api/review").catch(() => ({ others: [] }));
    const other = others.find((one) => one.clip !== recording.name);
    if (other) location.hash = `#/event/${clipId(other.clip)}`;
    else said.textContent = "all recordings have been looked through";
  }

  const round = (s) => Math.round(s * 20) / 20;
  const keys = {
    r: put,
    n: next,
    x: () => { labels.splice(picked, 1); picked = 0; change({}); },
    b: () => labels[picked] && change({ begin: round(Math.min(video.currentTime, labels[picked].end - 0.1)) }),
    e: () => labels[picked] && change({ end: round(Math.max(video.currentTime, labels[picked].begin + 0.1)) }),
    a: () => { labels.push({ class: event.class, begin: round(video.currentTime), end: round(video.currentTime + 2), modality: "av" }); picked = labels.length - 1; change({}); },
    c: () => name.select(),
    m: () => labels[picked] && change({ modality: { av: "a", a: "v", v: "av" }[labels[picked].modality] }),
    ",": () => pick(Math.max(0, picked - 1)),
    ".": () => pick(Math.min(labels.length - 1, picked + 1)),
  };
  name.addEventListener("change", () => change({ class: name.value.trim().toLowerCase().replace(/[^a-z0-9_-]+/g, "_") }));
  name.addEventListener("keydown", (key) => { if (key.key === "Enter" || key.key === "Escape") name.blur(); });
  kind.addEventListener("change", () => change({ modality: kind.value }));
  video.addEventListener("loadedmetadata", () => {
    if (Number.isFinite(video.duration)) length = Math.max(1, video.duration, ...labels.map((label) => label.end));
    draw();
    showWave();
    showHead();
  });
  video.addEventListener("timeupdate", showHead);
  film.ready.then((found) => {
    if (found?.duration_s) length = Math.max(1, found.duration_s, ...labels.map((label) => label.end));
    draw();
    return loudness(film.source(found));
  }).then((found) => {
    peaks = found;
    showWave();
  });
  draw();
  const hints = [["r", "right as it is: save"], ["c", "class"], ["b", "begins here"], ["e", "ends here"], ["m", "heard or seen"], ["a", "another"], ["x", "delete"], [",", "one before"], [".", "one after"], ["n", "next recording"]];
  return { keys, resize: showWave, node: el("section", { class: "card pad" }, el("h2", {}, "What is it?"), lane,
    el("div", { class: "tools" }, name, names, kind, save, said),
    el("div", { class: "acts" }, hints.map(([key, text]) => el("button", { type: "button", title: key, onclick: () => keys[key]() }, el("kbd", {}, key), ` ${text}`)))) };
}

// Events that are like this one, by what one chooses of it, once one asks.
const likenesses = { any: "in sound and picture", sound: "in sound", picture: "in picture", "sound&among=picture": "pictures like its sound", "picture&among=sound": "sounds like its picture" };

function makeAlike(event) {
  const list = el("ul", { class: "list", id: "alike" });
  const said = el("p", { class: "soft", role: "status" });
  const by = el("select", { "aria-label": "alike in what", onchange: () => find() }, Object.entries(likenesses).map(([value, text]) => el("option", { value }, text)));
  const button = el("button", { type: "button", id: "more", onclick: () => find() }, "More like this");
  async function find() {
    button.disabled = true;
    try {
      const found = await ask(`/api/alike?id=${encodeURIComponent(event.id)}&by=${by.value}`);
      list.replaceChildren(...found.events.map((other) => el("li", {}, el("a", { href: `#/event/${other.id}`, dot: `var(--${other.modality === "v" ? "seen" : "heard"})` },
        el("span", { class: "dot" }), el("b", {}, plain(other.class)), el("span", { class: "num" }, percent(other.similarity)),
        el("span", { class: "where" }, el("span", {}, other.camera), el("span", {}, `${day(other.begin)} ${clock(other.begin)}`))))));
      said.textContent = found.events.length ? "" : found.has_sound || found.has_picture ? "There is none." : "It is not kept where this event lies among others.";
    } catch (error) {
      said.textContent = error.message;
    }
    button.disabled = false;
  }
  return el("section", { class: "card pad" }, el("div", { class: "tools" }, button, by), said, list);
}

// The event before and the one after, of those that the filter of the address leaves.
function makeBeside(event, query, go) {
  const node = el("div", { class: "beside", role: "group", "aria-label": "events before and after" });
  let beside = {};
  ask(`/api/beside?id=${encodeURIComponent(event.id)}${query ? `&${query.slice(1)}` : ""}`).then((found) => {
    beside = found;
    const link = (id, mark, text, key) => (id ? el("a", { class: "button", href: `#/event/${id}${query}`, "aria-label": text, title: `${text} (${key})` }, mark) : el("span", { class: "button off", "aria-hidden": "true" }, mark));
    node.replaceChildren(link(found.before, "‹", "event before", "["), el("small", { class: "num" }, `${found.at.toLocaleString()} of ${found.of.toLocaleString()}`), link(found.after, "›", "event after", "]"));
  }).catch(() => {});
  return { node, step: (which) => beside[which] && go(`#/event/${beside[which]}${query}`) };
}

export function show(main, id, address) {
  const words = filterQuery(filterOf(address)).toString(), query = words ? `?${words}` : "";
  const head = el("div", { class: "head" }, el("h1", {}, "Event"));
  main.append(head);
  let acts = {};
  let curves = null, review = null, alignment = null;
  let isGone = false;

  async function load() {
    const event = await ask(`/api/event?id=${encodeURIComponent(id)}`);
    const recording = event.clip ? await ask(`/api/recording?id=${encodeURIComponent(id)}`).catch(() => null) : null;
    if (isGone) return;
    document.title = `${plain(event.class)} · tyto`;
    const beside = makeBeside(event, query, (hash) => { location.hash = hash; });
    head.replaceChildren(...[el("h1", {}, plain(event.class)), el("span", { class: "tag" }, modalities[event.modality] || ""),
      el("span", { class: "soft" }, `${event.camera}, ${day(event.begin)} ${clock(event.begin)}, ${event.end ? lasting(event.end - event.begin) : `for ${lasting(now() - event.begin)}`}`),
      el("span", { class: "grow" }), beside.node, el("a", { class: "button", href: `#/timeline/${event.id}${query}`, title: "t" }, "On the timeline"),
      recording && el("a", { class: "button", href: `/media?id=${encodeURIComponent(id)}`, download: recording.name.split("/").pop() }, "Download")].filter(Boolean));
    const heat = el("canvas", { "aria-label": "where it was" });
    const stage = el("div", { class: "stage" });
    const left = el("div", { class: "column" }, el("section", { class: "card tile" }, stage));
    const film = recording && makeFilm(event, recording);
    const video = film?.video;
    if (film) {
      stage.append(video);
      left.append(film.said);
    } else {
      stage.append(el("div", { class: "caption" }, "There is no recording of it."));
    }
    const picture = event.picture && el("img", { src: pictureOf(event.id), id: "picture", alt: `${plain(event.class)}, as it was seen` });
    if (picture && !recording) stage.prepend(picture);
    film?.ready.then((found) => {
      if (!found?.plays && picture) stage.prepend(picture); // there is nothing else to see
    });
    if (event.place) {
      drawPlace(heat, event.place, 0.5);
      heat.classList.add("heat");
      const over = el("button", { type: "button", class: "over", id: "where", title: "h", "aria-pressed": "true", onclick: () => {
        heat.hidden = !heat.hidden;
        over.setAttribute("aria-pressed", String(!heat.hidden));
      } }, "where");
      stage.append(heat, over);
    }
    if (recording && me.corrections) {
      const known = new Set([...(live.link.model?.classes || []), event.class, ...recording.labels.map((label) => label.class)]);
      review = makeReview(event, recording, film, [...known].sort());
      acts = review.keys;
      left.append(review.node);
      const own = recording.labels.find((label) => label.class === event.class);
      if (own) video.addEventListener("loadedmetadata", () => { video.currentTime = own.begin; }, { once: true });
    }
    const right = el("div", { class: "column" }, picture && recording && el("section", { class: "card tile" }, el("div", { class: "stage" }, picture)));
    if (event.segments) {
      const canvas = el("canvas", { class: "curves", role: "img", "aria-label": "scores of each second against the threshold" });
      right.append(el("section", { class: "card pad" }, el("h2", {}, "Scores, second by second"), canvas,
        el("div", { class: "keys" }, ["heard", "seen", "joint"].map((kind) => el("span", { class: "legend", dot: `var(--${kind})` }, el("i"), kind)), el("span", {}, "- - threshold"))));
      curves = () => drawCurves(canvas, event);
    }
    alignment = makeAlignment(event);
    if (alignment) right.append(alignment.node);
    else if (event.segments) right.append(el("section", { class: "card pad" }, el("h2", {}, "Which second answered which"), el("p", { class: "soft" },
      event.end ? "tytod has not said it of this event: sound or picture was missing, it was ended early, or it is of an older tytod." : "tytod says it once the event is over.")));
    right.append(el("section", { class: "card pad" }, el("h2", {}, "Why"), event.rev === undefined ? el("p", { class: "soft" }, "It is of an earlier run: its scores are not known here.") : facts([
      ["heard", percent(event.heard)], ["seen", percent(event.seen)], ["both together", percent(event.joint)], ["threshold", percent(event.threshold)],
      ["trusted", `sound ${percent(event.weight_audio)}, picture ${percent(event.weight_visual)}`], ["sure of its begin", percent(event.onset_confidence)],
      ["sure of its end", event.end ? percent(event.offset_confidence) : ""], ["offset", offsetText(event.offset_ms)], ["zones", (event.zones || []).join(", ")], ["last word", reasons[event.reason] || event.reason],
      ["clock", event.clock], ["model", event.model.slice(0, 12)], ["configuration", `no. ${event.generation}`], ["id", event.id]])));
    right.append(makeAlike(event));
    main.append(el("div", { class: "event" }, left, right));
    curves?.();
    alignment?.draw();
    acts["["] = () => beside.step("before");
    acts["]"] = () => beside.step("after");
    acts.h = () => document.getElementById("where")?.click();
    acts.t = () => { location.hash = `#/timeline/${event.id}${query}`; };
    if (video) {
      acts[" "] = () => (video.paused ? video.play() : video.pause());
      acts.ArrowLeft = (key) => { video.currentTime -= key.shiftKey ? 0.1 : 1; };
      acts.ArrowRight = (key) => { video.currentTime += key.shiftKey ? 0.1 : 1; };
    }
  }

  function onKey(key) {
    if (isTaken(key) || !acts[key.key]) return;
    acts[key.key](key);
    key.preventDefault();
  }
  const onSize = () => {
    curves?.();
    alignment?.draw();
    review?.resize();
  };
  load().catch((error) => main.append(el("p", { class: "note" }, `${error.message}${error.status === 404 ? ": the journal keeps a week, or as much as is set there (journal in tytod.yaml)" : ""}.`),
    el("p", {}, el("a", { class: "button", href: `#/timeline${query}` }, "The timeline"))));
  window.addEventListener("keydown", onKey);
  window.addEventListener("resize", onSize);
  return () => {
    isGone = true;
    window.removeEventListener("keydown", onKey);
    window.removeEventListener("resize", onSize);
  };
}
