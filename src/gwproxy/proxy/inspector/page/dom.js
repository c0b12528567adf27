// Elements, made by calls. What comes from prompts and providers goes in as text nodes and as
// nothing else: there is no function here that reads markup.

const SVG = "http://www.w3.org/2000/svg";

/** A new element. `facts` are its attributes; `on` holds listeners, `style` CSS values; null and
 *  false leave an attribute out. Children are elements, text, or lists of them. */
export function el(name, facts = {}, ...children) {
  return filled(document.createElement(name), facts, children);
}

/** The same for SVG. */
export function svg(name, facts = {}, ...children) {
  return filled(document.createElementNS(SVG, name), facts, children);
}

/** Replaces what is in `node`. */
export function fill(node, ...children) {
  node.replaceChildren(...worth(children));
  return node;
}

function filled(node, facts, children) {
  for (const [key, value] of Object.entries(facts)) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "on") {
      for (const [event, act] of Object.entries(value)) node.addEventListener(event, act);
    } else if (key === "style") {
      for (const [property, said] of Object.entries(value)) node.style.setProperty(property, said);
    } else {
      node.setAttribute(key, value === true ? "" : value);
    }
  }
  node.append(...worth(children));
  return node;
}

function worth(children) {
  return children.flat(Infinity).filter((child) => child || child === 0);
}

// What steers a terminal or turns the direction of writing, and what takes no room at all. The
// joiners of emoji and scripts (U+200C, U+200D) stay.
const UNSEEN =
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;

/** Text from elsewhere, isolated from what stands around it; characters that cannot be seen are
 *  shown by their number. */
export function said(text) {
  const whole = el("bdi");
  let from = 0;
  for (const found of text.matchAll(UNSEEN)) {
    whole.append(text.slice(from, found.index), unseen(found[0]));
    from = found.index + 1;
  }
  whole.append(text.slice(from));
  return whole;
}

function unseen(character) {
  const number = character.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0");
  return el("span", { class: "unseen-char" }, `U+${number}`);
}

/** Words for whoever hears the page instead of seeing it. */
export function aside(words) {
  return el("span", { class: "unseen" }, words);
}

/** An arrow to look at, and the words for it to hear. */
export function arrow(words) {
  return [el("span", { class: "arrow", "aria-hidden": "true" }, " → "), aside(` ${words} `)];
}

/** Says something once to a screen reader, and to nobody else. */
export function announce(words) {
  document.getElementById("live").textContent = words;
}

/** A button that puts `text()` on the clipboard and says so. */
export function copyButton(label, text, facts = {}) {
  const button = el("button", { type: "button", ...facts }, label);
  let timer = 0;
  button.addEventListener("click", async () => {
    let done = "Copied";
    try {
      await navigator.clipboard.writeText(text());
    } catch {
      done = "The browser did not let me copy";
    }
    button.textContent = done;
    announce(done);
    clearTimeout(timer);
    timer = setTimeout(() => (button.textContent = label), 1800);
  });
  return button;
}

/** A command to type, with a button that copies it. */
export function command(line) {
  return el(
    "span",
    { class: "command" },
    el("code", {}, line),
    copyButton("Copy", () => line, { class: "quiet", "aria-label": `Copy: ${line}` }),
  );
}

/** A choice of one among a few: `choices` are [value, label]. */
export function choice(name, choices, chosen, choose) {
  const buttons = choices.map(([value, label]) => {
    const button = el("button", { type: "button", "aria-pressed": String(value === chosen) }, label);
    button.addEventListener("click", () => {
      for (const one of buttons) one.setAttribute("aria-pressed", String(one === button));
      choose(value);
    });
    return button;
  });
  return el("fieldset", { class: "choice" }, el("legend", { class: "unseen" }, name), buttons);
}
