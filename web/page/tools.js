// SPDX-License-Identifier: MIT
// Small things that every page uses. Text from tytod goes into the page as text, never as markup.

export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (key === "dot") node.style.setProperty("--dot", value);
    else if (value === true) node.setAttribute(key, "");
    else node.setAttribute(key, value);
  }
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined && child !== false) node.append(child);
  }
  return node;
}

// For who hears the page rather than sees it.
export function announce(text) {
  document.getElementById("aloud").textContent = text;
}

// The same text once more is not news: what is put there anew is read out anew.
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

// Whether a key is somebody else's: of a field that is typed into, of a dialog that is open, of the browser
// itself, or of the link or button that it is pressed on.
export function isTaken(key) {
  if (key.ctrlKey || key.metaKey || key.altKey || key.defaultPrevented || document.querySelector("dialog[open]")) return true;
  if (/^(INPUT|SELECT|TEXTAREA)$/.test(key.target.tagName) || (key.target.tagName === "VIDEO" && / |Arrow/.test(key.key))) return true;
  return (key.key === "Enter" || key.key === " ") && Boolean(key.target.closest?.("a, button, summary"));
}

const FOCUSABLE = "a[href], button, input, select, textarea, summary, [tabindex='0']";
const nameOf = (node) => node.id || node.getAttribute("href") || node.getAttribute("aria-label") || node.textContent;

// Draws what is inside root anew: what has the focus there has it afterwards, and what is scrolled
// sideways stays so.
export function keeping(root, draw) {
  const held = document.activeElement !== root && root.contains(document.activeElement) ? document.activeElement : null;
  const at = held ? [...root.querySelectorAll(FOCUSABLE)].indexOf(held) : -1;
  const scrolled = [...root.querySelectorAll(".scroll[aria-label]")].filter((one) => one.scrollLeft > 0).map((one) => [one.getAttribute("aria-label"), one.scrollLeft]);
  draw();
  for (const [name, left] of scrolled) {
    const one = [...root.querySelectorAll(".scroll[aria-label]")].find((other) => other.getAttribute("aria-label") === name);
    if (one) one.scrollLeft = left;
  }
  if (!held || held.isConnected) return;
  const all = [...root.querySelectorAll(FOCUSABLE)].filter((one) => !one.disabled && one.getClientRects().length > 0);
  (all.find((one) => nameOf(one) === nameOf(held)) || all[Math.min(Math.max(0, at), all.length - 1)])?.focus({ preventScroll: true });
}

export class Refused extends Error {
  constructor(status, text, data) {
    super(text);
    this.status = status;
    this.data = data;
  }
}

let token = "";
export function setToken(value) {
  token = value;
}

export async function ask(path, body) {
  const options = body === undefined ? {} : {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Tyto-Token": token },
    body: JSON.stringify(body),
  };
  const answer = await fetch(path, { ...options, cache: "no-store", credentials: "same-origin" });
  const data = await answer.json().catch(() => ({}));
  if (answer.status === 401 && path !== "/api/login") window.dispatchEvent(new Event("logged-out"));
  if (!answer.ok) throw new Refused(answer.status, data.error || `the server answered ${answer.status}`, data);
  return data;
}

// Calm colours that can be told apart on light and on dark.
const colours = ["#c8813a", "#3f8f9e", "#7f6bb3", "#6a9a52", "#b85c6b", "#4f7fbf", "#a98a2d", "#8a6d5a", "#3e9479", "#b0679c", "#6f7d92", "#c06a44"];
const given = new Map();
// A name keeps its colour while the page is open; two have the same only when there are too many.
export function classColour(name) {
  if (!given.has(name)) {
    let at = 7;
    for (const char of name) at = (at * 31 + char.charCodeAt(0)) >>> 0;
    const taken = new Set(given.values());
    for (let i = 0; i < colours.length && taken.has(colours[at % colours.length]); i++) at++;
    given.set(name, colours[at % colours.length]);
  }
  return given.get(name);
}

export function plain(name) {
  return name.replaceAll("_", " ");
}

export const pictureOf = (id) => `/picture?id=${encodeURIComponent(id)}`;

export const modalities = { av: "heard and seen", a: "heard", v: "seen" };

const clockFormat = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const dayFormat = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "short" });
const wholeFormat = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const shortFormat = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" });
export const clock = (ms) => clockFormat.format(ms);
export const day = (ms) => dayFormat.format(ms);
export const whole = (ms) => wholeFormat.format(ms);

// Of a recording, "CAMERA/20261123T155715Z-CLASS-ID.mkv": the event that it was made for; camera and time.
export const clipId = (clip) => clip.slice(-30, -4);
export function clipName(clip) {
  const [camera, name] = clip.split("/"), at = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z/.exec(name);
  return `${camera}, ${at ? shortFormat.format(Date.UTC(at[1], at[2] - 1, at[3], at[4], at[5], at[6])) : name}`;
}

export function lasting(ms) {
  const s = Math.max(0, ms) / 1000;
  if (s < 10) return `${s.toFixed(1)} s`;
  if (s < 90) return `${Math.round(s)} s`;
  if (s < 5400) return `${Math.round(s / 60)} min`;
  if (s < 129600) return `${Math.round(s / 3600)} h`;
  return `${Math.round(s / 86400)} days`;
}

export function ago(ms, now = Date.now()) {
  const past = now - ms;
  return past < 3000 ? "just now" : `${lasting(past)} ago`;
}

export function percent(score) {
  return score === null || score === undefined ? "–" : `${Math.round(score * 100)} %`;
}

export function offsetText(ms) {
  if (ms === undefined || ms === null) return "";
  if (Math.abs(ms) < 20) return "sound in step";
  return ms > 0 ? `sound ${ms} ms late` : `sound ${-ms} ms early`;
}

// A place map as soft light: cells are 0..255, row by row.
export function drawPlace(canvas, place, strength = 0.75) {
  const { rows, cols, cells } = place;
  const small = document.createElement("canvas");
  small.width = cols;
  small.height = rows;
  const context = small.getContext("2d");
  const image = context.createImageData(cols, rows);
  for (let i = 0; i < rows * cols; i++) {
    const v = cells[i] / 255;
    image.data[4 * i] = 255;
    image.data[4 * i + 1] = Math.round(150 + 90 * v);
    image.data[4 * i + 2] = Math.round(60 + 90 * v * v);
    image.data[4 * i + 3] = Math.round(255 * strength * Math.pow(v, 1.4));
  }
  context.putImageData(image, 0, 0);
  canvas.width = cols * 24;
  canvas.height = rows * 24;
  const target = canvas.getContext("2d");
  target.clearRect(0, 0, canvas.width, canvas.height);
  target.imageSmoothingEnabled = true;
  target.imageSmoothingQuality = "high";
  target.drawImage(small, 0, 0, canvas.width, canvas.height);
}

export function colourOf(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}
