// The bars of one exchange: where its time went, and what its tokens were.

import { el, svg } from "./dom.js";
import { exact, inputParts, money, percent, span } from "./words.js";

const TIMES = [
  ["queued", "queued_ms", "In the queue", "for a free place at the provider"],
  ["own", "own_ms", "gwproxy's own work", "reading, translating, sending"],
  ["waiting", "wait_ms", "Waiting", "until the provider's first byte"],
  ["streaming", "stream_ms", "Answering", "first byte to last"],
];

/** Where the time went, as a bar and in figures. */
export function timeBar(exchange) {
  const running = exchange.state === "running";
  const total = running ? Date.now() - exchange.started_ms : (exchange.duration_ms ?? 0);
  const known = TIMES.map(([kind, name, title, why]) => ({ kind, title, why, ms: exchange[name] }));
  if (running) {
    const spent = known.reduce((sum, { ms }) => sum + (ms ?? 0), 0);
    const now = { queued: "queued", own: "own", waiting: "waiting", streaming: "streaming" }[exchange.phase];
    const part = known.find(({ kind }) => kind === now);
    if (part) part.ms = Math.max(part.ms ?? 0, total - spent);
  }
  const parts = known.filter(({ ms }) => ms > 0);
  return el(
    "section",
    { class: "card", "aria-labelledby": "time-title" },
    el("h2", { id: "time-title" }, "Where the time went", el("span", { class: "figure total" }, span(total))),
    stacked(parts.map(({ kind, ms, title }) => [kind, ms, `${title}: ${span(ms)}`])),
    legend(known.map(({ kind, title, why, ms }) => [kind, title, why, span(ms)])),
  );
}

/** What went in and came out, how much of it from cache, and what it cost. */
export function cacheBar(exchange) {
  const { total, cached, written, fresh } = inputParts(exchange);
  const output = exchange.output_tokens;
  const known = exchange.input_tokens !== null || output !== null;
  const rows = [
    ["cached", "Input from cache", total > 0 ? `${percent(cached / total)} of the input` : "", exact(cached)],
    ["written", "Input kept for the next turn", "", exact(written)],
    ["fresh", "Input read anew", "", exact(fresh)],
    ["output", "Output", exchange.reasoning_tokens ? `${exact(exchange.reasoning_tokens)} of them thinking` : "", exact(output)],
  ].filter(([kind]) => kind !== "written" || written > 0);
  return el(
    "section",
    { class: "card", "aria-labelledby": "tokens-title" },
    el("h2", { id: "tokens-title" }, "Tokens and cost", el("span", { class: "figure total" }, money(exchange.cost_micro, exchange.cost_unit))),
    known
      ? [
          stacked([
            ["cached", cached, `From cache: ${exact(cached)}`],
            ["written", written, `Kept for the next turn: ${exact(written)}`],
            ["fresh", fresh, `Read anew: ${exact(fresh)}`],
            ["output", output ?? 0, `Output: ${exact(output)}`],
          ]),
          legend(rows),
        ]
      : el("p", { class: "calm" }, exchange.state === "running" ? "The provider has not said yet." : "The provider named none."),
    known && exchange.cost_micro === null
      ? el("p", { class: "small" }, "No price is known for it: gwproxy profile set NAME price.input=… names one.")
      : null,
  );
}

/** A bar of parts, [kind, amount, words]; as an image its words are those of the parts. */
function stacked(parts) {
  const shown = parts.filter(([, amount]) => amount > 0);
  const total = shown.reduce((sum, [, amount]) => sum + amount, 0);
  const bar = el("div", { class: "bar", role: "img", "aria-label": shown.map(([, , words]) => words).join(", ") || "nothing yet" });
  for (const [kind, amount, words] of shown) {
    bar.append(el("span", { class: `part ${kind}`, title: words, style: { "flex-grow": String(amount / total) } }));
  }
  return bar;
}

function legend(rows) {
  return el(
    "dl",
    { class: "legend" },
    rows.map(([kind, title, why, figure]) =>
      el(
        "div",
        {},
        el("dt", {}, el("span", { class: `swatch ${kind}` }), title, why ? el("span", { class: "why" }, why) : null),
        el("dd", { class: "figure" }, figure),
      ),
    ),
  );
}

/** When the pieces of a stream came, over the whole time of the exchange. */
export function pulse(times, total) {
  const width = 1000;
  const most = Math.max(...times.map(([, bytes]) => bytes), 1);
  const each = Math.ceil(times.length / 400);
  const ticks = times
    .filter((_, at) => at % each === 0)
    .map(([ms, bytes]) => {
      const x = Math.min(width - 1, (ms / Math.max(total, 1)) * width);
      const height = 4 + 20 * Math.sqrt(bytes / most);
      return svg("line", { x1: x, x2: x, y1: 26, y2: 26 - height });
    });
  const words = `${times.length} pieces, the first after ${span(times[0][0])}, the last after ${span(times.at(-1)[0])}`;
  return el(
    "figure",
    { class: "pulse-line" },
    svg("svg", { viewBox: `0 0 ${width} 28`, preserveAspectRatio: "none", role: "img", "aria-label": words }, ticks),
    el("figcaption", {}, words),
  );
}
