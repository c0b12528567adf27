// Usage over days: a chart, and the same figures in a table.

import { choice, el, fill, said, svg } from "./dom.js";
import { ask } from "./session.js";
import { listen } from "./store.js";
import { MONTHS, brief, exact, money, percent, plural, tool } from "./words.js";

const GROUPINGS = [["day", "Day"], ["profile", "Profile"], ["model", "Model"], ["client", "Tool"], ["session", "Session"]];
const DAYS = [[7, "7 days"], [14, "14 days"], [30, "30 days"], [90, "90 days"]];
const MEASURES = [["tokens", "Tokens"], ["exchanges", "Exchanges"], ["cost", "Cost"]];

const AGAIN_MS = 1500;

const wanted = { by: "day", days: 14, measure: "tokens" };

/** Shows the usage; comes back with what ends it. */
export function showUsage(main) {
  const controls = el("div", { class: "controls" });
  const place = el("div", { class: "usage", "aria-busy": "true" });
  fill(main, el("h1", { tabindex: "-1" }, "Usage"), controls, place);
  let asked = 0;
  let loading = false;
  let soon = 0;
  let lines = [];

  const draw = () => {
    const room = Math.max(260, place.clientWidth - 38);
    fill(place, lines.length === 0 ? none() : [totals(lines), chart(lines, room), table(lines)]);
  };
  const load = async () => {
    const mine = ++asked;
    loading = true;
    place.setAttribute("aria-busy", "true");
    try {
      const answer = await ask(`usage?days=${wanted.days}&by=${wanted.by}`);
      if (mine !== asked) return;
      lines = answer.lines;
      draw();
    } catch (error) {
      if (mine === asked) fill(place, el("p", { class: "trouble", role: "alert" }, `It could not be read: ${error.message}`));
    }
    if (mine !== asked) return;
    loading = false;
    place.setAttribute("aria-busy", "false");
  };
  const pick = (name, again) => (value) => {
    wanted[name] = value;
    again();
  };
  fill(
    controls,
    choice("Grouped by", GROUPINGS, wanted.by, pick("by", load)),
    choice("Over", DAYS, wanted.days, pick("days", load)),
    choice("Shown", MEASURES, wanted.measure, pick("measure", draw)),
  );
  load();
  // Drawn for the room that there is, so that its words keep their size.
  let width = innerWidth;
  const resized = () => {
    if (innerWidth === width || lines.length === 0) return;
    width = innerWidth;
    draw();
  };
  addEventListener("resize", resized);
  // Not under the hand of somebody who walks along the bars.
  const stopListening = listen((what) => {
    if (what !== "today" || loading || place.contains(document.activeElement)) return;
    clearTimeout(soon);
    soon = setTimeout(load, AGAIN_MS);
  });
  return () => {
    asked = -1;
    clearTimeout(soon);
    stopListening();
    removeEventListener("resize", resized);
  };
}

function none() {
  return el("p", { class: "empty" }, "Nothing was asked in these days.");
}

// --- figures -----------------------------------------------------------------------------------

function nameOf(line) {
  if (wanted.by === "client") return tool(line.group).name + (line.group.includes("/") ? ` ${tool(line.group).version}` : "");
  return line.group || "–";
}

const cached = (line) => line.cached_tokens ?? 0;
const fresh = (line) => (line.input_tokens ?? 0) - cached(line);
const output = (line) => line.output_tokens ?? 0;

function parts(line) {
  if (wanted.measure === "exchanges") return [["output", line.exchanges - line.failed], ["failed", line.failed]];
  if (wanted.measure === "cost") return [["output", (line.cost_micro ?? 0) / 1_000_000]];
  return [["cached", cached(line)], ["fresh", fresh(line)], ["output", output(line)]];
}

function whole(line) {
  return parts(line).reduce((sum, [, amount]) => sum + amount, 0);
}

function words(line) {
  const cost = line.cost_micro === null ? "" : `, ${money(line.cost_micro, line.cost_unit)}`;
  return (
    `${nameOf(line)}: ${plural(line.exchanges, "exchange")}, ${exact(line.input_tokens)} tokens in ` +
    `(${exact(cached(line))} from cache), ${exact(output(line))} out${cost}`
  );
}

