// SPDX-License-Identifier: MIT
// Which events are wanted, and the words of an address that say so: the same on the timeline and on the page of
// an event, whose neighbours they are.

export function filterQuery(filter) {
  const query = new URLSearchParams();
  for (const key of ["camera", "zone", "modality"]) if (filter[key]) query.set(key, filter[key]);
  if (filter.classes.size > 0) query.set("class", [...filter.classes].sort().join(","));
  if (filter.score > 0) query.set("score", String(Math.round(filter.score * 100)));
  return query;
}

export function filterOf(query) {
  const text = (key) => query.get(key) || "";
  const score = Math.min(100, Math.max(0, Math.round(Number(text("score"))) || 0));
  return { camera: text("camera"), zone: text("zone"), modality: ["av", "a", "v"].includes(text("modality")) ? text("modality") : "", classes: new Set(text("class").split(",").filter(Boolean)), score: score / 100 };
}

export function fits(event, filter) {
  const top = event.joint === null ? 1 : Math.max(event.joint, event.heard, event.seen);
  return (!filter.classes.size || filter.classes.has(event.class)) && (!filter.modality || event.modality === filter.modality) &&
    (!filter.camera || event.camera === filter.camera) && (!filter.zone || event.zones.includes(filter.zone)) && top >= filter.score;
}
