// SPDX-License-Identifier: MIT
// Timeline: a lane per camera; heard above its line, seen below.
import { el, announce, ask, classColour, clock, colourOf, day, isTaken, keeping, lasting, modalities, percent, pictureOf, plain, say } from "./tools.js";
import { live, now, on } from "./live.js";
import { filterOf, filterQuery, fits } from "./filter.js";
import { download, makeInView } from "./inview.js";

const LANE = 78, AXIS = 30, NAME = 6;
const MODALITY_OF = { 1: "av", 2: "a", 3: "v" };
const SPANS = [["10 min", 600e3], ["1 h", 3600e3], ["6 h", 6 * 3600e3], ["1 day", 86400e3], ["1 week", 7 * 86400e3]];
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800].map((s) => s * 1000);
const FIRST = 2000; // rows
const MIN_SPAN = 10e3, MAX_SPAN = 60 * 86400e3;

// Rows as objects of columns: [id, camera, class, begin, end, modality, joint, heard, seen, clip, zones]
function fromRow(row, data) {
  return { id: row[0], camera: data.cameras[row[1]], class: data.classes[row[2]], begin: row[3], end: row[4], modality: MODALITY_OF[row[5]] || "",
    joint: row[6] === null ? null : row[6] / 1000, heard: row[7] === null ? null : row[7] / 1000, seen: row[8] === null ? null : row[8] / 1000, clip: !!row[9],
    zones: row[10].map((at) => data.zones[at]) };
}

export const keys = [[["←", "→"], "earlier, later"], [["+", "−"], "nearer, farther"], [["[", "]"], "event before, after"], [["⏎"], "open the one that is chosen"], [["g"], "go to a time"], [["n", "End"], "now"], [["Home"], "the first event"], [["Esc"], "none is chosen"]];

// What datetime-local fields have: the local time without its zone.
const localText = (ms) => new Date(ms - new Date(ms).getTimezoneOffset() * 60e3).toISOString().slice(0, 16);

