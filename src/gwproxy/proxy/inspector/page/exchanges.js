// The list of exchanges: newest first, live, filtered, walked by keyboard.

import { announce, arrow, aside, command, el, fill, said } from "./dom.js";
import { exchanges, fetchExchanges, listen, newest } from "./store.js";
import { brief, clock, exact, inputParts, money, percent, plural, span, standing, tool } from "./words.js";

const COLUMNS = [
  ["time", "Time"],
  ["tool", "Tool"],
  ["profile", "Profile"],
  ["model", "Model"],
  ["status", "Status"],
  ["wait", "Wait", "figure"],
  ["tokens", "Tokens", "figure"],
  ["cost", "Cost", "figure"],
  ["notes", "Lost or changed"],
];

const filters = { text: "", errors: false, profile: "", tool: "" };
// The one that was opened last, or that j and k stand on.
let chosen = null;

/** The address of one exchange. */
export function addressOf(id) {
  return `#/exchange/${encodeURIComponent(id)}`;
}

/** The exchange after or before `id` in the list as it is filtered now; null at its end. */
export function neighbour(id, step) {
  const shown = matching();
  const at = shown.findIndex((exchange) => exchange.request_id === id);
  return at < 0 ? null : (shown[at + step]?.request_id ?? null);
}

/** Remembers where the list stands. */
export function choose(id) {
  chosen = id;
}

/** Shows the list; comes back with what ends it. */
export function showExchanges(main) {
  const rows = new Map();
  const body = el("tbody", { role: "rowgroup" });
  const table = el(
    "table",
    { class: "exchanges", role: "table", "aria-label": "Exchanges, the newest first" },
    el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, COLUMNS.map(header))),
    body,
  );
  const foot = el("p", { class: "foot" });
  const nothing = el("div");
  const bar = filterBar(() => refresh(true));
  fill(main, el("h1", { class: "unseen", tabindex: "-1" }, "Exchanges"), bar.node, table, nothing, foot);

  const refresh = (byHand = false) => {
    const shown = matching();
    const ids = new Set(shown.map((exchange) => exchange.request_id));
    for (const [id, row] of rows) {
      if (!ids.has(id)) {
        row.node.remove();
        rows.delete(id);
      }
    }
    place(shown, rows, body);
    bar.offer();
    const empty = shown.length === 0;
    table.hidden = empty;
    bar.node.hidden = exchanges.size === 0;
    fill(nothing, empty && (exchanges.size === 0 ? firstUse() : noMatch(bar)));
    fill(foot, ...footWords(shown.length));
    if (byHand) announce(plural(shown.length, "exchange"));
  };

  refresh();
  rows.get(chosen)?.link.focus({ preventScroll: false });
  const stopListening = listen((what) => what === "exchanges" && refresh());
  const clockwork = setInterval(() => {
    for (const row of rows.values()) row.tick();
  }, 1000);
  const keys = (event) => onKey(event, rows, bar);
  document.addEventListener("keydown", keys);
  return () => {
    stopListening();
    clearInterval(clockwork);
    document.removeEventListener("keydown", keys);
  };
}

function header([name, words, kind = ""]) {
  return el("th", { scope: "col", role: "columnheader", class: `${name} ${kind}` }, words);
}

function matching() {
  const wanted = filters.text.trim().toLowerCase();
  return newest().filter(
    (exchange) =>
      (!filters.errors || exchange.state === "failed") &&
      (!filters.profile || exchange.profile === filters.profile) &&
      (!filters.tool || tool(exchange.client).name === filters.tool) &&
      (!wanted || searched(exchange).includes(wanted)),
  );
}

function searched(exchange) {
  return [
    exchange.request_id, exchange.client, tool(exchange.client).name, exchange.session,
    exchange.path, exchange.profile, exchange.host, exchange.model_asked, exchange.model_used,
    exchange.status, exchange.upstream_request_id, exchange.error, exchange.error_kind,
    ...(exchange.losses ?? []), ...(exchange.losses_said ?? []), ...(exchange.changes ?? []),
  ].join("\n").toLowerCase();
}

function footWords(shown) {
  if (exchanges.size === 0) return [];
  return [
    el("span", {}, `${exact(shown)} of ${plural(exchanges.size, "exchange")} on this page`),
    el(
      "span",
      { class: "keys" },
      el("kbd", {}, "j"), el("kbd", {}, "k"), " to move, ",
      el("kbd", {}, "enter"), " to open, ",
      el("kbd", {}, "/"), " to search",
    ),
  ];
}

