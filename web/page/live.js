// SPDX-License-Identifier: MIT
// What the server knows, kept up to date: asked for once, then followed by server-sent events.
import { ask } from "./tools.js";

export const live = {
  cameras: new Map(), // id -> as /api/now has it
  recent: [],         // events, the newest first
  link: { state: "waiting" },
  hasPictures: false, // whether the server shows pictures of events
  isOpen: false,      // the stream from the server
  skew: 0,            // server's clock less this one's, ms
};

const MAX_RECENT = 60;
const listeners = new Map();
let source = null;  // the stream that is listened to
let coming = null;  // one that takes its place once it is open, so that nothing is missed
let hasSeconds = true; // with what each second brings: scores and pictures
let turn = 0;
let wasOpen = false; // ever

export function on(name, listener) {
  if (!listeners.has(name)) listeners.set(name, new Set());
  listeners.get(name).add(listener);
  return () => listeners.get(name).delete(listener);
}

function tell(name, data) {
  for (const listener of listeners.get(name) || []) listener(data);
}

export const now = () => Date.now() + live.skew;

function takeEvent(event) {
  const at = live.recent.findIndex((other) => other.id === event.id);
  const isNew = at < 0;
  if (isNew) live.recent.unshift(event);
  else live.recent[at] = event;
  live.recent.length = Math.min(live.recent.length, MAX_RECENT);
  if (event.place && live.cameras.has(event.camera)) {
    live.cameras.get(event.camera).place = event.place;
    live.cameras.get(event.camera).place_at = now();
  }
  tell("event", { event, isNew });
}

async function refresh() {
  const state = await ask("/api/now");
  live.skew = state.now - Date.now();
  if (Math.abs(live.skew) < 1000) live.skew = 0;
  live.cameras = new Map(state.cameras.map((camera) => [camera.id, camera]));
  live.recent = state.events.reverse();
  live.link = state.link;
  tell("all");
  tell("link");
}

const takers = {
  camera(camera) {
    const known = live.cameras.get(camera.id);
    live.cameras.set(camera.id, { ...known, ...camera });
    tell(known ? "camera" : "all", camera.id);
  },
  scores(scores) {
    if (!hasSeconds) return; // of a stream that is about to be left
    const camera = live.cameras.get(scores.camera);
    if (camera) camera.scores = scores;
    tell("scores", scores.camera);
  },
  sight({ camera, at }) {
    if (!hasSeconds) return;
    if (live.cameras.has(camera)) live.cameras.get(camera).sight_at = at;
    tell("sight", camera);
  },
  event: takeEvent,
  gone({ id }) {
    live.recent = live.recent.filter((event) => event.id !== id);
    tell("gone", id);
    tell("all");
  },
  link(link) {
    live.link = link;
    tell("link");
  },
  past: () => tell("past"),
  teach: (state) => tell("teach", state),
  thresholds: (state) => tell("thresholds", state),
};

export async function follow() {
  unfollow();
  const mine = ++turn;
  await refresh();
  if (mine !== turn) return; // somebody has logged out, or follows anew
  source = connect(mine);
}

function connect(mine) {
  const stream = new EventSource(hasSeconds ? "/api/stream" : "/api/stream?seconds=no");
  stream.onopen = () => {
    if (stream === coming) {
      source?.close();
      source = stream;
      coming = null;
    }
    const wasShut = !live.isOpen;
    live.isOpen = true;
    tell("link");
    if (wasShut) refresh().catch(() => {}); // what came in between
    if (wasShut && wasOpen) tell("past");
    wasOpen = true;
  };
  stream.onerror = () => {
    if (stream === coming) { // there may be no room for two at once
      if (stream.readyState === EventSource.CLOSED) follow().catch(() => {});
      return;
    }
    live.isOpen = false;
    tell("link");
    // Why: who is not logged in any more learns it by this. It goes on by itself where it can.
    if (stream.readyState === EventSource.CLOSED) setTimeout(() => mine === turn && follow().catch(() => {}), 4000);
    else refresh().catch(() => {});
  };
  for (const [name, take] of Object.entries(takers)) {
    stream.addEventListener(name, (message) => take(JSON.parse(message.data)));
  }
  return stream;
}

// Whether the page that is shown has use for what each second brings. Others do not ask for it, and
// tytod makes it only while somebody does.
export function wantSeconds(wants) {
  if (wants === hasSeconds) return;
  hasSeconds = wants;
  for (const camera of wants ? [] : live.cameras.values()) Object.assign(camera, { sight: false, sight_at: 0, scores: undefined });
  coming?.close();
  coming = source ? connect(turn) : null;
}

export function unfollow() {
  turn++;
  source?.close();
  coming?.close();
  source = coming = null;
  live.isOpen = false;
}