function totals(lines) {
  const sum = (name) => lines.reduce((total, line) => total + (line[name] ?? 0), 0);
  const units = new Map();
  for (const line of lines) {
    if (line.cost_micro !== null) units.set(line.cost_unit, (units.get(line.cost_unit) ?? 0) + line.cost_micro);
  }
  const input = sum("input_tokens");
  const figures = [
    ["Exchanges", exact(sum("exchanges")), sum("failed") > 0 ? `${exact(sum("failed"))} failed` : "none failed"],
    ["Tokens in", brief(input), input > 0 ? `${percent(sum("cached_tokens") / input)} from cache` : ""],
    ["Tokens out", brief(sum("output_tokens")), ""],
    ["Cost", [...units].map(([unit, micro]) => money(micro, unit)).join(" + ") || "–", sum("unpriced") > 0 ? `${exact(sum("unpriced"))} without a price` : ""],
  ];
  return el(
    "dl",
    { class: "totals" },
    figures.map(([name, figure, note]) => el("div", {}, el("dt", {}, name), el("dd", {}, el("span", { class: "figure" }, figure), note ? el("span", { class: "sub" }, note) : null))),
  );
}

// --- the chart ---------------------------------------------------------------------------------

function chart(lines, room) {
  const readout = el("p", { class: "readout" }, lines.length > 1 ? "Point at a bar, or walk along them with the tab key." : words(lines[0]));
  const draw = wanted.by === "day" ? columns : rows;
  const hint = readout.textContent;
  const bars = draw(shownIn(lines), room, (line) => (readout.textContent = line ? words(line) : hint));
  return el("figure", { class: "chart card" }, bars, el("figcaption", {}, readout, key()));
}

// Every day has its place, also those without an exchange; of the rest the largest.
function shownIn(lines) {
  if (wanted.by !== "day") return [...lines].sort((a, b) => whole(b) - whole(a)).slice(0, 20);
  const byDay = new Map();
  for (const line of lines) byDay.set(line.group, added(byDay.get(line.group), line));
  const days = [];
  for (let back = wanted.days - 1; back >= 0; back--) {
    const at = new Date();
    at.setDate(at.getDate() - back);
    const name = [at.getFullYear(), at.getMonth() + 1, at.getDate()].map((part) => String(part).padStart(2, "0")).join("-");
    days.push(byDay.get(name) ?? { group: name, exchanges: 0, failed: 0, input_tokens: 0, cached_tokens: 0, output_tokens: 0, cost_micro: null, unpriced: 0 });
  }
  return days;
}

function added(sum, line) {
  if (!sum) return line;
  const both = { ...sum };
  for (const name of ["exchanges", "failed", "input_tokens", "cached_tokens", "output_tokens", "unpriced"]) both[name] += line[name] ?? 0;
  if (sum.cost_unit === line.cost_unit) both.cost_micro = (sum.cost_micro ?? 0) + (line.cost_micro ?? 0);
  return both;
}

function bar(line, point, shapes, facts) {
  const group = svg("g", { class: "column", role: "img", tabindex: whole(line) > 0 ? "0" : null, "aria-label": words(line), ...facts }, shapes);
  for (const event of ["pointerenter", "focus"]) group.addEventListener(event, () => point(line));
  for (const event of ["pointerleave", "blur"]) group.addEventListener(event, () => point(null));
  return group;
}

function columns(lines, width, point) {
  const [height, foot, left] = [220, 24, 44];
  const step = (width - left) / lines.length;
  const room = Math.min(step * 0.62, 44);
  const top = nice(Math.max(...lines.map(whole)));
  const scale = (amount) => (amount / top) * (height - 14);
  const every = Math.ceil((lines.length * 46) / width);
  const grid = [0.5, 1].map((part) => [
    svg("line", { class: "grid", x1: left, x2: width, y1: height - scale(top * part), y2: height - scale(top * part) }),
    svg("text", { x: left - 8, y: height - scale(top * part) + 4, "text-anchor": "end" }, figureOf(top * part)),
  ]);
  const drawn = lines.map((line, at) => {
    let y = height;
    const x = left + at * step + (step - room) / 2;
    const shapes = parts(line).filter(([, amount]) => amount > 0).map(([kind, amount]) => {
      const tall = Math.max(scale(amount), 1);
      y -= tall;
      return svg("rect", { class: kind, x, y, width: room, height: tall });
    });
    shapes.unshift(svg("rect", { class: "hit", x: left + at * step, y: 0, width: step, height }));
    if ((lines.length - 1 - at) % every === 0) {
      shapes.push(svg("text", { class: "tick", x: left + at * step + step / 2, y: height + 16, "text-anchor": "middle" }, dayName(line.group)));
    }
    return bar(line, point, shapes);
  });
  return svg("svg", { viewBox: `0 0 ${width} ${height + foot}`, role: "group", "aria-label": "Usage by day" }, grid, svg("line", { class: "base", x1: left, x2: width, y1: height, y2: height }), drawn);
}

