// One exchange in words: where its time went, what was changed and lost, what it cost; then, where
// it was captured, what was said.

import { cacheBar, timeBar } from "./bars.js";
import { announce, arrow, command, el, fill, said } from "./dom.js";
import { addressOf, choose, neighbour } from "./exchanges.js";
import { capturedPanes } from "./panes.js";
import { ask, tell } from "./session.js";
import { exchanges, listen, take } from "./store.js";
import { clock, dialect, standing, tool } from "./words.js";

/** Shows the exchange of that id; comes back with what ends it. */
export function showExchange(main, id) {
  choose(id);
  const head = el("header", { class: "exchange-head" });
  const facts = el("div", { class: "facts" });
  const words = el("section", { class: "words", "aria-labelledby": "words-title" });
  fill(main, crumbs(id), head, facts, words);
  let over = false;
  let gone = false;
  let headed = "";

  const show = (exchange) => {
    // The heading holds the focus: it changes only where its words do.
    const title = JSON.stringify([exchange.model_used, exchange.profile, exchange.status, exchange.state, exchange.phase]);
    if (title !== headed) {
      const focused = head.contains(document.activeElement);
      fill(head, heading(exchange));
      if (focused) head.querySelector("h1").focus({ preventScroll: true });
      headed = title;
    }
    fill(facts, ...troubles(exchange), timeBar(exchange), changesAndLosses(exchange), cacheBar(exchange), particulars(exchange));
    if (exchange.state !== "running" && !over) {
      over = true;
      showWords(words, exchange, () => gone);
    }
    if (!over) fill(words, wordsTitle(), el("p", { class: "calm" }, "What was said can be read when it has ended."));
  };

  const known = exchanges.get(id);
  if (known) show(known);
  // The page may hold an older state of it, or none.
  ask(`exchanges/${encodeURIComponent(id)}`).then(
    ({ exchange }) => {
      if (!known) take([exchange]);
      if (!gone) show(exchange);
    },
    (error) => {
      if (!known && !gone) fill(head, unknown(error));
    },
  );
  const stopListening = listen((what, told) => {
    const news = what === "exchanges" && told.findLast((one) => one.request_id === id);
    if (news) show(news);
  });
  const clockwork = setInterval(() => {
    const running = exchanges.get(id);
    if (running?.state === "running") show(running);
  }, 1000);
  const keys = (event) => onKey(event, id);
  document.addEventListener("keydown", keys);
  main.querySelector("h1")?.focus({ preventScroll: true });
  return () => {
    gone = true;
    stopListening();
    clearInterval(clockwork);
    document.removeEventListener("keydown", keys);
  };
}

function onKey(event, id) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select, textarea")) return;
  if (event.key === "Escape") location.hash = "#/";
  const step = { j: 1, k: -1 }[event.key];
  const next = step && neighbour(id, step);
  if (!next) return;
  // Now, not when it is shown: a key may come before.
  choose(next);
  location.hash = addressOf(next);
}

function crumbs(id) {
  const to = (step, words) => {
    const next = neighbour(id, step);
    return next ? el("a", { href: addressOf(next) }, words) : null;
  };
  return el(
    "nav",
    { class: "crumbs", "aria-label": "This exchange and its neighbours" },
    el("a", { href: "#/" }, "← All exchanges"),
    el("span", { class: "space" }),
    to(-1, "Newer"),
    to(1, "Older"),
  );
}

function unknown(error) {
  return [
    el("h1", { tabindex: "-1" }, "Not known"),
    el("p", {}, error.status === 404 ? "There is no such exchange, or it is too old." : error.message),
  ];
}

function heading(exchange) {
  const { kind, word } = standing(exchange);
  const { name, version } = tool(exchange.client);
  const asked = exchange.model_asked ?? exchange.model_used;
  const used = exchange.model_used;
  return [
    el(
      "h1",
      { tabindex: "-1" },
      asked ? said(asked) : said(exchange.path ?? "Exchange"),
      used && used !== asked ? [arrow("answered by"), said(used)] : null,
    ),
    el(
      "p",
      { class: "sentence" },
      el("span", { class: `state ${kind}` }, word),
      exchange.status ? el("span", { class: "figure" }, String(exchange.status)) : null,
      el("span", {}, said(`${name} ${version}`.trim()), " asked ", said(exchange.profile ?? "no profile"), exchange.host ? [" at ", said(exchange.host)] : null),
      el("span", { class: "figure" }, clock(exchange.started_ms)),
      el("span", {}, wayOf(exchange)),
    ),
  ];
}

function wayOf({ client_dialect: from, upstream_dialect: to, stream }) {
  const how = stream ? "streamed" : "in one piece";
  if (!from) return "";
  if (!to) return `${dialect(from)}, ${how}`;
  return from === to ? `${dialect(from)} passed through, ${how}` : `${dialect(from)} translated to ${dialect(to)}, ${how}`;
}

// --- what went wrong ---------------------------------------------------------------------------

