// What was said: the four sides of a captured exchange, with what differs between them.

import { pulse } from "./bars.js";
import { choice, copyButton, el, fill, said } from "./dom.js";
import { eventsOf, withTimes } from "./events.js";
import { byPath, byValue, parse, pathTo } from "./json.js";
import { longText, tree } from "./tree.js";
import { dialect, exact, plural, span } from "./words.js";

// Beyond this a comparison would hold up the page.
const LARGEST_COMPARED = 6_000_000;
const EVENTS_AT_ONCE = 200;

/** The panes of a capture, the last try shown first. */
export function capturedPanes(exchange, capture) {
  const tries = capture.tries ?? [];
  const translated = tries.length > 0 && exchange.client_dialect !== exchange.upstream_dialect;
  const place = el("div", { class: "captured" });
  const show = (at) => {
    const one = tries[at];
    fill(
      place,
      requests(capture, one, translated),
      one ? answers(exchange, capture, one, translated) : alone(capture),
    );
  };
  show(tries.length - 1);
  return el(
    "div",
    { class: "captured" },
    capture.cut ? el("p", { class: "callout warn" }, "It was too large to be kept whole: the ends are missing.") : null,
    toolbar(exchange, capture, tries, show, translated),
    place,
  );
}

const SAME_WORDS = "Both sides speak the same format. Marked is what differs: − taken out, + put in, ~ changed.";

function translatedWords({ client_dialect: from, upstream_dialect: to }) {
  return (
    `${dialect(from)} was translated to ${dialect(to)}: names and places differ everywhere. ` +
    "Marked is what has no equal on the other side: − from the tool only, + to the provider only, ~ in part."
  );
}

function toolbar(exchange, capture, tries, show, translated) {
  return el(
    "div",
    { class: "toolbar" },
    tries.length > 1
      ? choice(
          "Which try",
          tries.map((one, index) => [index, `Try ${index + 1}: ${one.profile}, ${one.status ?? "no answer"}`]),
          tries.length - 1,
          show,
        )
      : null,
    el("p", { class: "small space" }, translated ? translatedWords(exchange) : SAME_WORDS),
    copyButton("Copy as curl", () => curl(exchange, capture)),
    copyButton("Copy replay command", () => `gwproxy replay ${exchange.request_id}`, {
      title: `gwproxy replay ${exchange.request_id} asks it again`,
    }),
  );
}

