// Server-sent events out of text, as it comes or as it was kept.

/** Reads text piece by piece. Lines end with LF, CRLF or CR, and with nothing else. Each event
 *  knows where in the whole text it ends, in characters. */
export class EventReader {
  #rest = "";
  #passed = 0;
  #name = "";
  #data = [];

  push(text) {
    const held = this.#rest + text;
    const events = [];
    let from = 0;
    // A CR at the very end may be half of a CRLF.
    for (const end of held.matchAll(/\r\n|\n|\r(?!$)/g)) {
      const line = held.slice(from, end.index);
      from = end.index + end[0].length;
      const event = this.#line(line, this.#passed + from);
      if (event) events.push(event);
    }
    this.#rest = held.slice(from);
    this.#passed += from;
    return events;
  }

  /** What stands at the end of the text without having been ended, or null. */
  cutOff() {
    if (this.#rest) this.#line(this.#rest, this.#passed);
    return this.#data.length > 0 ? this.#take(this.#passed + this.#rest.length) : null;
  }

  #line(line, end) {
    if (line === "") return this.#data.length > 0 ? this.#take(end) : this.#forget();
    const colon = line.indexOf(":");
    if (colon === 0) return null;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + (line[colon + 1] === " " ? 2 : 1));
    if (field === "event") this.#name = value;
    if (field === "data") this.#data.push(value);
    return null;
  }

  #take(end) {
    const event = { name: this.#name, data: this.#data.join("\n"), end };
    this.#forget();
    return event;
  }

  #forget() {
    this.#name = "";
    this.#data = [];
    return null;
  }
}

/** The events of a whole text, the last one marked `cut` when it is not complete; null when the
 *  text is no stream of events. */
export function eventsOf(text) {
  if (!/^(event|data|id|retry|:)/.test(text.slice(0, 200).trimStart())) return null;
  const reader = new EventReader();
  const events = reader.push(text);
  const rest = reader.cutOff();
  if (rest) events.push({ ...rest, cut: true });
  return events;
}

/** Gives every event the time at which its last byte came: `times` are [ms, bytes so far of that
 *  piece]. Without times the events stay as they are. */
export function withTimes(events, text, times) {
  if (!times?.length) return events;
  const encoder = new TextEncoder();
  let bytes = 0;
  let from = 0;
  let piece = 0;
  let arrived = times[0][1];
  return events.map((event) => {
    bytes += encoder.encode(text.slice(from, event.end)).length;
    from = event.end;
    while (arrived < bytes && piece < times.length - 1) arrived += times[++piece][1];
    return { ...event, ms: times[piece][0] };
  });
}

/** The events of a body as it comes over the network. */
export async function* events(body, heard = () => {}) {
  const reader = new EventReader();
  const pieces = body.pipeThrough(new TextDecoderStream()).getReader();
  try {
    for (;;) {
      const { done, value } = await pieces.read();
      if (done) return;
      heard();
      yield* reader.push(value);
    }
  } finally {
    pieces.cancel().catch(() => {});
  }
}
