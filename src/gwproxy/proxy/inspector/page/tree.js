// A JSON value, folded: what is inside is made when it is opened.

import { aside, el, said } from "./dom.js";
import { Numeral, members, pathTo } from "./json.js";
import { exact } from "./words.js";

const SHOWN_AT_ONCE = 100;
const LONGEST_TEXT = 480;
const FEW = 6;

const SIGNS = { removed: ["−", "only here: "], added: ["+", "only here: "], changed: ["~", "differs: "] };

/** The value as a tree. `marks` are those of its side, `path` is where it stands among them. */
export function tree(value, marks = null, path = "") {
  const inside = members(value);
  return el(
    "div",
    { class: "tree" },
    inside ? listOf(inside, marks, path) : node("", value, marks, path, 0),
  );
}

function listOf(inside, marks, path, depth = 0) {
  const list = el("ul");
  const more = (from) => {
    for (const [name, value] of inside.slice(from, from + SHOWN_AT_ONCE)) {
      list.append(el("li", {}, node(name, value, marks, pathTo(path, name), depth)));
    }
    const next = from + SHOWN_AT_ONCE;
    if (next >= inside.length) return;
    const button = el("button", { type: "button", class: "quiet" }, `${exact(inside.length - next)} more`);
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

function node(name, value, marks, path, depth) {
  const mark = marks?.of(path) ?? null;
  const inside = members(value);
  const key = name === "" ? null : el("span", { class: typeof name === "number" ? "key index" : "key" }, said(String(name)), ": ");
  const sign = mark ? [el("span", { class: "sign", "aria-hidden": "true" }, SIGNS[mark][0]), aside(SIGNS[mark][1])] : null;
  if (!inside || inside.length === 0) {
    return el("div", { class: `leaf ${mark ?? ""}` }, sign, key, leaf(value, inside));
  }
  const within = marks?.within(path) ?? 0;
  const summary = el(
    "summary",
    {},
    sign,
    key,
    el("span", { class: "about" }, about(value, inside)),
    within > 0 ? el("span", { class: "within" }, within === 1 ? "1 difference" : `${within} differences`) : null,
  );
  const fold = el("details", { class: `fold ${mark ?? ""}` }, summary);
  let filled = false;
  const open = () => {
    if (filled || !fold.open) return;
    filled = true;
    fold.append(listOf(inside, marks, path, depth + 1));
  };
  fold.addEventListener("toggle", open);
  if ((within > 0 && within <= 12) || (depth === 0 && inside.length <= FEW)) {
    fold.open = true;
    open();
  }
  return fold;
}

function about(value, inside) {
  if (Array.isArray(value)) return `[ ${exact(inside.length)} ]`;
  // What tells one message, block or tool from the next.
  const telling = [value.role, value.type, value.name, value.function?.name]
    .filter((word) => typeof word === "string")
    .map((word) => word.slice(0, 60));
  return telling.length > 0 ? said(`{ ${telling.slice(0, 2).join(" · ")} }`) : `{ ${exact(inside.length)} }`;
}

function leaf(value, inside) {
  if (inside) return el("span", { class: "value" }, Array.isArray(value) ? "[ ]" : "{ }");
  if (value instanceof Numeral) return el("span", { class: "value number" }, value.source);
  if (typeof value !== "string") {
    return el("span", { class: `value ${value === null ? "null" : typeof value}` }, String(value));
  }
  return longText(value, "value string");
}

/** A text, cut where it is very long until somebody wants it all. */
export function longText(text, kind = "") {
  const place = el("span", { class: kind }, said(text.slice(0, LONGEST_TEXT)));
  if (text.length > LONGEST_TEXT) {
    const button = el("button", { type: "button", class: "quiet" }, `… ${exact(text.length - LONGEST_TEXT)} more characters`);
    button.addEventListener("click", () => place.replaceChildren(said(text)));
    place.append(button);
  }
  return place;
}