/** The tool's request as a command; the token stays in the variable of whoever runs it. */
export function curl(exchange, capture) {
  const quoted = (text) => `'${text.replaceAll("'", `'\\''`)}'`;
  const parts = [
    `curl -sS${exchange.stream ? "N" : ""} ${quoted(location.origin + capture.in.path)}`,
    '-H "authorization: Bearer $GWPROXY_TOKEN"',
    "-H 'content-type: application/json'",
  ];
  for (const [name, value] of Object.entries(capture.in.headers ?? {})) {
    if (name !== "user-agent") parts.push(`-H ${quoted(`${name}: ${value}`)}`);
  }
  parts.push(`--data-binary ${quoted(capture.in.body)}`);
  return parts.join(" \\\n  ");
}

// --- requests ----------------------------------------------------------------------------------

function requests(capture, one, translated) {
  const sent = parse(capture.in.body);
  const got = one ? parse(one.body) : undefined;
  const marks = compared(sent, got, capture.in.body.length + (one?.body.length ?? 0), translated);
  return el(
    "div",
    { class: "panes" },
    pane("What the tool sent", capture.in.path, capture.in.body, body(sent, capture.in.body, marks?.before), countWords(marks, "before")),
    one
      ? pane("What the provider got", one.url, one.body, body(got, one.body, marks?.after), countWords(marks, "after"))
      : el("section", { class: "pane" }, el("h3", {}, "What the provider got"), el("p", { class: "calm" }, "Nothing was sent.")),
  );
}

function compared(before, after, size, translated) {
  if (before === undefined || after === undefined || size > LARGEST_COMPARED) return null;
  return translated ? byValue(before, after) : byPath(before, after);
}

function countWords(marks, side) {
  if (!marks) return null;
  return marks[side].size === 0 ? "no difference" : plural(marks[side].size, "difference");
}

function body(value, text, marks) {
  if (value !== undefined) return tree(value, marks);
  return text ? el("pre", {}, longText(text)) : el("p", { class: "calm" }, "Empty.");
}

function pane(title, address, text, content, count) {
  const inner = el("div", { class: "inner" }, content);
  let raw = false;
  const toggle = el("button", { type: "button", class: "quiet", "aria-pressed": "false" }, "As it came");
  toggle.addEventListener("click", () => {
    raw = !raw;
    toggle.setAttribute("aria-pressed", String(raw));
    fill(inner, raw ? el("pre", {}, longText(text)) : content);
  });
  return el(
    "section",
    { class: "pane", "aria-label": title },
    el(
      "header",
      {},
      el("h3", {}, title),
      count ? el("span", { class: "count" }, count) : null,
      el("span", { class: "space" }),
      text ? toggle : null,
      text ? copyButton("Copy", () => text, { class: "quiet", "aria-label": `Copy: ${title}` }) : null,
    ),
    address ? el("p", { class: "address", title: address }, said(address)) : null,
    inner,
  );
}

// --- answers -----------------------------------------------------------------------------------

function alone(capture) {
  return el("div", { class: "panes" }, pane("What the tool got", "", capture.out, stream(read(capture.out, capture.out_times), null), null));
}

function answers(exchange, capture, one, translated) {
  const given = read(one.answer, one.times);
  const got = read(capture.out, capture.out_times);
  const size = one.answer.length + capture.out.length;
  // A stream that was made from one piece, or gathered into one, has nothing to be laid beside.
  const alike = !translated && Boolean(given.events) === Boolean(got.events);
  const marks = alike && size <= LARGEST_COMPARED ? byPath(comparable(given), comparable(got)) : null;
  return el(
    "div",
    { class: "panes" },
    pane("What the provider answered", one.status ? `status ${one.status}` : "no answer", one.answer, stream(given, marks?.before, one.times, exchange), countWords(marks, "before")),
    pane("What the tool got", exchange.status ? `status ${exchange.status}` : "", capture.out, stream(got, marks?.after, capture.out_times, exchange), countWords(marks, "after")),
  );
}

function read(text, times) {
  const events = eventsOf(text);
  if (!events) return { text, value: parse(text) };
  return { text, events: withTimes(events, text, times).map((event) => ({ ...event, value: parse(event.data) ?? event.data })) };
}

function comparable({ events, value, text }) {
  return events ? events.map((event) => event.value) : (value ?? text);
}

function stream({ events, value, text }, marks, times = null, exchange = null) {
  if (!events) return body(value, text, marks);
  const words = spoken(events);
  return el(
    "div",
    {},
    times?.length > 1 && exchange?.duration_ms ? pulse(times, exchange.duration_ms) : null,
    words ? el("details", { class: "spoken" }, el("summary", {}, "As text"), el("div", { class: "text" }, longText(words))) : null,
    el("p", { class: "small" }, plural(events.length, "event"), events.at(-1)?.cut ? ", the last one cut off" : ""),
    eventList(events, marks),
  );
}

function eventList(events, marks) {
  const list = el("ol", { class: "events" });
  const more = (from) => {
    events.slice(from, from + EVENTS_AT_ONCE).forEach((event, at) => list.append(eventRow(event, from + at, marks)));
    const next = from + EVENTS_AT_ONCE;
    if (next >= events.length) return;
    const button = el("button", { type: "button", class: "quiet" }, `${exact(events.length - next)} more events`);
    const place = el("li", {}, button);
    button.addEventListener("click", () => {
      place.remove();
      more(next);
    });
    list.append(place);
  };
  more(0);
  return list;
}

function eventRow(event, at, marks) {
  const path = pathTo("", at);
  const mark = marks?.of(path) ?? (marks?.within(path) ? "changed" : "");
  const summary = el(
    "summary",
    {},
    el("span", { class: "when figure" }, event.ms === undefined ? "" : span(event.ms)),
    el("span", { class: "what" }, said(event.name || kindOf(event.value) || "data")),
    el("span", { class: "gist" }, event.cut ? "cut off here" : said(gist(event.value).slice(0, 120))),
    mark ? el("span", { class: "within" }, { added: "only here", removed: "only here", changed: "differs" }[mark]) : null,
  );
  const fold = el("details", { class: mark ?? "" }, summary);
  let filled = false;
  fold.addEventListener("toggle", () => {
    if (filled || !fold.open) return;
    filled = true;
    fold.append(typeof event.value === "string" ? el("pre", {}, longText(event.value)) : tree(event.value, marks, path));
  });
  return el("li", {}, fold);
}

// --- the three formats, as far as a reader wants to see them at a glance -----------------------

function kindOf(value) {
  return typeof value?.type === "string" ? value.type : "";
}

function gist(value) {
  if (typeof value === "string") return value;
  const delta = value?.choices?.[0]?.delta ?? value?.delta;
  const piece =
    typeof delta === "string"
      ? delta
      : (delta?.text ?? delta?.thinking ?? delta?.partial_json ?? delta?.content ?? delta?.reasoning_content ??
        delta?.tool_calls?.[0]?.function?.arguments ?? delta?.stop_reason);
  if (typeof piece === "string" && piece) return piece;
  const about = value?.content_block?.type ?? value?.item?.type ?? value?.choices?.[0]?.finish_reason ?? value?.error?.message;
  return typeof about === "string" ? about : "";
}

/** What the model wrote, without what it thought and called. */
function spoken(events) {
  return events
    .map(({ value, name }) => {
      if (kindOf(value) === "response.output_text.delta" || name === "response.output_text.delta") return value.delta;
      return value?.delta?.text ?? value?.choices?.[0]?.delta?.content;
    })
    .filter((piece) => typeof piece === "string")
    .join("");
}