function rows(lines, width, point) {
  const [each, left] = [30, Math.min(240, Math.round(width * 0.36))];
  const top = Math.max(...lines.map(whole)) || 1;
  const drawn = lines.map((line, at) => {
    let x = left;
    const y = at * each;
    const shapes = [svg("rect", { class: "hit", x: 0, y, width, height: each })];
    const name = nameOf(line);
    shapes.push(svg("text", { class: "name", x: left - 10, y: y + 19, "text-anchor": "end" }, name.length > left / 7.2 ? `${name.slice(0, Math.floor(left / 7.2) - 1)}…` : name));
    for (const [kind, amount] of parts(line)) {
      const wide = (amount / top) * (width - left - 60);
      if (amount > 0) shapes.push(svg("rect", { class: kind, x, y: y + 7, width: Math.max(wide, 1), height: 16 }));
      x += wide;
    }
    shapes.push(svg("text", { x: x + 8, y: y + 19 }, figureOf(whole(line), line.cost_unit)));
    return bar(line, point, shapes);
  });
  return svg("svg", { viewBox: `0 0 ${width} ${lines.length * each}`, role: "group", "aria-label": "Usage, the largest first" }, drawn);
}

function figureOf(amount, unit = "USD") {
  return wanted.measure === "cost" ? money(amount * 1_000_000, unit) : brief(Math.round(amount));
}

function nice(most) {
  if (most <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(most));
  return [1, 1.5, 2, 3, 4, 6, 8, 10].map((times) => times * power).find((top) => top >= most);
}

function dayName(group) {
  const [, month, date] = group.split("-");
  return `${Number(date)} ${MONTHS[month - 1]}`;
}

function key() {
  const kinds = {
    tokens: [["cached", "in, from cache"], ["fresh", "in, read anew"], ["output", "out"]],
    exchanges: [["output", "answered"], ["failed", "failed"]],
    cost: [],
  }[wanted.measure];
  return el("ul", { class: "key-list" }, kinds.map(([kind, name]) => el("li", {}, el("span", { class: `swatch ${kind}` }), name)));
}

// --- the table ---------------------------------------------------------------------------------

function table(lines) {
  const heads = [[GROUPINGS.find(([by]) => by === wanted.by)[1], ""], ["Exchanges", "figure"], ["Failed", "figure"], ["Tokens in", "figure"], ["From cache", "figure"], ["Tokens out", "figure"], ["Cost", "figure"]];
  const shown = wanted.by === "day" ? [...lines].sort((a, b) => b.group.localeCompare(a.group)) : [...lines].sort((a, b) => whole(b) - whole(a));
  return el(
    "div",
    { class: "scroll", role: "region", "aria-label": "Exact figures", tabindex: "0" },
    el(
      "table",
      { class: "plain" },
      el("thead", {}, el("tr", {}, heads.map(([name, kind]) => el("th", { scope: "col", class: kind }, name)))),
      el("tbody", {}, shown.map((line) =>
        el(
          "tr",
          {},
          el("th", { scope: "row" }, said(nameOf(line))),
          [
            exact(line.exchanges), exact(line.failed), exact(line.input_tokens),
            (line.input_tokens ?? 0) > 0 ? `${exact(line.cached_tokens)} (${percent(cached(line) / line.input_tokens)})` : "–",
            exact(line.output_tokens), money(line.cost_micro, line.cost_unit),
          ].map((figure) => el("td", { class: "figure" }, figure)),
        ),
      )),
    ),
  );
}
