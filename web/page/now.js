// SPDX-License-Identifier: MIT
// Now: a tile per camera, and what happens.
import { el, ago, announce, ask, classColour, clock, drawPlace, keeping, lasting, modalities, offsetText, percent, plain } from "./tools.js";
import { live, now, on } from "./live.js";
import { makeChoice } from "./notify.js";

const looks = { live: "good", connecting: "warn", stalled: "warn", lost: "bad", failed: "bad", ended: "", unknown: "" };
const FADE_MS = 20000; // after an event its place is shown no longer
const OLD_MS = 15000;  // a picture is told to be of then, not of now

function best(scores, column) {
  let top = null;
  for (const row of scores.top) if (!top || row[column] > top[column]) top = row;
  return top;
}

function makeBar(kind, title) {
  const fill = el("i");
  const what = el("span", { class: "what" });
  const bar = el("div", { class: `bar ${kind}`, role: "meter", "aria-label": title, "aria-valuemin": "0", "aria-valuemax": "100" }, fill);
  return {
    nodes: [el("span", { class: "soft" }, title), bar, what],
    set(row, column, isThere) {
      const score = row && isThere ? row[column] : 0;
      fill.style.transform = `scaleX(${Math.max(0, Math.min(1, score))})`;
      bar.setAttribute("aria-valuenow", String(Math.round(score * 100)));
      what.textContent = !isThere ? "none" : !row || score < 0.05 ? "quiet" : `${plain(row[0])} ${percent(score)}`;
      what.title = what.textContent;
    },
  };
}

function makeTile(id) {
  const status = el("span", { class: "pill" });
  const canvas = el("canvas", { "aria-hidden": "true" });
  let picture = el("img", { class: "sight", alt: "", hidden: true });
  const caption = el("a", { class: "caption" });
  const heard = makeBar("heard", "heard");
  const seen = makeBar("seen", "seen");
  const footer = el("footer");
  const node = el("article", { class: "card tile", "aria-label": `camera ${id}` },
    el("header", {}, el("b", {}, el("a", { href: `#/timeline?camera=${encodeURIComponent(id)}`, title: "its timeline" }, id)), el("span", { class: "grow" }), status),
    el("div", { class: "stage" }, picture, canvas, caption),
    el("div", { class: "bars" }, heard.nodes, seen.nodes), footer);
  let drawn = null;

  function showPlace(camera) {
    if (camera.place && camera.place !== drawn) {
      drawn = camera.place;
      drawPlace(canvas, camera.place);
    }
    const isOld = !camera.place_at || now() - camera.place_at > FADE_MS;
    canvas.style.opacity = isOld ? "0" : "1";
  }

  // The one before stays until the next is there; a browser that is slow leaves some out.
  let isLoading = false;
  function showSight() {
    if (isLoading || document.hidden) return;
    const next = el("img", { class: "sight", alt: `what ${id} sees`, "data-num": String(Number(picture.dataset.num || 0) + 1) });
    isLoading = true;
    next.onload = () => {
      isLoading = false;
      picture.replaceWith(next);
      picture = next;
    };
    next.onerror = () => { isLoading = false; };
    next.src = `/live?camera=${encodeURIComponent(id)}&at=${now()}`;
  }

  function showAge(camera) {
    const age = camera.sight_at ? now() - camera.sight_at : 0;
    picture.classList.toggle("old", age > OLD_MS);
    if (age > OLD_MS && !picture.hidden) caption.textContent += ` · the picture is of ${ago(camera.sight_at, now())}`;
  }

  function showCaption(camera) {
    const event = live.recent.find((one) => one.camera === id);
    if (event) caption.href = `#/event/${event.id}`;
    else caption.removeAttribute("href");
    if (!event) caption.textContent = camera.status === "live" ? "all quiet" : camera.text || "";
    else if (!event.end) caption.textContent = `${plain(event.class)}, ${modalities[event.modality] || ""}, for ${lasting(now() - event.begin)}`;
    else caption.textContent = `${plain(event.class)}, ${modalities[event.modality] || ""}, ${ago(event.end, now())}`;
  }

  function showScores(camera) {
    const scores = camera.scores;
    const isFresh = scores && now() - scores.at < 8000;
    heard.set(isFresh ? best(scores, 2) : null, 2, camera.audio);
    seen.set(isFresh ? best(scores, 3) : null, 3, camera.video);
  }

  function show() {
    const camera = live.cameras.get(id);
    status.className = `pill ${looks[camera.status] || ""}`;
    status.textContent = camera.status;
    status.title = camera.text;
    footer.replaceChildren(...[
      camera.since > 0 && el("span", {}, `since ${clock(camera.since)}`),
      camera.offset_ms !== undefined && el("span", {}, offsetText(camera.offset_ms)),
      camera.dropped > 0 && el("span", {}, `${camera.dropped} dropped`),
      camera.status !== "live" && camera.text && el("span", {}, camera.text),
    ].filter(Boolean));
    showScores(camera);
    showPlace(camera);
    showCaption(camera);
    showAge(camera);
  }
  return { node, show, showSight, showScores: () => showScores(live.cameras.get(id)) };
}

