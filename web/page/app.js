// SPDX-License-Identifier: MIT
// Which page is shown, and what stands around it.
import { el, announce, ask, isTaken, say, setToken } from "./tools.js";
import { live, on, follow, unfollow, wantSeconds } from "./live.js";
import { showKeys } from "./keys.js";
import * as notify from "./notify.js";
import * as login from "./login.js";
import * as nowPage from "./now.js";
import * as timelinePage from "./timeline.js";
import * as healthPage from "./health.js";
import * as eventPage from "./event.js";
import * as zonesPage from "./zones.js";
import * as reviewPage from "./review.js";
import * as teachPage from "./teach.js";
import * as thresholdsPage from "./thresholds.js";

const pages = [
  { path: "now", title: "Now", show: nowPage.show, hasSeconds: true },
  { path: "timeline", title: "Timeline", show: timelinePage.show, keys: timelinePage.keys },
  { path: "health", title: "Health", show: healthPage.show },
  { path: "zones", title: "Zones", show: zonesPage.show, keys: zonesPage.keys },
  { path: "review", title: "Review", show: reviewPage.show, isForCorrectors: true },
  { path: "teach", title: "Teach", show: teachPage.show, isForTeachers: true },
  { path: "thresholds", title: "Thresholds", show: thresholdsPage.show, isForAdmins: true },
  { path: "event", title: "Event", show: eventPage.show, keys: eventPage.keys, isHidden: true },
];
const main = document.getElementById("main");
let leave = null;
let me = null; // null: nobody is logged in
let shown = null; // the page that is

const isOpen = (page) => (!page.isForAdmins || me?.role === "admin") && (!page.isForTeachers || Boolean(me?.teach)) && (!page.isForCorrectors || Boolean(me?.corrections));

// "#/event/ID?camera=yard" -> page, "ID", {camera: "yard"}
function wanted() {
  const [place, query] = location.hash.replace(/^#\/?/, "").split("?");
  const [path, argument] = place.split("/");
  const page = pages.find((one) => one.path === path && isOpen(one)) || pages[0];
  return { page, argument: argument ? decodeURIComponent(argument) : "", query: new URLSearchParams(query || "") };
}

function route() {
  if (!me) return;
  const { page, argument, query } = wanted();
  if (leave) leave();
  main.replaceChildren();
  document.title = `${page.title} · tyto`;
  main.setAttribute("aria-label", page.title);
  for (const link of document.querySelectorAll("#nav a")) {
    if (link.dataset.path === page.path) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  wantSeconds(Boolean(page.hasSeconds));
  leave = page.show(main, argument, query) || null;
  // Whoever goes from page to page by keyboard goes on in the page, not where the one before was.
  if (shown) {
    window.scrollTo(0, 0);
    main.focus({ preventScroll: true });
    announce(page.title);
  }
  shown = page;
}

function showLink() {
  const pill = document.getElementById("link");
  pill.hidden = !me;
  const states = {
    denied: ["bad", "tytod refuses this page's keys"],
    connected: ["good", "watching"],
    silent: ["bad", "tytod is silent"],
    waiting: ["warn", "waiting for tytod"],
  };
  const [look, text] = live.isOpen ? states[live.link.state] || states.waiting : ["bad", "no connection"];
  pill.className = `pill ${look}`;
  say(pill, text);
}

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
}

function initTheme() {
  const wish = localStorage.getItem("theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  setTheme(wish || (system.matches ? "dark" : "light"));
  system.addEventListener("change", () => {
    if (!localStorage.getItem("theme")) setTheme(system.matches ? "dark" : "light");
  });
}

function turnTheme() {
  const theme = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
  localStorage.setItem("theme", theme);
  setTheme(theme);
  window.dispatchEvent(new Event("resize")); // what is drawn takes its colours anew
}

const listed = () => (me ? pages.filter((page) => !page.isHidden && isOpen(page)) : []);

function help() {
  showKeys(me ? shown?.title || "" : "", (me && shown?.keys) || [], listed());
}

function onKey(event) {
  if (isTaken(event)) return;
  const at = "123456789".indexOf(event.key), open = listed();
  if (at >= 0 && at < open.length) location.hash = `#/${open[at].path}`;
  else if (event.key === "d") turnTheme();
  else if (event.key === "?") help();
}

function setWho() {
  const who = document.getElementById("who");
  who.hidden = !me?.name;
  who.textContent = me?.name ? `${me.name} · log out` : "";
  who.title = me?.name ? `${me.name}, ${me.role}` : "";
  document.getElementById("nav").hidden = !me;
  for (const link of document.querySelectorAll("#nav a")) link.hidden = !isOpen(pages.find((page) => page.path === link.dataset.path));
  showLink();
}

// Of whoever is logged in, or the form.
async function begin() {
  const answer = await ask("/api/me");
  setToken(answer.token || "");
  me = answer.role ? answer : null;
  setWho();
  if (!me) {
    if (leave) leave();
    leave = login.show(main, begin);
    return;
  }
  if (leave) leave();
  leave = null;
  eventPage.setMe(me);
  live.hasPictures = Boolean(me.pictures);
  wantSeconds(Boolean(wanted().page.hasSeconds));
  await follow();
  route();
}

function fail(error) {
  main.replaceChildren(el("p", { class: "note bad" }, `The page cannot begin: ${error.message}`));
}

// Only one of the many requests that find it out shows the form.
function onLoggedOut() {
  if (!me) return;
  me = null;
  unfollow();
  begin().catch(fail);
}

async function logOut() {
  unfollow();
  await login.out().catch(() => {}); // who is not logged in any more wants no more
  onLoggedOut();
}

async function start() {
  initTheme();
  document.getElementById("nav").append(
    ...pages.filter((page) => !page.isHidden).map((page) => el("a", { href: `#/${page.path}`, "data-path": page.path }, page.title)),
  );
  document.getElementById("theme").addEventListener("click", turnTheme);
  document.getElementById("keys").addEventListener("click", help);
  document.querySelector(".skip").addEventListener("click", (click) => { // what stands behind # names pages here
    click.preventDefault();
    main.focus();
  });
  window.addEventListener("hashchange", route);
  window.addEventListener("keydown", onKey);
  window.addEventListener("logged-out", onLoggedOut);
  document.getElementById("who").addEventListener("click", logOut);
  on("link", showLink);
  notify.begin();
  await begin();
}

start().catch(fail);
