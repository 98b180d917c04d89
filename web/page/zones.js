// SPDX-License-Identifier: MIT
// Zones: draws a camera's zones and masks over its last picture, and writes the lines that go into
// tytod's configuration. Nothing is changed from here: who may edit the file pastes them.
import { el, ask, keeping } from "./tools.js";
import { live, now, on, wantSeconds } from "./live.js";

const MIN_CORNERS = 3, MAX_CORNERS = 32, MAX_SHAPES = 16, MIN_AREA = 0.0001;
const WHOLE_MS = 20000; // after an event its recording is whole
const MAX_LOOKS = 5; // for one that is there
const STEP = 0.01, FINE_STEP = 0.002;
const SVG = "http://www.w3.org/2000/svg";

const clamp = (v) => Math.min(1, Math.max(0, v));
const round = (v) => Math.round(clamp(v) * 1000) / 1000;

// --- what is a polygon: the rules of tytod --check ---------------------------------------------

function turnOf(a, b, c) {
  return (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x);
}

function isBetween(a, b, c) {
  return c.x >= Math.min(a.x, b.x) && c.x <= Math.max(a.x, b.x) && c.y >= Math.min(a.y, b.y) && c.y <= Math.max(a.y, b.y);
}

function meet(a, b, c, d) {
  const abc = turnOf(a, b, c), abd = turnOf(a, b, d), cda = turnOf(c, d, a), cdb = turnOf(c, d, b);
  if (abc * abd < 0 && cda * cdb < 0) return true;
  return (abc === 0 && isBetween(a, b, c)) || (abd === 0 && isBetween(a, b, d)) ||
    (cda === 0 && isBetween(c, d, a)) || (cdb === 0 && isBetween(c, d, b));
}

function areaOf(corners) {
  return Math.abs(corners.reduce((sum, a, i) => {
    const b = corners[(i + 1) % corners.length];
    return sum + a.x * b.y - b.x * a.y;
  }, 0)) / 2;
}

// "" where it is one; else what is wrong with it.
function faultOf(corners) {
  const num = corners.length, next = (i) => corners[(i + 1) % num];
  if (num < MIN_CORNERS || num > MAX_CORNERS) return `must have ${MIN_CORNERS} to ${MAX_CORNERS} corners`;
  for (let i = 0; i < num; i++) {
    if (corners[i].x === next(i).x && corners[i].y === next(i).y) return "has a corner twice in a row";
    for (let k = i + 2; k < num; k++) {
      if ((k + 1) % num !== i && meet(corners[i], next(i), corners[k], next(k))) return "crosses itself";
    }
  }
  return areaOf(corners) < MIN_AREA ? "covers hardly anything" : "";
}

// --- the file's lines ----------------------------------------------------------------------------

const textOf = (corners) => corners.map((corner) => `${corner.x},${corner.y}`).join(" ");

function linesOf(shapes) {
  const lines = [];
  for (const kind of ["zone", "mask"]) {
    const some = shapes.filter((shape) => shape.kind === kind);
    if (some.length > 0) lines.push(`    ${kind}s:`);
    for (const shape of some) {
      const keys = [...(kind === "zone" ? [`name: ${shape.name}`] : []), `polygon: ${textOf(shape.corners)}`, ...shape.rest];
      keys.forEach((key, i) => lines.push(`${i === 0 ? "      - " : "        "}${key}`));
    }
  }
  return lines.length > 0 ? `${lines.join("\n")}\n` : "";
}

function cornersOf(text) {
  const corners = text.trim().split(/\s+/).map((pair) => {
    const [x, y, more] = pair.split(",").map(Number);
    return more === undefined && Number.isFinite(x) && Number.isFinite(y) && x >= 0 && x <= 1 && y >= 0 && y <= 1 ? { x, y } : null;
  });
  return corners.length <= MAX_CORNERS && corners.every(Boolean) ? corners : null;
}

