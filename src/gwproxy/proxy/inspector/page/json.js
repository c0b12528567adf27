// JSON as it stands: figures keep their digits, and two values are compared member by member.

/** A figure that JavaScript would round. */
export class Numeral {
  constructor(source) {
    this.source = source;
  }
}

/** The value of a JSON text; undefined when it is none. */
export function parse(text) {
  try {
    return JSON.parse(text, (_, value, context) =>
      typeof value === "number" && context?.source !== undefined && String(value) !== context.source
        ? new Numeral(context.source)
        : value,
    );
  } catch {
    return undefined;
  }
}

export function isRecord(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Numeral);
}

/** What is in an object or array: [name, value]; null for anything else. */
export function members(value) {
  if (Array.isArray(value)) return value.map((item, index) => [index, item]);
  return isRecord(value) ? Object.entries(value) : null;
}

/** A member's place among the marks. */
export function pathTo(parent, name) {
  return `${parent}/${String(name).replaceAll("~", "~0").replaceAll("/", "~1")}`;
}

/** Marks on the two sides of a comparison: path → "removed", "added" or "changed"; `within` counts
 *  for every path the marks below it. */
export class Marks {
  #marks = new Map();
  #within = new Map();

  add(path, kind) {
    this.#marks.set(path, kind);
    for (let cut = path.lastIndexOf("/"); cut >= 0; cut = path.lastIndexOf("/", cut - 1)) {
      const parent = path.slice(0, cut);
      this.#within.set(parent, (this.#within.get(parent) ?? 0) + 1);
      if (cut === 0) break;
    }
  }

  of(path) {
    return this.#marks.get(path) ?? null;
  }

  within(path) {
    return this.#within.get(path) ?? 0;
  }

  get size() {
    return this.#marks.size;
  }
}

// --- the same format on both sides -------------------------------------------------------------

const MOST_ALIGNED = 40_000;

/** What differs, by path: { before, after }, the marks of each side. */
export function byPath(before, after) {
  const marks = { before: new Marks(), after: new Marks() };
  compare(before, after, "", "", marks);
  return marks;
}

function compare(a, b, pathA, pathB, marks) {
  if (Array.isArray(a) && Array.isArray(b)) return compareLists(a, b, pathA, pathB, marks);
  if (isRecord(a) && isRecord(b)) return compareRecords(a, b, pathA, pathB, marks);
  if (canonical(a) !== canonical(b)) {
    marks.before.add(pathA, "changed");
    marks.after.add(pathB, "changed");
  }
}

function compareRecords(a, b, pathA, pathB, marks) {
  for (const [name, value] of Object.entries(a)) {
    if (Object.hasOwn(b, name)) {
      compare(value, b[name], pathTo(pathA, name), pathTo(pathB, name), marks);
    } else {
      marks.before.add(pathTo(pathA, name), "removed");
    }
  }
  for (const name of Object.keys(b)) {
    if (!Object.hasOwn(a, name)) marks.after.add(pathTo(pathB, name), "added");
  }
}

function compareLists(a, b, pathA, pathB, marks) {
  for (const [i, j] of aligned(a.map(canonical), b.map(canonical))) {
    if (j === null) marks.before.add(pathTo(pathA, i), "removed");
    else if (i === null) marks.after.add(pathTo(pathB, j), "added");
    else compare(a[i], b[j], pathTo(pathA, i), pathTo(pathB, j), marks);
  }
}

/** Pairs of places: equal ones first, what lies between them in order, the rest alone. */
function aligned(a, b) {
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start++;
  let endA = a.length;
  let endB = b.length;
  while (endA > start && endB > start && a[endA - 1] === b[endB - 1]) {
    endA--;
    endB--;
  }
  const pairs = [];
  let [i, j] = [start, start];
  for (const [nextI, nextJ] of [...anchors(a, b, start, endA, endB), [endA, endB]]) {
    while (i < nextI || j < nextJ) {
      pairs.push([i < nextI ? i++ : null, j < nextJ ? j++ : null]);
    }
    i = nextI + 1;
    j = nextJ + 1;
  }
  return pairs;
}

