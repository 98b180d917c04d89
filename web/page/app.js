// SPDX-License-Identifier: MIT
// Which page is shown, and what stands around it.
import { el, ask, setToken } from "./tools.js";
import { live, on, follow, unfollow } from "./live.js";
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
  { path: "now", title: "Now", show: nowPage.show },
  { path: "timeline", title: "Timeline", show: timelinePage.show },
  { path: "health", title: "Health", show: healthPage.show },
  { path: "zones", title: "Zones", show: zonesPage.show },
  { path: "review", title: "Review", show: reviewPage.show, isForCorrectors: true },
  { path: "teach", title: "Teach", show: teachPage.show, isForTeachers: true },
  { path: "thresholds", title: "Thresholds", show: thresholdsPage.show, isForAdmins: true },
  { path: "event", title: "Event", show: eventPage.show, isHidden: true },
];
const main = document.getElementById("main");
let leave = null;
let me = null; // null: nobody is logged in

const isOpen = (page) => (!page.isForAdmins || me?.role === "admin") && (!page.isForTeachers || Boolean(me?.teach)) && (!page.isForCorrectors || Boolean(me?.corrections));

function route() {
  if (!me) return;
  const [path, argument] = location.hash.replace(/^#\/?/, "").split("/");
  const page = pages.find((one) => one.path === path && isOpen(one)) || pages[0];
  if (leave) leave();
  main.replaceChildren();
  document.title = `${page.title} · tyto`;
  for (const link of document.querySelectorAll("#nav a")) {
    if (link.dataset.path === page.path) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  leave = page.show(main, argument ? decodeURIComponent(argument) : "") || null;
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
  pill.textContent = text;
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

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
  const shown = pages.filter((page) => !page.isHidden && isOpen(page));
  const at = "123456789".indexOf(event.key);
  if (me && at >= 0 && at < shown.length) location.hash = `#/${shown[at].path}`;
  else if (event.key === "d") turnTheme();
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
  window.addEventListener("hashchange", route);
  window.addEventListener("keydown", onKey);
  window.addEventListener("logged-out", onLoggedOut);
  document.getElementById("who").addEventListener("click", logOut);
  on("link", showLink);
  await begin();
}

start().catch(fail);
