// SPDX-License-Identifier: MIT
// The recording of an event: played where the browser can, and what it cannot play is named.
import { el, ask } from "./tools.js";
import { now } from "./live.js";

const YOUNG_MS = 60000;
const waits = (ms) => new Promise((done) => setTimeout(done, ms));

// Until a recording that is being written has got its name, or isPatient() says no.
async function waitWhole(id, recording, isPatient) {
  while (!recording.whole && isPatient()) {
    await waits(4000);
    recording = await ask(`/api/recording?id=${encodeURIComponent(id)}`);
  }
}

// What is in it. A server that has too much to do is asked again.
async function look(id) {
  for (let turn = 0; ; turn++) {
    try {
      return await ask(`/api/film?id=${encodeURIComponent(id)}`);
    } catch (error) {
      if (error.status !== 503 || turn === 4) throw error;
      await waits(2000);
    }
  }
}

function lacks(film) {
  const found = [];
  if (film.video && !film.video.plays) found.push(`its picture is ${film.video.codec}`);
  if (film.audio && !film.audio.plays) found.push(`its sound is ${film.audio.codec}`);
  return found.join(" and ");
}

// {video, said, ready}: the player, what is said of it, and a promise of what is in it (null: nothing plays).
export function makeFilm(event, recording) {
  const query = `id=${encodeURIComponent(event.id)}`;
  const video = el("video", { controls: true, preload: "metadata", playsinline: true, hidden: true });
  const said = el("div", { class: "filmsaid", role: "status" }, el("p", { class: "soft" }, "The recording is made ready ..."));
  const asItIs = el("button", { type: "button", id: "as-it-is", onclick: () => { video.hidden = false; video.src = `/media?${query}`; asItIs.disabled = true; } }, "Try it as it is");
  const download = el("a", { class: "button", id: "download", href: `/media?${query}`, download: recording.name.split("/").pop() }, "Download it");
  const say = (text, isTried, isThere = true) => said.replaceChildren(el("div", { class: "note" }, el("p", {}, text), isThere && el("div", { class: "tools" }, isTried ? asItIs : null, download)));

  async function begin() {
    // One that is being written gets its name some seconds after the event's end.
    const isYoung = () => !event.end || now() - event.end < YOUNG_MS;
    const film = await waitWhole(event.id, recording, () => {
      said.replaceChildren(el("p", { class: "soft" }, "The recording is still being written; it comes by itself."));
      return isYoung() && said.isConnected;
    }).then(() => look(event.id)).catch((error) => {
      say(`${error.message.charAt(0).toUpperCase()}${error.message.slice(1)}.`, error.status !== 404, error.status !== 404);
      return null;
    });
    if (!film) return null;
    const lacking = lacks(film);
    if (!lacking) said.replaceChildren();
    else if (film.plays) say(`Only ${film.video?.plays ? "the picture" : "the sound"} is played: ${lacking}, which not every browser plays.`, true);
    else say(lacking ? `It is not played: ${lacking}, which not every browser plays.` : "There is nothing in it that could be played.", Boolean(lacking));
    if (!film.plays) return film;
    video.hidden = false;
    video.src = `/play?${query}`;
    return film;
  }
  video.addEventListener("error", () => {
    if (video.error?.code === MediaError.MEDIA_ERR_SRC_NOT_SUPPORTED || video.error?.code === MediaError.MEDIA_ERR_DECODE) say("This browser does not play the recording.", false);
    else say("The recording does not come any more: is tyto serve still there?", false);
  });
  return { video, said, ready: waits(0).then(begin), source: (film) => (film?.audio?.plays ? `/play?${query}` : `/media?${query}`) };
}
