// What the page knows of the exchanges, kept up by the gateway's events. Bounded: the page may be
// open for weeks.

import { events } from "./events.js";
import { ask, open, Refusal } from "./session.js";

const MOST_KEPT = 500;
const FETCHED = 200;
// The gateway says something every 15 s.
const LONGEST_SILENCE_MS = 40_000;
const WAITS_MS = [1000, 2000, 4000, 8000, 15_000];
// Each tab holds a connection, and a browser has six for a host.
const HIDDEN_MS = 60_000;

export const exchanges = new Map();
export let today = null;
export let link = { state: "connecting" };

const listeners = new Set();

/** Calls `heard(what, value)` for "exchanges" (the changed ones), "today" and "link"; comes back
 *  with what ends that. */
export function listen(heard) {
  listeners.add(heard);
  return () => listeners.delete(heard);
}

function say(what, value) {
  for (const heard of [...listeners]) heard(what, value);
}

/** The newest first; those of one moment always in the same order. */
export function newest() {
  return [...exchanges.values()].sort(later);
}

function later(a, b) {
  return b.started_ms - a.started_ms || (a.request_id < b.request_id ? 1 : -1);
}

/** Takes in what the gateway told of some exchanges. What was told longest ago goes: an old one
 *  that somebody has just asked for stays. */
export function take(told) {
  for (const exchange of [...told].sort(later).reverse()) {
    exchanges.delete(exchange.request_id);
    exchanges.set(exchange.request_id, exchange);
  }
  for (const [id, { state }] of exchanges) {
    if (exchanges.size <= MOST_KEPT) break;
    if (state !== "running") exchanges.delete(id);
  }
  say("exchanges", told);
}

/** Asks for exchanges that are not here; `query` as in GET exchanges. */
export async function fetchExchanges(query = {}) {
  const said = new URLSearchParams({ limit: FETCHED, ...query });
  take((await ask(`exchanges?${said}`)).exchanges);
}

let wake = () => {};
let following = null;

let followed = false;
addEventListener("online", () => wake());
document.addEventListener("visibilitychange", () => whenSeen());

/** Follows the gateway's events for as long as it knows our pass, whatever happens between. */
export async function follow() {
  if (followed) return;
  followed = true;
  for (let failed = 0; followed; ) {
    const began = Date.now();
    try {
      await followOnce();
    } catch (error) {
      followed = !(error instanceof Refusal && (error.status === 403 || error.status === 401));
      if (!followed) return;
    }
    if (document.hidden && following === "resting") {
      await new Promise((go) => (wake = go));
      failed = 0;
      continue;
    }
    failed = Date.now() - began > 30_000 ? 0 : failed + 1;
    await pause(WAITS_MS[Math.min(failed, WAITS_MS.length - 1)]);
  }
}

/** Tries now instead of later. */
export function retry() {
  wake();
}

async function followOnce() {
  const stop = new AbortController();
  let timer = 0;
  const heard = () => {
    clearTimeout(timer);
    timer = setTimeout(() => stop.abort(), LONGEST_SILENCE_MS);
  };
  heard();
  following = stop;
  try {
    const answer = await open("events", { signal: stop.signal });
    if (!answer.ok) throw new Refusal(answer.status, "the events did not come");
    await fetchExchanges();
    connected({ state: "live" });
    for await (const event of events(answer.body, heard)) {
      if (event.name === "exchange") soon(JSON.parse(event.data));
      if (event.name === "state") say("today", (today = JSON.parse(event.data)));
      if (event.name === "dropped") return;
    }
  } finally {
    clearTimeout(timer);
    stop.abort();
    if (following === stop) following = null;
  }
}

function connected(how) {
  link = how;
  say("link", how);
}

// Many events of a moment are one change of the page.
let waiting = new Map();

function soon(exchange) {
  if (waiting.size === 0) setTimeout(takeWaiting, 100);
  waiting.set(exchange.request_id, exchange);
}

function takeWaiting() {
  const told = [...waiting.values()];
  waiting = new Map();
  take(told);
}

async function pause(ms) {
  let timer = 0;
  connected({ state: "lost", again: Date.now() + ms });
  await new Promise((go) => {
    wake = go;
    timer = setTimeout(go, ms);
  });
  clearTimeout(timer);
  connected({ state: "connecting" });
}

let hiding = 0;

function whenSeen() {
  clearTimeout(hiding);
  if (!document.hidden) return wake();
  hiding = setTimeout(() => {
    const stop = following;
    following = "resting";
    stop?.abort?.();
  }, HIDDEN_MS);
}
