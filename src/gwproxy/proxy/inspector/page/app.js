// The page's frame: the pass, the views and what stands above all of them.

import { announce, command, el, fill } from "./dom.js";
import { showExchange } from "./exchange.js";
import { showExchanges } from "./exchanges.js";
import { showProfiles } from "./profiles.js";
import { enter, whenLocked } from "./session.js";
import { exchanges, follow, link, listen, retry, today } from "./store.js";
import { showUsage } from "./usage.js";
import { brief, plural, sums } from "./words.js";

const VIEWS = [
  [/^#\/exchange\/(.+)$/, "Exchange", showExchange, "#/"],
  [/^#\/usage/, "Usage", showUsage, "#/usage"],
  [/^#\/profiles/, "Profiles", showProfiles, "#/profiles"],
  [/^/, "Exchanges", showExchanges, "#/"],
];

const main = document.getElementById("main");
let leave = () => {};
let running = 0;
let title = "gwproxy";

async function start() {
  try {
    if (!(await enter())) return gate("This page opens with a link that works once.");
  } catch (error) {
    return gate(`That link was not taken: ${error.message}.`);
  }
  document.body.classList.remove("locked");
  show();
  return follow();
}

function show() {
  leave();
  for (const [pattern, name, view, home] of VIEWS) {
    const found = pattern.exec(location.hash);
    if (!found) continue;
    for (const anchor of document.querySelectorAll("#views a")) {
      const here = anchor.getAttribute("href") === home;
      if (here) anchor.setAttribute("aria-current", "page");
      else anchor.removeAttribute("aria-current");
    }
    title = `${name} · gwproxy`;
    entitle();
    scrollTo(0, 0);
    leave = view(main, ...found.slice(1).map(decodeURIComponent)) ?? (() => {});
    return;
  }
}

function gate(words) {
  leave();
  leave = () => {};
  document.body.classList.add("locked");
  fill(document.getElementById("lost"));
  document.getElementById("lost").hidden = true;
  fill(
    main,
    el(
      "section",
      { class: "empty gate" },
      el("h1", { tabindex: "-1" }, "Open it with gwproxy ui"),
      el("p", {}, words),
      el("p", {}, command("gwproxy ui")),
      el("p", { class: "small" }, "A reload is fine, a new tab or a new start of the gateway needs a new link."),
    ),
  );
}

// --- above the views ---------------------------------------------------------------------------

// The sums come when an exchange has ended; how many run is known from the exchanges.
function showToday() {
  running = [...exchanges.values()].filter((one) => one.state === "running").length;
  entitle();
  if (!today) return;
  const { input_tokens, output_tokens, cost } = today.today;
  const parts = [
    running > 0 ? el("span", { class: "pulse" }, plural(running, "running", "running")) : null,
    el("span", {}, "today ", plural(today.today.exchanges, "exchange")),
    el("span", { class: "wide" }, `${brief(input_tokens)} in, ${brief(output_tokens)} out`),
    cost.length > 0 ? el("span", {}, sums(cost)) : null,
  ];
  fill(document.getElementById("today"), parts);
}

function entitle() {
  document.title = running > 0 ? `(${running}) ${title}` : title;
}

const LINKS = { live: "Live", connecting: "Connecting", lost: "Not connected" };
let ticking = 0;
let spoken = "";

function showLink({ state, again }) {
  fill(document.getElementById("link"), el("span", { class: `dot ${state}` }), LINKS[state]);
  // Told once for each time that it is lost or there again, not for each try.
  if (state !== "connecting" && state !== spoken) {
    if (spoken) announce(state === "live" ? "Connected again" : "The connection is lost");
    spoken = state;
  }
  clearInterval(ticking);
  const lost = document.getElementById("lost");
  if (state === "live") {
    lost.hidden = true;
    return;
  }
  if (state === "connecting") return;
  const left = el("span", { class: "figure" });
  const tick = () => (left.textContent = `${Math.max(0, Math.ceil((again - Date.now()) / 1000))} s`);
  tick();
  ticking = setInterval(tick, 1000);
  fill(
    lost,
    el("strong", {}, "The gateway does not answer."),
    el("span", {}, " What is here stays. Trying again in ", left, "."),
    el("button", { type: "button", on: { click: retry } }, "Try now"),
  );
  lost.hidden = false;
}

whenLocked(() => gate("This page's pass is not known any more: the gateway was started again."));
listen((what, value) => {
  if (what !== "link") showToday();
  if (what === "link") showLink(value);
});
showLink(link);
addEventListener("hashchange", () => {
  if (location.hash.startsWith("#code=")) {
    start();
  } else if (!document.body.classList.contains("locked")) {
    show();
  }
});
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
start();