export function show(main, wanted, address) {
  let events = []; // by begin
  let byId = new Map();
  let shown = []; // after the filters
  const filter = filterOf(address);
  const at0 = Number(address.get("at")), span0 = Number(address.get("span")) * 1000;
  const view = { end: at0 > 0 ? at0 : now(), span: span0 > 0 ? Math.max(MIN_SPAN, Math.min(MAX_SPAN, span0)) : 3600e3, isLive: !(at0 > 0) };
  let picked = null;
  let drag = null;
  let isGone = false;

  const spans = el("select", { "aria-label": "how much time" }, SPANS.map(([name, ms]) => el("option", { value: String(ms) }, name)), el("option", { value: "0", hidden: true }, "other"));
  const modality = el("select", { "aria-label": "heard or seen" },
    [["", "heard or seen"], ["av", "heard and seen"], ["a", "only heard"], ["v", "only seen"]].map(([value, name]) => el("option", { value }, name)));
  const camera = el("select", { "aria-label": "camera" }, el("option", { value: "" }, "all cameras"));
  const zone = el("select", { "aria-label": "zone", id: "zone", hidden: true }, el("option", { value: "" }, "anywhere"));
  const scoreText = el("span", { class: "num" }, "0 %");
  const score = el("input", { type: "range", min: "0", max: "100", value: "0", "aria-label": "lowest score" });
  const toNow = el("button", { type: "button", title: "n" }, "now");
  const goTo = el("input", { type: "datetime-local", id: "go-to", title: "g" });
  const csv = el("button", { type: "button", id: "csv", title: "the events that the filters leave, as a table", onclick: () => download(shown) }, "CSV");
  const chips = el("div", { class: "chips", role: "group", "aria-label": "classes" });
  const canvas = el("canvas", { tabindex: "0", role: "application", "aria-label": "timeline; arrows move, plus and minus zoom, brackets step through events" });
  const tip = el("div", { class: "tip", hidden: true });
  const count = el("small", { role: "status" });
  const said = el("div", { class: "soft", "aria-live": "polite" });
  main.append(
    el("div", { class: "head" }, el("h1", {}, "Timeline"), count, el("span", { class: "grow" }), csv),
    el("div", { class: "tools" }, spans, camera, zone, modality, el("label", {}, "score from", score, scoreText), el("label", {}, "go to", goTo), toNow),
    el("div", { class: "tools" }, chips),
    el("div", { class: "card lanes" }, canvas, tip), said,
    el("div", { class: "keys" }, el("span", {}, "above the line: heard; below: seen"),
      keys.slice(0, 6).map(([names, text]) => el("span", {}, names.map((name) => [el("kbd", {}, name), " "]), text))));
  const inView = makeInView({ view, query: queryText, go: (ms) => { goToTime(ms); canvas.focus(); }, clear: () => { clearFilters(); canvas.focus(); } });
  main.append(inView.node);

  function queryText() {
    const text = filterQuery(filter).toString();
    return text ? `?${text}` : "";
  }

  // What is looked at stands in the address, so that it can be come back to, and handed on.
  let addressTimer = 0;
  function putAddress() {
    const query = filterQuery(filter);
    if (view.span !== 3600e3) query.set("span", String(Math.round(view.span / 1000)));
    if (!view.isLive) query.set("at", String(Math.round(view.end)));
    const text = query.toString(), hash = `#/timeline${picked ? `/${picked.id}` : ""}${text ? `?${text}` : ""}`;
    if (location.hash.startsWith("#/timeline") && location.hash !== hash) history.replaceState(null, "", hash);
  }

  function keepAddress() {
    clearTimeout(addressTimer);
    addressTimer = setTimeout(putAddress, 300);
  }

  const lanes = () => [...new Set(events.map((event) => event.camera))].filter((id) => !filter.camera || id === filter.camera).sort();
  const width = () => canvas.clientWidth;
  const toX = (ms) => ((ms - (view.end - view.span)) / view.span) * width();
  const endOf = (event) => event.end || now();

  function refilter() {
    shown = events.filter((event) => fits(event, filter));
    draw();
    keepAddress();
  }

  // The fields say what the filter is.
  function showFilter() {
    for (const [select, value] of [[camera, filter.camera], [zone, filter.zone]]) {
      if (value) offer(select, [value]);
      select.value = value;
    }
    zone.hidden = zone.options.length < 2;
    modality.value = filter.modality;
    score.value = String(Math.round(filter.score * 100));
    scoreText.textContent = `${score.value} %`;
  }

  function clearFilters() {
    Object.assign(filter, filterOf(new URLSearchParams()));
    showFilter();
    showChips();
    refilter();
  }

  function goToTime(ms) {
    view.isLive = false;
    view.end = ms + view.span / 2;
    redraw();
  }

  function drawAxis(g, h) {
    const step = STEPS.find((ms) => (ms / view.span) * width() > 92) || STEPS[STEPS.length - 1];
    const zone = new Date(view.end).getTimezoneOffset() * 60e3;
    const begin = view.end - view.span;
    g.font = "12px system-ui, sans-serif";
    g.textBaseline = "middle";
    for (let t = Math.ceil((begin - zone) / step) * step + zone; t < view.end; t += step) {
      const x = toX(t);
      const isDay = (t - zone) % 86400e3 === 0;
      g.fillStyle = colourOf("--line");
      g.fillRect(Math.round(x), AXIS - 4, 1, h - AXIS + 4);
      g.fillStyle = colourOf("--soft");
      const text = step >= 86400e3 || isDay ? day(t) : step >= 60e3 ? clock(t).replace(/:\d\d(?!.*:)/, "") : clock(t);
      if (x + 5 + g.measureText(text).width < width()) g.fillText(text, x + 5, AXIS / 2); // whole, or not at all
    }
  }

  function drawEvent(g, event, middle) {
    const x = toX(event.begin);
    const w = Math.max(2, toX(endOf(event)) - x);
    const isPicked = picked && picked.id === event.id;
    const unknown = event.joint === null;
    const full = LANE / 2 - 10;
    const up = event.modality === "v" ? 0 : unknown ? full * 0.6 : Math.max(0.08, event.heard) * full;
    const down = event.modality === "a" ? 0 : unknown ? full * 0.6 : Math.max(0.08, event.seen) * full;
    g.fillStyle = classColour(event.class);
    g.globalAlpha = isPicked ? 1 : 0.82;
    const r = Math.min(3, w / 2);
    g.beginPath();
    g.roundRect(x, middle - up, w, up, [r, r, 0, 0]);
    g.roundRect(x, middle + 1, w, down, [0, 0, r, r]);
    g.fill();
    if (isPicked) {
      g.globalAlpha = 1;
      g.strokeStyle = colourOf("--ink");
      g.lineWidth = 1.5;
      g.strokeRect(x - 2.5, middle - up - 2.5, w + 5, up + down + 6);
    }
    if (w > 46) {
      g.globalAlpha = 1;
      g.fillStyle = colourOf("--ink");
      g.font = "12px system-ui, sans-serif";
      g.textBaseline = "bottom";
      g.save();
      g.beginPath();
      g.rect(x, middle - LANE / 2, w, LANE);
      g.clip();
      g.fillText(plain(event.class), x + 1, middle - Math.max(up, 4) - 2);
      g.restore();
    }
    g.globalAlpha = 1;
  }

  // Where many events fall on a column of pixels, one stands for all.
  function drawLane(g, id, middle) {
    const begin = view.end - view.span;
    const last = new Map();
    for (const event of shown) {
      if (event.begin > view.end) break;
      if (event.camera !== id || endOf(event) < begin) continue;
      const column = Math.floor(toX(event.begin) / 2) * 2;
      const isSmall = toX(endOf(event)) - toX(event.begin) < 2;
      const key = event.class;
      if (isSmall && last.get(key) === column && !(picked && picked.id === event.id)) continue;
      last.set(key, column);
      drawEvent(g, event, middle);
    }
  }

  function draw() {
    if (view.isLive) view.end = now() + view.span * 0.02;
    const ids = lanes();
    const h = AXIS + Math.max(1, ids.length) * LANE + 8;
    const ratio = window.devicePixelRatio || 1;
    if (canvas.width !== Math.round(width() * ratio) || canvas.height !== Math.round(h * ratio)) {
      canvas.style.height = `${h}px`;
      canvas.width = Math.round(width() * ratio);
      canvas.height = Math.round(h * ratio);
    }
    const g = canvas.getContext("2d");
    g.setTransform(ratio, 0, 0, ratio, 0, 0);
    g.clearRect(0, 0, width(), h);
    drawAxis(g, h);
    ids.forEach((id, i) => {
      const middle = AXIS + i * LANE + LANE / 2;
      g.fillStyle = colourOf("--line");
      g.fillRect(0, Math.round(middle), width(), 1);
      drawLane(g, id, middle);
      g.font = "600 12px system-ui, sans-serif";
      g.textBaseline = "top";
      const w = g.measureText(id).width;
      g.globalAlpha = 0.8;
      g.fillStyle = colourOf("--card");
      g.fillRect(0, middle - LANE / 2 + 3, w + 2 * NAME, 18);
      g.globalAlpha = 1;
      g.fillStyle = colourOf("--soft");
      g.fillText(id, NAME, middle - LANE / 2 + 6);
    });
    const x = toX(now());
    if (x < width()) {
      g.fillStyle = colourOf("--gold");
      g.fillRect(Math.round(x), AXIS - 6, 1.5, h);
    }
    // What is said of an event goes where it goes, and away with it.
    if (picked && (toX(endOf(picked)) < 0 || toX(picked.begin) > width() || !ids.includes(picked.camera))) tip.hidden = true;
    else if (picked && !tip.hidden) placeTip(picked);
    say(count, `${shown.length.toLocaleString()} of ${events.length.toLocaleString()} events`);
    if (hasLoaded) inView.show(shown, events);
    if (document.activeElement !== goTo) goTo.value = localText(view.end - view.span / 2);
  }

  let isDue = false, hasLoaded = false;
  function redraw() {
    keepAddress();
    if (isDue) return;
    isDue = true;
    requestAnimationFrame(() => {
      isDue = false;
      draw();
    });
  }

  function offer(select, names) {
    const known = new Set([...select.options].map((option) => option.value));
    for (const name of [...new Set(names)].sort()) if (!known.has(name)) select.append(el("option", { value: name }, name));
  }

  function showChips() {
    const names = [...new Set([...events.map((event) => event.class), ...filter.classes])].sort();
    keeping(chips, () => chips.replaceChildren(...names.map((name) => el("button", { type: "button", class: "chip", dot: classColour(name), "aria-pressed": String(filter.classes.has(name)),
      onclick: (click) => {
        if (!filter.classes.delete(name)) filter.classes.add(name);
        click.currentTarget.setAttribute("aria-pressed", String(filter.classes.has(name)));
        refilter();
      } }, plain(name)))));
    offer(camera, events.map((event) => event.camera));
    offer(zone, events.flatMap((event) => event.zones));
    zone.hidden = zone.options.length < 2;
  }

  function describe(event) {
    return [el("b", {}, plain(event.class)), el("div", { class: "soft" }, [event.camera, ...event.zones, modalities[event.modality]].filter(Boolean).join(", ")),
      el("div", { class: "num" }, `${day(event.begin)} ${clock(event.begin)}, ${event.end ? lasting(event.end - event.begin) : "still on"}`),
      event.joint === null ? el("div", { class: "soft" }, "of an earlier run: scores are not known")
        : el("div", { class: "num soft" }, `heard ${percent(event.heard)} · seen ${percent(event.seen)} · together ${percent(event.joint)}`)];
  }

  function pick(event, isMoving) {
    picked = event;
    if (!event) {
      tip.hidden = true;
      redraw();
      return;
    }
    const begin = view.end - view.span;
    if (isMoving && (event.begin < begin + view.span * 0.05 || event.begin > view.end - view.span * 0.1)) {
      view.isLive = false;
      view.end = event.begin + view.span / 2;
    }
    draw();
    keepAddress();
    tip.replaceChildren(...describe(event));
    if (isMoving) announce(describe(event).map((node) => node.textContent).join(", "));
    tip.hidden = false;
    placeTip(event);
    said.textContent = "";
    if (live.hasPictures) addPicture(event);
  }

  // Asked for once, as most events have none.
  async function addPicture(event) {
    event.hasPicture ??= (await ask(`/api/event?id=${event.id}`).catch(() => ({}))).picture === true;
    if (!event.hasPicture || picked !== event || tip.hidden || tip.querySelector("img")) return;
    tip.append(el("img", { src: pictureOf(event.id), alt: "", onload: () => picked === event && placeTip(event) }));
  }

  function placeTip(event) {
    const row = lanes().indexOf(event.camera);
    const x = Math.max(4, Math.min(width() - tip.offsetWidth - 4, toX(event.begin) - 20));
    const below = AXIS + (row + 1) * LANE - 6;
    const height = canvas.clientHeight;
    tip.style.left = `${x}px`;
    tip.style.top = `${below + tip.offsetHeight > height ? Math.max(2, AXIS + row * LANE - tip.offsetHeight + 14) : below}px`;
  }

  function at(x, y) {
    const id = lanes()[Math.floor((y - AXIS) / LANE)];
    let found = null;
    for (const event of shown) {
      if (event.camera === id && toX(event.begin) - 4 <= x && Math.max(toX(endOf(event)), toX(event.begin) + 2) + 4 >= x) found = event;
    }
    return found;
  }

  function zoom(factor, x = width() / 2) {
    const span = Math.max(MIN_SPAN, Math.min(MAX_SPAN, view.span * factor));
    const fixed = view.end - view.span + (x / width()) * view.span;
    if (!view.isLive || x < width() * 0.9) {
      view.isLive = view.isLive && factor > 1 && fixed > now();
      view.end = fixed + (1 - x / width()) * span;
    }
    view.span = span;
    spans.value = String(SPANS.find(([, ms]) => ms === span)?.[1] || 0);
    redraw();
  }

  function move(share) {
    view.isLive = false;
    view.end += view.span * share;
    if (view.end > now() + view.span * 0.02) view.isLive = true;
    redraw();
  }

  function step(by) {
    if (!shown.length) return;
    const from = picked ? picked.begin : by > 0 ? -Infinity : Infinity;
    const at = picked ? shown.findIndex((event) => event.id === picked.id) : -1;
    const near = by > 0 ? shown.findIndex((event) => event.begin > from) : shown.findLastIndex((event) => event.begin < from);
    const i = at >= 0 ? at + by : near; // what the filters have taken away since has neighbours, too
    pick(shown[i] || shown[by > 0 ? shown.length - 1 : 0], true);
  }

  function goNow() {
    view.isLive = true;
    redraw();
  }

  function open(event) {
    if (!event) return;
    putAddress();
    location.hash = `#/event/${event.id}${queryText()}`;
  }

  spans.value = String(SPANS.find(([, ms]) => ms === view.span)?.[1] || 0);
  showFilter();
  goTo.addEventListener("change", () => {
    const ms = new Date(goTo.value).getTime();
    if (Number.isFinite(ms)) goToTime(ms);
  });
  spans.addEventListener("change", () => {
    view.span = Number(spans.value);
    redraw();
  });
  modality.addEventListener("change", () => { filter.modality = modality.value; refilter(); });
  camera.addEventListener("change", () => { filter.camera = camera.value; refilter(); });
  zone.addEventListener("change", () => { filter.zone = zone.value; refilter(); });
  score.addEventListener("input", () => {
    filter.score = Number(score.value) / 100;
    scoreText.textContent = `${score.value} %`;
    refilter();
  });
  toNow.addEventListener("click", goNow);
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) move(event.deltaX / width());
    else zoom(Math.exp(event.deltaY * 0.0015), event.offsetX);
  }, { passive: false });
  canvas.addEventListener("pointerdown", (event) => {
    drag = { x: event.offsetX, end: view.end, isMoved: false };
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!drag) {
      const found = event.pointerType === "mouse" && at(event.offsetX, event.offsetY);
      if (found && found.id !== picked?.id) pick(found, false);
      return;
    }
    const dx = event.offsetX - drag.x;
    if (Math.abs(dx) > 4) drag.isMoved = true;
    if (!drag.isMoved) return;
    view.isLive = false;
    view.end = drag.end - (dx / width()) * view.span;
    tip.hidden = true;
    redraw();
  });
  canvas.addEventListener("pointerup", (event) => {
    if (drag && !drag.isMoved) {
      const found = at(event.offsetX, event.offsetY);
      if (found && picked && found.id === picked.id) open(found);
      else pick(found, false);
    }
    drag = null;
  });
  canvas.addEventListener("dblclick", (event) => zoom(0.4, event.offsetX));

  function onKey(event) {
    if (isTaken(event)) return;
    const acts = { ArrowLeft: () => move(-0.15), ArrowRight: () => move(0.15), "+": () => zoom(0.6), "=": () => zoom(0.6), "-": () => zoom(1.6),
      "[": () => step(-1), "]": () => step(1), n: goNow, g: () => goTo.focus(), Home: () => { view.isLive = false; view.end = (events[0]?.begin || now()) + view.span * 0.9; redraw(); },
      End: goNow, Enter: () => open(picked), Escape: () => pick(null) };
    if (!acts[event.key]) return;
    acts[event.key]();
    event.preventDefault();
  }
  window.addEventListener("keydown", onKey);

  function take(event) {
    const known = byId.get(event.id);
    if (known) {
      Object.assign(known, event);
    } else {
      byId.set(event.id, event);
      let i = events.length;
      while (i > 0 && events[i - 1].begin > event.begin) i--;
      events.splice(i, 0, event);
    }
    const isNewName = !known && ![...chips.children].some((chip) => chip.textContent === plain(event.class));
    if (isNewName) showChips();
    offer(camera, [event.camera]);
    offer(zone, event.zones);
    zone.hidden = zone.options.length < 2;
    shown = events.filter((event) => fits(event, filter));
    redraw();
  }

  // What the page has been told meanwhile stays.
  function merge(data) {
    const told = new Map(data.events.map((row) => [row[0], fromRow(row, data)]));
    for (const [id, event] of byId) told.set(id, event);
    byId = told;
    events = [...byId.values()].sort((a, b) => a.begin - b.begin);
    showChips();
    refilter();
    if (wanted && byId.has(wanted)) {
      pick(byId.get(wanted), true);
      wanted = "";
    }
    canvas.dataset.ready = String(events.length);
  }

  // Of the journal, where the server had it after this page was opened, or while it could not be reached.
  async function loadAgain() {
    const all = await ask("/api/events");
    if (!isGone) merge(all);
  }

  // The newest first, so that there is something to see at once, however many there are.
  async function load() {
    const begin = performance.now();
    const newest = await ask(`/api/events?max=${FIRST}`);
    const last = newest.events[newest.events.length - 1];
    hasLoaded = true;
    if (last && view.isLive && last[3] < now() - view.span) { // nothing in the last hour: begin where something is
      view.isLive = false;
      view.end = (last[4] || now()) + view.span * 0.1;
    }
    merge(newest);
    canvas.dataset.painted = String(Math.round(performance.now() - begin));
    if (newest.more && !isGone) {
      count.textContent += ", loading the others";
      await loadAgain();
    }
  }

  const fail = (error) => { said.textContent = `The events cannot be had: ${error.message}`; };
  load().catch(fail);
  const timer = setInterval(() => { if (view.isLive) redraw(); }, 1000);
  const undo = [on("event", ({ event }) => take(event)), on("past", () => loadAgain().catch(fail)), on("gone", (id) => {
    byId.delete(id);
    events = events.filter((event) => event.id !== id);
    refilter();
  })];
  window.addEventListener("resize", redraw);
  return () => {
    isGone = true;
    clearInterval(timer);
    clearTimeout(addressTimer);
    inView.stop();
    undo.forEach((stop) => stop());
    window.removeEventListener("resize", redraw);
    window.removeEventListener("keydown", onKey);
  };
}
