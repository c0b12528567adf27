// The profiles: where the key lives, what is known of the provider, what was learned from it.

import { announce, command, el, fill, said } from "./dom.js";
import { captureSwitch } from "./exchange.js";
import { ask, tell } from "./session.js";
import { listen } from "./store.js";
import { ago, dialect, plural, span } from "./words.js";

const AGAIN_MS = 5000;

/** Shows the profiles; comes back with what ends it. */
export function showProfiles(main) {
  const place = el("div", { class: "profiles" });
  fill(main, el("h1", { tabindex: "-1" }, "Profiles"), place);
  let gone = false;
  let shown = "";
  const load = async () => {
    let answer;
    try {
      answer = await ask("profiles");
    } catch (error) {
      if (!gone && !shown) fill(place, el("p", { class: "trouble", role: "alert" }, `They could not be read: ${error.message}`));
      return;
    }
    // What has not changed is left alone: somebody may be reading it, or about to press a button.
    const now = JSON.stringify(answer);
    if (gone || now === shown) return;
    shown = now;
    if (place.querySelector(".sure")) return void (shown = "");
    const open = new Set([...place.querySelectorAll("details[open]")].map((fold) => fold.dataset.name));
    const held = place.contains(document.activeElement) ? handleOf(document.activeElement) : null;
    fill(place, answer.profiles.length === 0 ? none() : answer.profiles.map((one) => card(one, answer.default, load)), captures(answer), versionOf(answer));
    for (const fold of place.querySelectorAll("details")) fold.open = open.has(fold.dataset.name);
    if (held) [...place.querySelectorAll("button, summary")].find((one) => handleOf(one) === held)?.focus({ preventScroll: true });
  };
  load();
  const timer = setInterval(() => document.hidden || load(), AGAIN_MS);
  const stopListening = listen((what) => what === "today" && load());
  return () => {
    gone = true;
    clearInterval(timer);
    stopListening();
  };
}

// By what a control is found again after the cards were made anew.
function handleOf(control) {
  return control.getAttribute("aria-label") ?? control.parentElement.dataset.name ?? control.textContent;
}

function none() {
  return el("section", { class: "empty" }, el("h2", {}, "No profile yet"), el("p", {}, "A profile is one provider that you pay for."), el("p", {}, command("gwproxy profile add")));
}

function captures({ captures: on, capture_forced: forced, can_capture: can = true }) {
  return el(
    "section",
    { class: "card", "aria-labelledby": "capture-title" },
    el("h2", { id: "capture-title" }, "Capturing", el("span", { class: "total" }, on ? (forced ? "on, for this run" : "on") : "off")),
    can ? captureSwitch(on) : el("p", { class: "calm" }, "This gateway has no place for captures."),
  );
}

function versionOf({ version }) {
  return el("p", { class: "foot" }, `gwproxy ${version}`);
}

function card(profile, standard, again) {
  const title = `profile-${profile.name}`;
  return el(
    "section",
    { class: "card profile-card", "aria-labelledby": title },
    el(
      "header",
      {},
      el("h2", { id: title }, said(profile.name)),
      profile.name === standard ? el("span", { class: "chip" }, "default") : null,
      el("span", { class: "space" }),
      el("span", { class: `state ${healthOf(profile)[0]}` }, healthOf(profile)[1]),
    ),
    profile.key_trouble ? el("p", { class: "callout bad" }, said(profile.key_trouble)) : null,
    el(
      "dl",
      { class: "pairs" },
      pair("Host", (profile.hosts ?? []).join(", ") || "built in"),
      pair("Formats", (profile.dialects ?? []).map(dialect).join(", ")),
      pair("Model", profile.model || "as the tool asks"),
      pair("Key", keyWords(profile)),
      pair("Last answer", profile.last_success_ms ? ago(profile.last_success_ms) : "none yet"),
      pair("Now", `${plural(profile.in_flight ?? 0, "running", "running")}${profile.waiting ? `, ${profile.waiting} waiting` : ""}`),
    ),
    lessons(profile, again),
    quirks(profile),
  );
}

function pair(name, value) {
  return [el("dt", {}, name), el("dd", {}, said(value))];
}

function healthOf(profile) {
  if (profile.key_trouble) return ["failed", "No key"];
  if (profile.cooling_s) return ["resting", `Resting for ${profile.cooling_s < 60 ? `${profile.cooling_s} s` : span(profile.cooling_s * 1000)} more`];
  return ["done", "Ready"];
}

function keyWords({ key, key_trouble }) {
  if (!key) return key_trouble ? "none" : "not needed so far";
  return key.masked ? `${key.source}, ${key.masked}` : key.source;
}

function quirks({ name, quirks: all = [] }) {
  if (all.length === 0) return null;
  return el(
    "details",
    { class: "more-of", "data-name": `quirks ${name}` },
    el("summary", {}, plural(all.length, "thing"), " known of this provider"),
    el(
      "div",
      { class: "scroll" },
      el(
        "table",
        { class: "plain" },
        el("thead", {}, el("tr", {}, ["Quirk", "Value", "Known from", "Why"].map((head) => el("th", { scope: "col" }, head)))),
        el("tbody", {}, all.map((quirk) =>
          el("tr", {}, el("th", { scope: "row" }, said(quirk.name)), [quirk.value, quirk.source, quirk.why].map((value) => el("td", {}, said(textOf(value))))),
        )),
      ),
    ),
  );
}

function textOf(value) {
  if (value === null || value === undefined || value === "") return "–";
  return typeof value === "string" ? value : JSON.stringify(value);
}

function lessons({ name, lessons: all = [] }, again) {
  if (all.length === 0) return null;
  return el(
    "div",
    { class: "lessons" },
    el("h3", {}, "Learned from refusals"),
    el("ul", {}, all.map((lesson) => 
      el(
        "li",
        {},
        el(
          "div",
          {},
          el("span", {}, said(lesson.words)),
          lesson.name ? el("code", {}, said(`${lesson.name} = ${textOf(lesson.value)}`)) : null,
          el("span", { class: "sub" }, said([lesson.day, lesson.host, lesson.model].filter(Boolean).join(" · "))),
        ),
        forget(name, lesson, again),
      ),
    )),
  );
}

function forget(profile, lesson, again) {
  const place = el("div", { class: "actions" });
  const start = (focus) => {
    const button = el("button", { type: "button", "aria-label": `Forget: ${lesson.words}` }, "Forget");
    button.addEventListener("click", sure);
    fill(place, button);
    place.classList.remove("sure");
    if (focus) button.focus();
  };
  const sure = () => {
    const yes = el("button", { type: "button", class: "danger" }, "Forget it");
    const no = el("button", { type: "button" }, "Keep it");
    no.addEventListener("click", () => start(true));
    yes.addEventListener("click", async () => {
      yes.disabled = true;
      try {
        await tell("lessons/forget", { profile, id: lesson.id });
        announce("Forgotten");
        place.classList.remove("sure");
        again();
      } catch (error) {
        fill(place, el("span", { class: "trouble", role: "alert" }, error.message));
      }
    });
    place.classList.add("sure");
    fill(place, el("span", { class: "small" }, "It will be asked for anew, and may be refused again."), yes, no);
    no.focus();
  };
  start(false);
  return place;
}