// query: what the event's page is to keep in its address.
export function eventItem(event, isFresh, query = "") {
  return el("li", { class: isFresh ? "fresh" : "" },
    el("a", { href: `#/event/${event.id}${query}`, class: event.end ? "" : "open" },
      el("span", { class: "dot", dot: classColour(event.class) }),
      el("b", {}, plain(event.class)),
      el("span", { class: "tag" }, modalities[event.modality] || event.modality),
      el("span", { class: "where" },
        el("span", {}, event.camera),
        el("span", { class: "num" }, `${clock(event.begin)} · ${lasting((event.end || now()) - event.begin)}`))));
}

// What to do where no camera is known.
function makeEmpty() {
  const where = el("p", { class: "soft" });
  ask("/api/health").then((health) => { where.textContent = `This page listens to ${health.endpoint}.`; }).catch(() => {});
  const isThere = live.link.state === "connected";
  return el("div", { class: "card empty" }, el("img", { src: "icon.svg", width: "64", height: "64", alt: "" }),
    el("p", {}, isThere ? "tytod watches no camera." : "Waiting for tytod to tell of its cameras."),
    el("p", { class: "soft" }, isThere ? "Name one under cameras in tytod.yaml and have it read again (systemctl reload tytod), or try the demo camera: scripts/run." : "Is it running, and does it publish where this page listens? tyto status says how it is."),
    where, el("a", { class: "button", href: "#/health" }, "Health"));
}

export function show(main) {
  const tiles = new Map();
  const grid = el("section", { class: "tiles", "aria-label": "cameras" });
  const list = el("ul", { class: "list" });
  const choice = makeChoice();
  const happening = el("aside", { class: "card happening" }, el("h2", {}, "Happening"), choice.node, list);
  main.append(el("div", { class: "head" }, el("h1", {}, "Now")), el("div", { class: "now" }, grid, happening));

  function showList(freshId) {
    keeping(list, () => list.replaceChildren(...live.recent.slice(0, 30).map((event) => eventItem(event, event.id === freshId))));
    if (live.recent.length === 0) list.append(el("li", { class: "empty" }, "Nothing yet. What the cameras hear and see comes here by itself, some five seconds after it began."));
  }

  function makeTiles(ids) {
    tiles.clear();
    for (const id of ids) tiles.set(id, makeTile(id));
    grid.replaceChildren(...[...tiles.values()].map((tile) => tile.node));
    grid.classList.toggle("few", ids.length < 4);
    if (ids.length === 0) grid.append(makeEmpty());
  }

  function showAll() {
    const ids = [...live.cameras.keys()].sort();
    if (ids.length === 0 || ids.join() !== [...tiles.keys()].join()) keeping(grid, () => makeTiles(ids));
    for (const [id, tile] of tiles) {
      tile.show();
      if (live.cameras.get(id).sight || live.cameras.get(id).sight_at) tile.showSight();
    }
    showList();
    choice.fill();
  }

  showAll();
  const timer = setInterval(() => tiles.forEach((tile) => tile.show()), 2000);
  const undo = [
    on("all", showAll),
    on("camera", (id) => tiles.get(id)?.show()),
    on("scores", (id) => tiles.get(id)?.showScores()),
    on("sight", (id) => tiles.get(id)?.showSight()),
    on("link", () => choice.fill()),
    on("event", ({ event, isNew }) => {
      if (isNew) announce(`${plain(event.class)}, ${modalities[event.modality] || ""}, ${event.camera}`);
      showList(isNew ? event.id : "");
      tiles.get(event.camera)?.show();
    }),
  ];
  return () => {
    clearInterval(timer);
    undo.forEach((stop) => stop());
  };
}
