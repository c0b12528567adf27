// Figures and names as a person reads them. No element, no state.

const EXACT = new Intl.NumberFormat("en");
export const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");

/** 14:03:22, with the day before it when that is not today. */
export function clock(ms) {
  const at = new Date(ms);
  const time = [at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(":");
  return at.toDateString() === new Date().toDateString() ? time : `${day(at)}, ${time}`;
}

function day(at) {
  return `${at.getDate()} ${MONTHS[at.getMonth()]}`;
}

function two(number) {
  return String(number).padStart(2, "0");
}

/** 812 ms, 2.9 s, 3 min 12 s. */
export function span(ms) {
  if (ms === null || ms === undefined) return "–";
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  const seconds = ms / 1000;
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** How long ago that was: just now, 4 min ago, yesterday's date. */
export function ago(ms) {
  const seconds = (Date.now() - ms) / 1000;
  if (seconds < 60) return "just now";
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  return clock(ms);
}

/** 1,234,567. */
export function exact(number) {
  return number === null || number === undefined ? "–" : EXACT.format(number);
}

/** 12.4k, 3.1M: three figures, for where there is little room. */
export function brief(number) {
  if (number === null || number === undefined) return "–";
  if (number < 1000) return String(number);
  const [value, unit] = number < 999_500 ? [number / 1000, "k"] : [number / 1_000_000, "M"];
  return (value < 99.95 ? value.toFixed(1) : String(Math.round(value))) + unit;
}

/** $0.0123 or 1.5 credits. */
export function money(micro, unit) {
  if (micro === null || micro === undefined) return "–";
  const value = micro / 1_000_000;
  const figure = value === 0 ? "0" : digits(value);
  return unit === "USD" || !unit ? `$${figure}` : `${figure} ${unit}`;
}

function digits(value) {
  if (value >= 1) return value.toFixed(2);
  if (value >= 0.01) return value.toFixed(3);
  return value >= 0.00005 ? value.toFixed(4) : "0.0000…";
}

/** 93 %; nothing is rounded up to all of it. */
export function percent(part) {
  const rounded = Math.round(part * 100);
  return `${part < 1 ? Math.min(rounded, 99) : rounded} %`;
}

export function plural(number, one, many = `${one}s`) {
  return `${exact(number)} ${number === 1 ? one : many}`;
}

const TOOLS = new Map([
  ["claude-cli", "Claude Code"],
  ["claude-code", "Claude Code"],
  ["codex_cli_rs", "Codex"],
  ["codex_exec", "Codex"],
  ["codex-tui", "Codex"],
  ["opencode", "OpenCode"],
  ["openclaw", "OpenClaw"],
  ["Anthropic", "Anthropic SDK"],
  ["OpenAI", "OpenAI SDK"],
  ["AsyncAnthropic", "Anthropic SDK"],
  ["AsyncOpenAI", "OpenAI SDK"],
]);

/** Claude Code and 2.1.330, out of claude-cli/2.1.330. */
export function tool(client) {
  if (!client) return { name: "unnamed", version: "" };
  const [name, ...rest] = client.split("/");
  return { name: TOOLS.get(name) ?? name, version: rest.join("/") };
}

const DIALECTS = { anthropic: "Messages", chat: "Chat Completions", responses: "Responses" };

/** What a wire format is called by its vendor's readers. */
export function dialect(name) {
  return DIALECTS[name] ?? name ?? "–";
}

const PHASES = {
  own: "Preparing",
  queued: "Queued",
  waiting: "Waiting",
  streaming: "Streaming",
  over: "Ending",
};
const STATES = { done: "Done", failed: "Failed", gone: "Tool left" };

/** Where an exchange stands: a kind for its colour, and a word. */
export function standing(exchange) {
  if (exchange.state === "running") {
    return { kind: "running", word: PHASES[exchange.phase] ?? "Running" };
  }
  return { kind: exchange.state, word: STATES[exchange.state] ?? exchange.state };
}

/** The parts of the input that are read from cache, written to it, and neither. */
export function inputParts(exchange) {
  const total = exchange.input_tokens ?? 0;
  const cached = Math.min(exchange.cached_tokens ?? 0, total);
  const written = Math.min(exchange.cache_write_tokens ?? 0, total - cached);
  return { total, cached, written, fresh: total - cached - written };
}

/** What a provider's money is worth in total, several units one beside the other. */
export function sums(costs) {
  return costs.map(({ unit, micro }) => money(micro, unit)).join(" + ");
}