// --- rows --------------------------------------------------------------------------------------

function place(shown, rows, body) {
  const focused = document.activeElement;
  let after = null;
  for (const exchange of shown) {
    let row = rows.get(exchange.request_id);
    if (row) {
      row.update(exchange);
    } else {
      row = makeRow(exchange);
      rows.set(exchange.request_id, row);
    }
    const wanted = after ? after.nextSibling : body.firstChild;
    if (row.node !== wanted) body.insertBefore(row.node, wanted);
    after = row.node;
  }
  // An element that is moved loses the focus.
  if (body.contains(focused)) focused.focus({ preventScroll: true });
}

function makeRow(first) {
  const id = first.request_id;
  const cells = new Map(
    COLUMNS.map(([name, , kind = ""]) => [name, el("td", { role: "cell", class: `${name} ${kind}` })]),
  );
  const link = el("a", { href: addressOf(id) }, clock(first.started_ms));
  link.addEventListener("focus", () => (chosen = id));
  cells.get("time").append(link);
  const node = el("tr", { role: "row", "data-id": id }, [...cells.values()]);
  node.addEventListener("click", (event) => {
    if (event.target.closest("a") || getSelection()?.toString()) return;
    link.click();
  });

  let current = null;
  const row = {
    node,
    link,
    update(exchange) {
      if (exchange === current) return;
      current = exchange;
      node.className = standing(exchange).kind;
      fill(cells.get("tool"), two(...toolWords(exchange)));
      fill(cells.get("profile"), two(exchange.profile ?? "–", exchange.host));
      fill(cells.get("model"), two(...modelWords(exchange)));
      fill(cells.get("status"), statusWords(exchange));
      fill(cells.get("tokens"), tokenWords(exchange));
      fill(cells.get("cost"), two(money(exchange.cost_micro, exchange.cost_unit), ""));
      fill(cells.get("notes"), noteWords(exchange));
      row.waited();
    },
    waited() {
      const running = current.state === "running";
      const total = running ? Date.now() - current.started_ms : current.duration_ms;
      const wait = current.wait_ms ?? (running && current.phase === "waiting" ? total : null);
      fill(cells.get("wait"), two(span(wait), total === null || total === undefined ? "" : `of ${span(total)}`));
    },
    tick() {
      if (current.state === "running") row.waited();
    },
  };
  row.update(first);
  return row;
}

function two(main, sub) {
  const first = main instanceof Node ? main : said(String(main));
  return [
    el("span", { class: "main", title: typeof main === "string" ? main : null }, first),
    sub ? el("span", { class: "sub", title: typeof sub === "string" ? sub : null }, sub instanceof Node ? sub : said(sub)) : null,
  ];
}

function toolWords(exchange) {
  const { name, version } = tool(exchange.client);
  return [name, version];
}

function modelWords(exchange) {
  const { model_asked: asked, model_used: used } = exchange;
  if (!asked && !used) return [exchange.path ?? "–", ""];
  if (!used || used === asked) return [asked ?? used, ""];
  return [asked ?? "–", el("span", {}, arrow("answered by"), said(used))];
}

function statusWords(exchange) {
  const { kind, word } = standing(exchange);
  const figures = [exchange.status, kind === "failed" ? exchange.error_kind : ""];
  return two(
    el("span", { class: `state ${kind}` }, word),
    figures.filter(Boolean).join(" ").replaceAll("_", " "),
  );
}

function tokenWords(exchange) {
  const { total, cached } = inputParts(exchange);
  if (exchange.input_tokens === null && exchange.output_tokens === null) return two("–", "");
  const way = el(
    "span",
    {},
    brief(exchange.input_tokens),
    arrow("in,"),
    brief(exchange.output_tokens),
    aside(" out"),
  );
  return two(way, cached > 0 ? `${percent(cached / total)} cached` : "");
}

function noteWords(exchange) {
  const notes = [];
  if (exchange.cache_alarm) notes.push(el("span", { class: "mark-alarm" }, "Cache lost"));
  if (exchange.error && exchange.state !== "gone") notes.push(el("span", { class: "mark-error", title: exchange.error }, said(exchange.error)));
  const words = [...(exchange.losses_said ?? exchange.losses ?? []), ...(exchange.changes ?? [])];
  if (words.length > 0) {
    const more = words.length > 1 ? el("span", { class: "more" }, `+${words.length - 1}`) : null;
    notes.push(el("span", { class: "note", title: words.join("\n") }, el("span", {}, said(words[0])), more));
  }
  return notes;
}