/** The longest run of equal items in order, between the equal beginnings and ends. */
function anchors(a, b, start, endA, endB) {
  const rows = endA - start;
  const columns = endB - start;
  if (rows === columns || rows * columns > MOST_ALIGNED) return [];
  const lengths = Array.from({ length: rows + 1 }, () => new Uint32Array(columns + 1));
  for (let i = rows - 1; i >= 0; i--) {
    for (let j = columns - 1; j >= 0; j--) {
      lengths[i][j] =
        a[start + i] === b[start + j]
          ? lengths[i + 1][j + 1] + 1
          : Math.max(lengths[i + 1][j], lengths[i][j + 1]);
    }
  }
  const found = [];
  for (let i = 0, j = 0; i < rows && j < columns; ) {
    if (a[start + i] === b[start + j]) found.push([start + i++, start + j++]);
    else if (lengths[i + 1][j] >= lengths[i][j + 1]) i++;
    else j++;
  }
  return found;
}

/** The same text for the same value, in whatever order its members stand. */
function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (value instanceof Numeral) return value.source;
  if (!isRecord(value)) return JSON.stringify(value);
  const names = Object.keys(value).sort();
  return `{${names.map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join()}}`;
}

// --- another format on the other side ----------------------------------------------------------

const LONG = 12;
// Characters that are looked through before the rest is marked as it is: about a second.
const MOST_SEARCHED = 500_000_000;
// Between texts that were joined: two line ends, say.
const JOINT = 4;

/** What one side has and the other has not, by value: a translation gives everything another
 *  name and another place, but what was said in it must be there. */
export function byValue(before, after) {
  const a = new Leaves(before);
  const b = new Leaves(after);
  return { before: a.missingIn(b, "removed"), after: b.missingIn(a, "added") };
}

/** `true` and 1 are everywhere: such values are the same only under the same name. */
function weighed(path, value) {
  const small = typeof value === "boolean" || (typeof value === "number" && Math.abs(value) < 10);
  return small ? `${path.slice(path.lastIndexOf("/") + 1)}:${value}` : canonical(value);
}

class Leaves {
  #leaves = [];
  #values = new Set();
  #long = [];
  #length = 0;

  constructor(value) {
    this.#collect(value, "", true);
    this.#long = this.#leaves.map(([, leaf]) => leaf).filter((leaf) => typeof leaf === "string" && leaf.length >= LONG);
    this.#length = this.#long.reduce((sum, text) => sum + text.length, 0);
  }

  #collect(value, path, own) {
    const inside = members(value);
    for (const [name, member] of inside ?? []) {
      // What kind of thing stands here is said in each format's own words.
      const grammar = member === null || name === "role" || (name === "type" && inside.length > 1);
      this.#collect(member, pathTo(path, name), own && !grammar);
    }
    if (inside) return;
    this.#values.add(weighed(path, value));
    if (own) this.#leaves.push([path, value]);
    // A call's arguments are a text in one format and an object in the other.
    if (typeof value === "string" && /^\s*[{[]/.test(value)) {
      const packed = parse(value);
      if (packed !== undefined) this.#collect(packed, path, false);
    }
  }

  /** How much of it stands in the texts here, from 0 to 1: it may be a part of one of them, or
   *  several of them one after another. */
  #share(leaf) {
    if (leaf.length < LONG) {
      // The type of a picture stands in its data URL.
      return this.#long.some((text) => text.startsWith("data:") && text.slice(0, 60).includes(leaf)) ? 1 : 0;
    }
    if (this.#long.some((text) => text.includes(leaf))) return 1;
    const content = leaf.replace(/^data:[^,]{0,80},/, "");
    const pieces = new Set(this.#long.filter((text) => content.includes(text)));
    const known = [...pieces].reduce((sum, piece) => sum + piece.length, 0);
    return known + JOINT * pieces.size >= content.length && known > 0 ? 1 : known / content.length;
  }

  missingIn(other, kind) {
    const marks = new Marks();
    let searched = 0;
    for (const [path, leaf] of this.#leaves) {
      if (other.#values.has(weighed(path, leaf))) continue;
      const packed = typeof leaf === "string" && /^\s*[{[]/.test(leaf) ? parse(leaf) : undefined;
      if (packed !== undefined && new Leaves(packed).#leaves.every(([inner, one]) => other.#values.has(weighed(inner, one)))) continue;
      if (typeof leaf === "string") searched += other.#length + other.#long.length * leaf.length;
      const share = typeof leaf === "string" && searched < MOST_SEARCHED ? other.#share(leaf) : 0;
      if (share < 1) marks.add(path, share > 0 ? "changed" : kind);
    }
    return marks;
  }
}