// Takes zones and masks out of lines of the file, written in either of YAML's ways: one between
// braces becomes lines first. Other keys of a zone that stand on lines of their own stay as they are.
function read(text) {
  const shapes = [];
  let kind = "";
  const flat = text.slice(0, 65536).replace(/\{([^{}]*polygon[^{}]*)\}/g, (_, inner) =>
    inner.split(/,(?=\s*[a-z_]+\s*:)/).map((key, i) => `\n${i === 0 ? "- " : "        "}${key.trim()}`).join(""));
  for (const raw of flat.split("\n")) {
    let line = raw.replace(/\s+#.*$/, "");
    const head = line.match(/^\s*(zones|masks)\s*:[\s[]*$/);
    if (head) kind = head[1].slice(0, -1);
    else if (/^\s{0,4}[a-z_]+\s*:/.test(line)) kind = "";
    if (head || !kind || /^[\s[\],-]*$/.test(line)) continue;
    const item = line.match(/^\s*-\s+(.*)$/);
    if (item) {
      shapes.push({ kind, name: "", corners: null, rest: [] });
      line = item[1];
    }
    const shape = shapes[shapes.length - 1];
    if (!shape) return null;
    const name = line.match(/^\s*name\s*:\s*["']?([a-z0-9_-]+)/);
    const polygon = line.match(/^\s*polygon\s*:\s*["']?([0-9][0-9., eE+-]*)/);
    if (name) shape.name = name[1];
    else if (polygon) shape.corners = cornersOf(polygon[1]);
    else shape.rest.push(line.trim());
  }
  const isWhole = shapes.every((shape) => shape.corners && (shape.kind === "mask" || shape.name));
  return isWhole && shapes.length <= 2 * MAX_SHAPES ? shapes : null;
}

// --- the page ------------------------------------------------------------------------------------

export const keys = [[["Tab"], "to the next corner"], [["←", "↑", "→", "↓"], "move it"], [["Shift"], "by less"], [["Enter"], "another corner after it"], [["Delete"], "take it away"]];

export function show(main) {
  const kept = new Map(); // camera to its shapes, while the page is open
  let shapes = [], picked = 0, isGone = false;
  let isLooking = false; // for what the camera sees now
  let isPicking = false; // the click that follows has chosen a shape: it adds no corner
  const cameras = [...live.cameras.keys()].sort();
  const camera = el("select", { id: "camera", "aria-label": "camera" }, cameras.map((id) => el("option", { value: id }, id)));
  const file = el("input", { type: "file", accept: "image/*", id: "picture" });
  const canvas = el("canvas", { hidden: true });
  const video = el("video", { preload: "auto", muted: true, playsinline: true, hidden: true });
  const caption = el("div", { class: "caption" });
  const svg = document.createElementNS(SVG, "svg");
  const handles = el("div", { class: "corners" });
  const stage = el("div", { class: "stage drawing", id: "stage" }, video, canvas, svg, handles, caption);
  const list = el("ul", { class: "list", id: "shapes" });
  const name = el("input", { type: "text", id: "name", "aria-label": "name of the zone", maxlength: "32" });
  const said = el("p", { class: "soft", role: "status", id: "said" });
  const yaml = el("textarea", { id: "yaml", rows: "12", spellcheck: "false", "aria-label": "lines of the configuration" });
  svg.setAttribute("viewBox", "0 0 1 1");
  svg.setAttribute("preserveAspectRatio", "none");

  const shape = () => shapes[picked];

  function tell(text) {
    said.textContent = text;
  }

  function check() {
    for (const one of shapes) {
      const fault = faultOf(one.corners);
      if (fault) return `${one.kind === "mask" ? "A mask" : one.name} ${fault}: tytod would refuse it.`;
    }
    const names = shapes.filter((one) => one.kind === "zone").map((one) => one.name);
    if (new Set(names).size < names.length) return "Two zones have the same name: tytod would refuse them.";
    return shapes.length > 0 ? "Paste these lines into the camera's part of tytod.yaml, and have it read again (SIGHUP)." : "";
  }

  function drawShapes() {
    svg.replaceChildren(...shapes.map((one, i) => {
      const polygon = document.createElementNS(SVG, "polygon");
      polygon.setAttribute("points", one.corners.map((corner) => `${corner.x},${corner.y}`).join(" "));
      polygon.setAttribute("class", `${one.kind}${i === picked ? " picked" : ""}${faultOf(one.corners) ? " bad" : ""}`);
      polygon.addEventListener("pointerdown", () => {
        isPicking = i !== picked;
        if (isPicking) pick(i);
      });
      return polygon;
    }));
    keeping(list, () => list.replaceChildren(...shapes.map((one, i) => el("li", {}, el("button", { type: "button", class: "quiet", id: `shape-${i}`, "aria-pressed": String(i === picked),
      onclick: () => pick(i) }, one.kind === "mask" ? "mask" : `zone ${one.name}`)))));
    if (shapes.length === 0) list.append(el("li", { class: "soft" }, "Nothing yet: begin with a zone (where events are wanted, or wanted otherwise) or a mask (what is not to be seen)."));
    yaml.value = linesOf(shapes);
    tell(check());
  }

  function place(handle, corner, i) {
    handle.style.left = `${100 * corner.x}%`;
    handle.style.top = `${100 * corner.y}%`;
    handle.setAttribute("aria-label", `corner ${i + 1} of ${shape().corners.length}, at ${corner.x}, ${corner.y}`);
  }

  function move(handle, i, x, y) {
    const corner = shape().corners[i];
    corner.x = round(x);
    corner.y = round(y);
    place(handle, corner, i);
    drawShapes();
  }

  function remove(i) {
    if (shape().corners.length === MIN_CORNERS) return tell("A polygon has three corners at least.");
    shape().corners.splice(i, 1);
    draw(Math.min(i, shape().corners.length - 1));
  }

  // A corner between the i-th and the one after it.
  function insert(i, at) {
    const { corners } = shape();
    if (corners.length === MAX_CORNERS) return tell(`A polygon has ${MAX_CORNERS} corners at most.`);
    const next = corners[(i + 1) % corners.length];
    corners.splice(i + 1, 0, at || { x: round((corners[i].x + next.x) / 2), y: round((corners[i].y + next.y) / 2) });
    draw(i + 1);
  }

  function onHandleKey(key, handle, i) {
    const step = key.shiftKey ? FINE_STEP : STEP, { x, y } = shape().corners[i];
    const ways = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
    if (ways[key.key]) move(handle, i, x + ways[key.key][0], y + ways[key.key][1]);
    else if (key.key === "Delete" || key.key === "Backspace") remove(i);
    else if (key.key === "Enter" || key.key === "+") insert(i);
    else return;
    key.preventDefault();
  }

  function makeHandle(corner, i) {
    const handle = el("button", { type: "button", class: "corner" });
    handle.addEventListener("keydown", (key) => onHandleKey(key, handle, i));
    handle.addEventListener("click", (click) => click.stopPropagation());
    handle.addEventListener("pointerdown", (down) => {
      down.stopPropagation();
      handle.setPointerCapture(down.pointerId);
      handle.onpointermove = (moved) => {
        const box = stage.getBoundingClientRect();
        move(handle, i, (moved.clientX - box.left) / box.width, (moved.clientY - box.top) / box.height);
      };
    });
    const stop = () => { handle.onpointermove = null; };
    handle.addEventListener("pointerup", stop);
    handle.addEventListener("pointercancel", stop);
    place(handle, corner, i);
    return handle;
  }

  // All anew; focus: the corner that gets it.
  function draw(focus) {
    picked = Math.max(0, Math.min(picked, shapes.length - 1));
    drawShapes();
    handles.replaceChildren(...(shape() ? shape().corners.map(makeHandle) : []));
    name.value = shape() && shape().kind === "zone" ? shape().name : "";
    name.disabled = !shape() || shape().kind !== "zone";
    if (focus !== undefined && handles.children[focus]) handles.children[focus].focus();
  }

  function pick(i) {
    picked = i;
    draw();
  }

  function add(kind) {
    const num = shapes.filter((one) => one.kind === kind).length;
    if (num === MAX_SHAPES) return tell(`A camera has ${MAX_SHAPES} ${kind}s at most.`);
    let at = num + 1;
    while (shapes.some((one) => one.name === `zone-${at}`)) at++;
    shapes.push({ kind, name: kind === "zone" ? `zone-${at}` : "", rest: [],
      corners: [{ x: 0.3, y: 0.3 }, { x: 0.7, y: 0.3 }, { x: 0.7, y: 0.7 }, { x: 0.3, y: 0.7 }] });
    picked = shapes.length - 1;
    draw(0);
  }

  // On the edge that is nearest, where somebody clicks beside all corners.
  function onClick(click) {
    const hasPicked = isPicking;
    isPicking = false;
    if (!shape() || hasPicked) return;
    const box = stage.getBoundingClientRect();
    const at = { x: round((click.clientX - box.left) / box.width), y: round((click.clientY - box.top) / box.height) };
    const { corners } = shape();
    let best = 0, least = Infinity;
    corners.forEach((a, i) => {
      const b = corners[(i + 1) % corners.length];
      const length = (b.x - a.x) ** 2 + (b.y - a.y) ** 2 || 1;
      const t = clamp(((at.x - a.x) * (b.x - a.x) + (at.y - a.y) * (b.y - a.y)) / length);
      const far = (a.x + t * (b.x - a.x) - at.x) ** 2 + (a.y + t * (b.y - a.y) - at.y) ** 2;
      if (far < least) [best, least] = [i, far];
    });
    insert(best, at);
  }

  function showPicture(node, width, height) {
    video.hidden = node !== video;
    canvas.hidden = node !== canvas;
    caption.hidden = true;
    stage.style.aspectRatio = `${width} / ${height}`;
  }

  // What the camera sees now, where tytod sends that; it is asked for only here.
  async function showLive() {
    const id = camera.value;
    const answer = await fetch(`/live?camera=${encodeURIComponent(id)}`, { credentials: "same-origin" }).catch(() => null);
    if (answer?.ok && isLooking && !isGone && camera.value === id) await showImage(await answer.blob());
  }

  function lookLive(why) {
    isLooking = true;
    caption.textContent = `${why}: choose a picture of it, or draw without one.`;
    wantSeconds(true);
  }

  async function showImage(blob) {
    const image = await createImageBitmap(blob);
    isLooking = false;
    canvas.width = image.width;
    canvas.height = image.height;
    canvas.getContext("2d").drawImage(image, 0, 0);
    showPicture(canvas, image.width, image.height);
  }

  async function findPicture() {
    isLooking = false;
    const id = camera.value;
    video.hidden = canvas.hidden = true;
    caption.hidden = false;
    caption.textContent = "Looking for a recording of it.";
    const { cameras: names, events } = await ask(`/api/events?from=0&to=${Date.now() + 86400000}&max=5000`);
    if (isGone || camera.value !== id) return;
    // One that is over for long is whole, but where another event goes on in the same recording, or it is gone.
    const over = events.filter((row) => names[row[1]] === id && row[9] && row[4] > 0 && row[4] < now() - WHOLE_MS).slice(-MAX_LOOKS).reverse();
    for (const [event] of over) {
      const query = `id=${encodeURIComponent(event)}`;
      const { whole } = await ask(`/api/recording?${query}`).catch(() => ({ whole: false }));
      if (isGone || camera.value !== id) return;
      if (whole) {
        video.src = `/play?${query}`;
        return;
      }
    }
    lookLive("There is no recording of this camera here");
  }

  function change() {
    shapes = kept.get(camera.value) || [];
    kept.set(camera.value, shapes);
    picked = 0;
    draw();
    findPicture().catch((error) => { caption.textContent = error.message; });
  }

  video.addEventListener("loadeddata", () => showPicture(video, video.videoWidth, video.videoHeight));
  video.addEventListener("error", () => { if (video.getAttribute("src")) lookLive("This browser does not play the camera's recording"); });
  const stopSights = on("sight", (id) => { if (isLooking && id === camera.value) showLive().catch(() => {}); });
  file.addEventListener("change", async () => {
    if (!file.files[0]) return;
    try {
      await showImage(file.files[0]);
    } catch {
      tell("This browser cannot read that picture.");
    }
  });
  name.addEventListener("change", () => {
    shape().name = name.value.trim().toLowerCase().replace(/[^a-z0-9_-]+/g, "-").slice(0, 32) || shape().name;
    draw();
  });
  yaml.addEventListener("change", () => {
    const found = read(yaml.value);
    if (!found) return tell("These lines are no zones and masks: each zone wants a name and a polygon, each mask a polygon.");
    shapes = found;
    kept.set(camera.value, shapes);
    draw();
  });
  camera.addEventListener("change", change);
  stage.addEventListener("click", onClick);

  main.append(el("div", { class: "head" }, el("h1", {}, "Zones and masks")));
  if (cameras.length === 0) {
    main.append(el("p", { class: "note" }, "tytod has told of no camera yet: ", el("a", { href: "#/health" }, "Health"), " says how it is."));
    return stopSights;
  }
  main.append(el("div", { class: "event" },
    el("div", { class: "column" },
      el("div", { class: "tools" }, camera, el("label", {}, "another picture ", file)),
      el("section", { class: "card tile" }, stage),
      el("div", { class: "keys" }, keys.map(([names, text]) => el("span", {}, names.map((name) => [el("kbd", {}, name), " "]), text)))),
    el("div", { class: "column" },
      el("section", { class: "card pad" }, el("h2", {}, "What is drawn"), list,
        el("div", { class: "tools" }, el("button", { type: "button", id: "add-zone", onclick: () => add("zone") }, "New zone"),
          el("button", { type: "button", id: "add-mask", onclick: () => add("mask") }, "New mask"),
          el("button", { type: "button", id: "remove", onclick: () => { shapes.splice(picked, 1); draw(); } }, "Take away"), name)),
      el("section", { class: "card pad" }, el("h2", {}, "For tytod.yaml"), said, yaml,
        el("p", { class: "soft" }, "What the camera has already can be pasted here, and is drawn then.")))));
  change();
  return () => { isGone = true; stopSights(); video.removeAttribute("src"); };
}