// --- filters -----------------------------------------------------------------------------------

function filterBar(changed) {
  const text = el("input", {
    type: "search",
    placeholder: "Search",
    "aria-label": "Search model, tool, error, loss",
    value: filters.text,
    spellcheck: "false",
    autocomplete: "off",
  });
  const errors = el("input", { type: "checkbox" });
  errors.checked = filters.errors;
  const profile = el("select", { "aria-label": "Profile" });
  const tools = el("select", { "aria-label": "Tool" });
  const set = (name, value) => {
    filters[name] = value;
    changed();
    older();
  };
  text.addEventListener("input", () => {
    filters.text = text.value;
    changed();
  });
  errors.addEventListener("change", () => set("errors", errors.checked));
  profile.addEventListener("change", () => set("profile", profile.value));
  tools.addEventListener("change", () => set("tool", tools.value));
  return {
    node: el(
      "form",
      { class: "filters", role: "search", on: { submit: (event) => event.preventDefault() } },
      text,
      profile,
      tools,
      el("label", { class: "tick" }, errors, "Errors only"),
    ),
    text,
    offer() {
      const all = [...exchanges.values()];
      offer(profile, "All profiles", all.map((one) => one.profile), filters.profile);
      offer(tools, "All tools", all.map((one) => tool(one.client).name), filters.tool);
    },
    clear() {
      Object.assign(filters, { text: "", errors: false, profile: "", tool: "" });
      text.value = "";
      errors.checked = false;
      changed();
    },
  };
}

// The page holds the newest; what a filter looks for may be older.
function older() {
  if (!filters.errors && !filters.profile) return;
  const query = {};
  if (filters.errors) query.errors = "1";
  if (filters.profile) query.profile = filters.profile;
  fetchExchanges(query).catch(() => {});
}

function offer(select, all, values, chosenValue) {
  const names = [...new Set(values.filter(Boolean)), chosenValue].filter(Boolean);
  const wanted = [...new Set(names)].sort();
  const shown = [...select.options].slice(1).map((option) => option.value);
  if (select.options.length > 0 && wanted.join("\n") === shown.join("\n")) return;
  fill(select, el("option", { value: "" }, all), wanted.map((name) => el("option", { value: name }, name)));
  select.value = chosenValue;
}

// --- nothing to show ---------------------------------------------------------------------------

function firstUse() {
  return el(
    "section",
    { class: "empty first", "aria-label": "First use" },
    el("h2", {}, "Nothing has come through yet"),
    el("p", {}, "Point the tool that you use at this gateway. You see the change before it is made."),
    el(
      "ul",
      { class: "commands" },
      ["claude-code", "codex", "opencode", "openclaw"].map((name) =>
        el("li", {}, command(`gwproxy setup ${name}`)),
      ),
    ),
    el("p", {}, "Then ask it something: the exchange shows up here while it runs."),
    el("p", { class: "small" }, "No provider named yet? This goes through all the steps:"),
    el("p", {}, command("gwproxy init")),
  );
}

function noMatch(bar) {
  return el(
    "div",
    { class: "empty" },
    el("p", {}, "No exchange on this page matches."),
    el("button", { type: "button", on: { click: () => bar.clear() } }, "Show all"),
  );
}

// --- keyboard ----------------------------------------------------------------------------------

function onKey(event, rows, bar) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.matches("input, select, textarea")) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (event.key === "/") {
    event.preventDefault();
    bar.text.focus();
  } else if (event.key === "j" || event.key === "k") {
    event.preventDefault();
    step(event.key === "j" ? 1 : -1, rows);
  } else if (event.key === "Enter" && event.target === document.body) {
    rows.get(chosen)?.link.click();
  }
}

function step(by, rows) {
  const shown = matching().map((exchange) => exchange.request_id);
  if (shown.length === 0) return;
  const at = shown.indexOf(chosen);
  const next = at < 0 ? 0 : Math.min(Math.max(at + by, 0), shown.length - 1);
  const { link, node } = rows.get(shown[next]);
  link.focus({ preventScroll: true });
  node.scrollIntoView({ block: "nearest" });
}
