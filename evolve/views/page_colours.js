// What colours mean. Categories differ in lightness as well as in hue, so that they stay apart under simulated
// colour-vision deficiencies (Machado 2009 <https://doi.org/10.1109/TVCG.2009.113>), the first ones most; values
// use a ramp whose lightness alone carries the order. Colour is never the only sign: failures are crosses, the
// winning path is a line.

const dark = matchMedia("(prefers-color-scheme: dark)");
const CATEGORIES = {
  light: ["#2f45b0", "#d9981a", "#16909f", "#7a1c46", "#52b3e0", "#d0601f", "#5c6628", "#9177e4"],
  dark: ["#6f85ff", "#f2cf45", "#1fba8c", "#ea94e0", "#aeeafa", "#cf6136", "#b6c134", "#9580cc"],
};
const REST = { light: "#8b9097", dark: "#858c96" };
const RAMP = { // worst to best
  light: ["#d9c86a", "#8cc27a", "#43a58c", "#2f7a96", "#3c4f94", "#3a1a6b"],
  dark: ["#4a3b78", "#44649c", "#3a8c9c", "#49b38c", "#9ad46c", "#fbe75a"],
};
const STEPS = 48; // distinct colours of the ramp

let theme = {};

function readTheme() {
  const style = getComputedStyle(document.documentElement);
  const named = (name) => style.getPropertyValue(name).trim();
  const mode = dark.matches ? "dark" : "light";
  theme = {
    mode, paper: named("--paper"), surface: named("--surface"), sunken: named("--sunken"), ink: named("--ink"), ink2: named("--ink-2"),
    ink3: named("--ink-3"), line: named("--line"), line2: named("--line-2"), accent: named("--accent"),
    sans: named("--sans"), categories: CATEGORIES[mode], rest: REST[mode], ramp: rampColours(RAMP[mode]),
    failed: mode === "dark" ? "#8a6a6c" : "#b08a88",
  };
}

function rampColours(stops) {
  const channels = stops.map((stop) => [1, 3, 5].map((at) => parseInt(stop.slice(at, at + 2), 16)));
  return Array.from({ length: STEPS }, (_, k) => {
    const place = (k / (STEPS - 1)) * (stops.length - 1);
    const low = Math.min(Math.floor(place), stops.length - 2);
    const mixed = channels[low].map((c, j) => Math.round(c + (channels[low + 1][j] - c) * (place - low)));
    return `rgb(${mixed.join(" ")})`;
  });
}

// Rank of each program's value among all, from 0 (worst) to 1 (best): the steps of the ramp hold equally many.
const ranks = new Float32Array(count).fill(-1);
const sortedValues = data.mean.filter((value) => value !== null).sort((a, b) => b - a);
{
  const place = new Map(sortedValues.map((value, k) => [value, k / Math.max(1, sortedValues.length - 1)]));
  data.mean.forEach((value, i) => { if (value !== null) ranks[i] = place.get(value); });
}

// Every colouring is a palette and the palette's index for each program; -1: no value on the ramp.
function colouring() {
  if (state.colour === "value") return { palette: theme.ramp, of: (i) => (ranks[i] < 0 ? -1 : Math.round(ranks[i] * (STEPS - 1))) };
  const limit = theme.categories.length;
  const column = state.colour === "island" ? data.lane : data.operator;
  return { palette: [...theme.categories, theme.rest], of: (i) => Math.min(column[i], limit) };
}

function colourOf(i) {
  const { palette, of } = colouring();
  return palette[of(i)] || theme.rest;
}

function drawLegend() {
  const legend = document.getElementById("legend");
  legend.replaceChildren();
  if (state.colour === "value" && sortedValues.length) {
    const at = (share) => sortedValues[Math.round(share * (sortedValues.length - 1))].toFixed(4);
    const ramp = make("span", "ramp");
    ramp.style.background = `linear-gradient(90deg, ${theme.ramp.filter((_, k) => k % 6 === 0 || k === STEPS - 1).join(", ")})`;
    legend.append(key(make("span", "", `worst ${at(0)}`), ramp, `best ${at(1)}`), key(`median ${at(0.5)} (${data.rung}; steps of equal count)`));
  } else {
    const names = state.colour === "island" ? data.lanes.map((lane) => `island ${lane}`) : data.operators;
    const limit = theme.categories.length;
    names.slice(0, limit).forEach((name, k) => legend.append(key(dot(theme.categories[k]), name)));
    if (names.length > limit) legend.append(key(dot(theme.rest), `${names.length - limit} others`));
  }
  legend.append(make("span", "rule"), key(sign("M0 5H14", theme.ink, 2.2), "winning path"), key(sign("M4 2 10 8M10 2 4 8", theme.failed, 1.4), "failed"));
  if (data.mean.some((value, i) => value === null && !data.failure[i])) {
    legend.append(key(sign("M4 5a3 3 0 1 0 6 0a3 3 0 1 0-6 0", theme.rest, 1.4), "no estimate yet"));
  }
}

function key(...parts) {
  const item = make("span", "key");
  item.append(...parts);
  return item;
}

function dot(colour) {
  const item = make("span", "dot");
  item.style.background = colour;
  return item;
}

function sign(path, colour, width) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 14 10");
  const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
  line.setAttribute("d", path);
  line.setAttribute("stroke", colour);
  line.setAttribute("stroke-width", width);
  svg.append(line);
  return svg;
}

// An element with text; text from a genome goes nowhere but through here.
function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}
