// SPDX-License-Identifier: MIT
// tytod's figures, as it tells monitors: read, compared with those before, and kept for a while so that
// they can be drawn as a line.
import { ask } from "./tools.js";

const MAX_KEPT = 200; // readings, one in three seconds: ten minutes
const MAX_SERIES = 40;

export const kept = []; // {at, values: Map}, the newest last

// "name{a="b"} 1.5" -> Map of name -> [{labels, value}].
export function parse(text) {
  const found = new Map();
  for (const line of text.split("\n")) {
    const match = /^([a-z_]+)(?:\{(.*)\})? ([^ ]+)$/.exec(line);
    if (!match) continue;
    const labels = {};
    for (const [, key, value] of (match[2] || "").matchAll(/([a-z_]+)="((?:\\.|[^"\\])*)"/g)) labels[key] = value.replace(/\\(.)/g, (_, c) => (c === "n" ? "\n" : c));
    if (!found.has(match[1])) found.set(match[1], []);
    found.get(match[1]).push({ labels, value: match[3] === "+Inf" ? Infinity : Number(match[3]) });
  }
  return found;
}

const fits = (row, labels) => Object.entries(labels).every(([key, value]) => row.labels[key] === value);

// The value, the sum of several; undefined: tytod does not tell it.
export function value(values, name, labels = {}) {
  const rows = (values?.get(name) || []).filter((row) => fits(row, labels));
  return rows.length ? rows.reduce((sum, row) => sum + row.value, 0) : undefined;
}

// A histogram's counts up to each bound: [[seconds, count], ...], those of before taken away.
function buckets(values, name, labels, before) {
  const rows = (values?.get(`${name}_bucket`) || []).filter((row) => fits(row, labels));
  return rows.map((row) => {
    const le = row.labels.le === "+Inf" ? Infinity : Number(row.labels.le);
    const old = before ? (before.get(`${name}_bucket`) || []).find((other) => fits(other, labels) && other.labels.le === row.labels.le) : null;
    return [le, row.value - (old ? old.value : 0)];
  }).sort((a, b) => a[0] - b[0]);
}

// {num, quantile(share)} in seconds, between bounds as if evenly spread.
export function histogram(values, name, labels = {}, before = null) {
  const bounds = buckets(values, name, labels, before);
  const num = bounds.length ? bounds[bounds.length - 1][1] : 0;
  const sum = (value(values, `${name}_sum`, labels) || 0) - (before ? value(before, `${name}_sum`, labels) || 0 : 0);
  return { num, mean: num > 0 ? sum / num : undefined, quantile(share) {
    if (num <= 0) return undefined;
    let low = 0, below = 0;
    for (const [le, count] of bounds) {
      if (count >= share * num) return le === Infinity ? low : low + (le - low) * ((share * num - below) / Math.max(1e-9, count - below));
      low = le;
      below = count;
    }
    return low;
  } };
}

// What was kept nearest to so long ago, of the same run of tytod.
export function before(ms) {
  const last = kept[kept.length - 1];
  if (!last) return null;
  const started = value(last.values, "process_start_time_seconds");
  return kept.find((one) => one !== last && one.at >= last.at - ms && value(one.values, "process_start_time_seconds") === started) || null;
}

// So many a second over the last so many ms; undefined: not known yet.
export function rate(name, labels = {}, ms = 30000) {
  const last = kept[kept.length - 1], old = before(ms);
  const a = value(last?.values, name, labels), b = value(old?.values, name, labels);
  return a === undefined || b === undefined ? undefined : Math.max(0, a - b) / ((last.at - old.at) / 1000);
}

// Numbers over time, by a function of a reading and the one before it.
export function series(of) {
  const found = [];
  for (let i = 1; i < kept.length; i++) found.push(of(kept[i], kept[i - 1]));
  return found.slice(-MAX_SERIES);
}

// Asks, and keeps what was told: {metrics: null, why} where tytod cannot be asked.
export async function read() {
  const told = await ask("/api/figures");
  const last = kept[kept.length - 1];
  if (told.metrics && (!last || told.asked > last.at)) {
    kept.push({ at: told.asked, values: parse(told.metrics) });
    if (kept.length > MAX_KEPT) kept.shift();
  }
  return told;
}
