// SPDX-License-Identifier: MIT
// Which second of picture answered which second of sound, the other way round, and which of both was
// trusted: for the last seconds of an event, as the network said it.
import { el, colourOf } from "./tools.js";

const LEFT = 46, TOP = 34, MAX_CELL = 34, MIN_CELL = 13;

// Seconds from the event's begin, of row i.
function times(event) {
  const { segments, alignment } = event, first = segments.joint.length - alignment.trust.length;
  return (i) => segments.begin_s + (first + i) * segments.hop_s;
}

const label = (s) => String(Math.round(s * 10) / 10).replace("-", "\u2212");

function begin(canvas, w, h) {
  const ratio = window.devicePixelRatio || 1;
  canvas.style.height = `${h}px`;
  canvas.width = w * ratio;
  canvas.height = h * ratio;
  const g = canvas.getContext("2d");
  g.setTransform(ratio, 0, 0, ratio, 0, 0);
  g.font = "11px system-ui, sans-serif";
  g.fillStyle = colourOf("--soft");
  return g;
}

function makeMatrix(event, which, title, rowsAre, columnsAre, colour) {
  const { alignment } = event, rows = alignment[which], cols = rows[0].length, at = times(event);
  const num = rows.length + cols - 1; // columns: all seconds that a row can look at
  const most = Math.max(1, ...rows.flat());
  const canvas = el("canvas", { class: "matrix", role: "img" });
  const said = el("p", { class: "soft said" });
  let cell = MIN_CELL;

  const share = (row, column) => { const c = column - row; return c >= 0 && c < cols ? rows[row][c] / 255 : 0; };
  const second = (column) => at(column - alignment.before);
  function tell(row, column) {
    said.textContent = `${rowsAre} at ${label(at(row))} s, ${columnsAre} at ${label(second(column))} s: ${Math.round(100 * share(row, column))} %`;
  }
  // What says the most, in words, for who does not see it.
  const best = rows.map((row, i) => i + row.indexOf(Math.max(...row)));
  const shifts = best.map((column, row) => column - alignment.before - row).sort((a, b) => a - b), shift = shifts[Math.floor(shifts.length / 2)] * event.segments.hop_s;
  const isEven = Math.max(...rows.flat()) < (2 * 255) / cols;
  const sum = isEven ? `no second of the ${columnsAre} stands out` : shift === 0 ? `${columnsAre} of the same second answered most often` : `${columnsAre} ${label(Math.abs(shift))} s ${shift < 0 ? "before" : "after"} it answered most often`;
  canvas.setAttribute("aria-label", `${title}: ${sum}`);
  said.textContent = `${sum.charAt(0).toUpperCase()}${sum.slice(1)}.`;

  function draw() {
    const w = canvas.clientWidth;
    cell = Math.max(6, Math.min(MAX_CELL, (w - LEFT - 4) / num));
    const g = begin(canvas, w, TOP + rows.length * cell + 4), high = rows.length * cell, wide = num * cell;
    g.fillText(`${columnsAre}, s`, LEFT, 11);
    const step = Math.max(1, Math.ceil(26 / cell)), stepDown = Math.max(1, Math.ceil(14 / cell));
    g.textAlign = "center";
    for (let c = 0; c < num; c += step) g.fillText(label(second(c)), LEFT + (c + 0.5) * cell, TOP - 6);
    g.textAlign = "right";
    for (let r = 0; r < rows.length; r += stepDown) g.fillText(label(at(r)), LEFT - 6, TOP + (r + 0.5) * cell + 4);
    g.save();
    g.translate(11, TOP + high / 2);
    g.rotate(-Math.PI / 2);
    g.textAlign = "center";
    g.fillText(`${rowsAre}, s`, 0, 0);
    g.restore();
    g.fillStyle = colourOf("--sunk");
    g.fillRect(LEFT, TOP, wide, high);
    g.fillStyle = colourOf(colour);
    for (let r = 0; r < rows.length; r++) {
      for (let c = 0; c < num; c++) {
        const v = (255 * share(r, c)) / most;
        if (v <= 0.01) continue;
        g.globalAlpha = v;
        g.fillRect(LEFT + c * cell + 0.5, TOP + r * cell + 0.5, cell - 1, cell - 1);
      }
    }
    g.globalAlpha = 1;
    g.strokeStyle = colourOf("--soft");
    g.setLineDash([3, 3]);
    g.beginPath(); // where sound and picture of the same second meet
    g.moveTo(LEFT + alignment.before * cell, TOP);
    g.lineTo(LEFT + (alignment.before + rows.length) * cell, TOP + high);
    g.stroke();
    g.setLineDash([]);
  }
  canvas.addEventListener("pointermove", (move) => {
    const box = canvas.getBoundingClientRect(), column = Math.floor((move.clientX - box.left - LEFT) / cell), row = Math.floor((move.clientY - box.top - TOP) / cell);
    if (row >= 0 && row < rows.length && column >= 0 && column < num) tell(row, column);
  });
  return { draw, node: el("div", {}, el("h3", {}, title), canvas, said) };
}

function makeTrust(event) {
  const { trust } = event.alignment, at = times(event);
  const mean = trust.reduce((a, b) => a + b, 0) / trust.length / 255;
  const canvas = el("canvas", { class: "trust", role: "img", "aria-label": `Trusted, second by second: ${Math.round(100 * mean)} % sound on average, ${Math.round(100 * (1 - mean))} % picture` });
  function draw() {
    const w = canvas.clientWidth, high = 56, wide = (w - LEFT - 4) / trust.length, g = begin(canvas, w, high + 22);
    g.fillText("100 %", 0, 10);
    g.fillText("0 %", 0, high);
    g.textAlign = "center";
    const step = Math.max(1, Math.ceil(30 / wide));
    for (let i = 0; i < trust.length; i++) {
      const share = trust[i] / 255, x = LEFT + i * wide;
      g.fillStyle = colourOf("--heard");
      g.fillRect(x, high * (1 - share), wide - 2, high * share);
      g.fillStyle = colourOf("--seen");
      g.fillRect(x, 0, wide - 2, high * (1 - share));
      g.fillStyle = colourOf("--soft");
      if (i % step === 0) g.fillText(`${label(at(i))} s`, x + wide / 2, high + 16);
    }
  }
  return { draw, node: el("div", {}, el("h3", {}, "Trusted, second by second"), canvas,
    el("div", { class: "keys" }, [["heard", "sound"], ["seen", "picture"]].map(([kind, text]) => el("span", { class: "legend", dot: `var(--${kind})` }, el("i"), text)))) };
}

// {node, draw}, or null where the event does not carry it.
export function makeAlignment(event) {
  if (!event.alignment || !event.segments) return null;
  const parts = [makeMatrix(event, "audio", "Sound asks the picture", "sound", "picture", "--heard"),
    makeMatrix(event, "visual", "Picture asks the sound", "picture", "sound", "--seen"), makeTrust(event)];
  return { draw: () => parts.forEach((part) => part.draw()),
    node: el("section", { class: "card pad", id: "alignment" }, el("h2", {}, "Which second answered which"),
      el("p", { class: "soft" }, "A row is a second that asks; the stronger a cell, the more of its attention went there. On the dashed line both are of the same second. Seconds count from the event's begin."),
      el("div", { class: "parts" }, parts.map((part) => part.node))) };
}