function troubles(exchange) {
  const found = [];
  if (exchange.state === "gone") {
    found.push(el("section", { class: "callout", "aria-label": "Tool left" }, el("h2", {}, "The tool went away before the end"), el("p", {}, "The call to the provider was stopped.")));
  } else if (exchange.error) {
    const kind = (exchange.error_kind ?? "").replaceAll("_", " ");
    const upstream =
      exchange.upstream_status && exchange.upstream_status !== exchange.status
        ? `The provider said ${exchange.upstream_status}; the tool was told ${exchange.status}. `
        : "";
    found.push(
      el(
        "section",
        { class: "callout bad", "aria-label": "Error" },
        el("h2", {}, kind ? `It failed: ${kind}` : "It failed"),
        el("p", {}, said(exchange.error)),
        upstream ? el("p", { class: "small" }, upstream) : null,
      ),
    );
  }
  if (exchange.cache_alarm) found.push(alarm(exchange.cache_alarm));
  return found;
}

function alarm({ words, before }) {
  return el(
    "section",
    { class: "callout warn", "aria-label": "Cache alarm" },
    el("h2", {}, "The prompt cache stopped working here"),
    el("p", {}, said(words)),
    before ? el("p", {}, el("a", { href: addressOf(before) }, "See the turn before")) : null,
  );
}

// --- changes and losses ------------------------------------------------------------------------

function changesAndLosses(exchange) {
  const codes = exchange.losses ?? [];
  const words = exchange.losses_said ?? [];
  const why = exchange.losses_why ?? [];
  const losses = codes.map((code, at) => [[words[at] ?? code, why[at]].filter(Boolean).join(": "), code]);
  const changes = (exchange.changes ?? []).map((change) => [change, null]);
  return el(
    "section",
    { class: "card", "aria-labelledby": "changes-title" },
    el("h2", { id: "changes-title" }, "Lost or changed on the way"),
    losses.length + changes.length === 0
      ? el("p", { class: "calm" }, exchange.state === "running" ? "Nothing so far." : "Nothing.")
      : el("ul", { class: "changes" }, [...losses, ...changes].map(([sentence, code]) =>
          el("li", { class: code ? "loss" : "change" }, el("span", {}, said(sentence)), code ? el("code", {}, said(code)) : null),
        )),
  );
}

function particulars(exchange) {
  const rows = [
    ["Request", exchange.request_id],
    ["At the provider", exchange.upstream_request_id],
    ["Session", exchange.session],
    ["Path", exchange.path],
  ].filter(([, value]) => value);
  return el(
    "section",
    { class: "card", "aria-labelledby": "particulars-title" },
    el("h2", { id: "particulars-title" }, "Particulars"),
    el("dl", { class: "pairs" }, rows.map(([name, value]) => [el("dt", {}, name), el("dd", {}, said(String(value)))])),
    exchange.state === "running" ? null : el("div", { class: "actions" }, command(`gwproxy log ${exchange.request_id}`)),
  );
}

// --- what was said -----------------------------------------------------------------------------

function wordsTitle() {
  return el("h2", { id: "words-title" }, "What was said");
}

async function showWords(place, exchange, gone) {
  fill(place, wordsTitle(), el("p", { class: "calm" }, "Looking for the capture …"));
  const path = `exchanges/${encodeURIComponent(exchange.request_id)}`;
  let shown;
  try {
    // Asked first whether there is one: a browser makes an error of each 404.
    const { captured } = await ask(path);
    shown = captured ? capturedPanes(exchange, await ask(`${path}/capture`)) : await notCaptured();
  } catch (error) {
    shown = el("p", { class: "calm" }, `The capture could not be read: ${error.message}.`);
  }
  if (!gone()) fill(place, wordsTitle(), shown);
}

async function notCaptured() {
  let on = false;
  try {
    on = (await ask("profiles")).captures;
  } catch {
    // Then it is as if it were off: switching it on says what is wrong.
  }
  return el(
    "div",
    { class: "card uncaptured" },
    el("p", {}, "The words of this exchange were not kept. Its times, tokens, losses and cost above need no capture."),
    captureSwitch(on),
  );
}

/** The switch for captures, with what it means. */
export function captureSwitch(on) {
  const place = el("div", { class: "capture" });
  const show = (now, trouble = "") => {
    const button = el("button", { type: "button", class: now ? "" : "primary" }, now ? "Stop capturing" : "Capture from now on");
    button.addEventListener("click", async () => {
      button.disabled = true;
      try {
        await tell("capture", { on: !now });
        announce(now ? "Capturing is off" : "Capturing is on");
        show(!now);
      } catch (error) {
        show(now, error.message);
      }
    });
    fill(
      place,
      el("p", {}, now ? "Capturing is on: the next exchanges are kept whole." : CAPTURE_MEANS),
      el("div", { class: "actions" }, button),
      trouble ? el("p", { class: "trouble", role: "alert" }, trouble) : null,
    );
  };
  show(on);
  return place;
}

const CAPTURE_MEANS =
  "Capturing writes whole exchanges to this machine until the gateway stops: what you and your tool wrote, the files " +
  "it read, the answers. Keys are masked, only you can read the files, at most 100 are kept, none longer than " +
  "30 days. gwproxy purge captures deletes them.";
