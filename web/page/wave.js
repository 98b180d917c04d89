// SPDX-License-Identifier: MIT
// The sound of a recording as a line to look at, decoded by the browser.
import { colourOf } from "./tools.js";

const RATE = 8000; // Hz: enough to look at, and little memory
const MAX_BYTES = 96 << 20;

// The loudest of each hundredth of a second, 0..1, or null where there is no sound, the browser does not
// know it, or the recording is too large to be taken whole.
export async function loudness(url) {
  try {
    const answer = await fetch(url, { credentials: "same-origin" });
    if (!answer.ok || Number(answer.headers.get("Content-Length")) > MAX_BYTES) {
      await answer.body?.cancel();
      return null;
    }
    const sound = await new OfflineAudioContext(1, 1, RATE).decodeAudioData(await answer.arrayBuffer());
    const samples = sound.getChannelData(0), step = RATE / 100;
    const peaks = new Float32Array(Math.ceil(samples.length / step));
    for (let i = 0; i < samples.length; i++) peaks[Math.floor(i / step)] = Math.max(peaks[Math.floor(i / step)], Math.abs(samples[i]));
    return peaks;
  } catch {
    return null;
  }
}

// Over length seconds; quiet things are drawn larger than they are, as they are heard.
export function drawWave(canvas, peaks, length) {
  const ratio = window.devicePixelRatio || 1, w = Math.round(canvas.clientWidth * ratio), h = Math.round(canvas.clientHeight * ratio);
  canvas.width = w;
  canvas.height = h;
  const g = canvas.getContext("2d");
  g.fillStyle = colourOf("--heard");
  g.globalAlpha = 0.55;
  const most = Math.max(0.02, peaks.reduce((a, b) => Math.max(a, b), 0));
  for (let x = 0; x < w; x++) {
    const begin = Math.floor((x / w) * length * 100), end = Math.max(begin + 1, Math.floor(((x + 1) / w) * length * 100));
    if (begin >= peaks.length) break;
    let peak = 0;
    for (let i = begin; i < Math.min(end, peaks.length); i++) peak = Math.max(peak, peaks[i]);
    const half = Math.max(0.5, Math.sqrt(peak / most) * h * 0.46);
    g.fillRect(x, h / 2 - half, 1, 2 * half);
  }
}
