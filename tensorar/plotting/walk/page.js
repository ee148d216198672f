"use strict";
const walk = JSON.parse(document.getElementById("data").textContent);
const element = (id) => document.getElementById(id);
const slider = element("slider"), last = walk.steps.length - 1, MILLISECONDS = 166;
let timer = null, shown = 0;

// --- drawing ---------------------------------------------------------------------------------------------------------

const color = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
const short = (x) => (Number.isInteger(x) ? String(x) : Number(x.toPrecision(4)).toString());

function canvas(id, aspect) {
  const node = element(id), width = Math.max(1, node.clientWidth), height = Math.round(Math.min(width * aspect, 640));
  const scale = window.devicePixelRatio || 1;
  node.width = Math.round(width * scale);
  node.height = Math.round(height * scale);
  node.style.height = height + "px";
  const pen = node.getContext("2d");
  pen.scale(scale, scale);
  pen.font = "12px system-ui, sans-serif";
  return [pen, width, height];
}

function hatched(pen) {
  const tile = document.createElement("canvas"), tilePen = tile.getContext("2d");
  tile.width = tile.height = 8;
  tilePen.fillStyle = color("unknown");
  tilePen.fillRect(0, 0, 8, 8);
  tilePen.strokeStyle = color("hatch");
  for (const x of [-8, 0, 8]) { tilePen.moveTo(x, 8); tilePen.lineTo(x + 8, 0); }
  tilePen.stroke();
  return pen.createPattern(tile, "repeat");
}

// paint(flat indices of a cell) gives its color, or null for an unknown one
function drawCells(id, view, next, paint) {
  const [pen, width, height] = canvas(id, view.aspect * view.rows / view.columns);
  const unknown = hatched(pen), dx = width / view.columns, dy = height / view.rows;
  // on whole pixels, or else there are seams between cells
  const scale = window.devicePixelRatio || 1, edge = (x) => Math.round(x * scale) / scale;
  let mark = null;
  for (let row = 0; row < view.rows; row++) {
    for (let column = 0; column < view.columns; column++) {
      const start = (row * view.columns + column) * view.depth, cell = view.cells.slice(start, start + view.depth);
      if (cell[0] < 0) continue;
      pen.fillStyle = paint(cell) || unknown;
      const [left, top] = [edge(column * dx), edge(row * dy)];
      pen.fillRect(left, top, edge((column + 1) * dx) - left, edge((row + 1) * dy) - top);
      if (cell.includes(next)) mark = [column, row];
    }
  }
  if (mark === null) return;
  const room = Math.max(0, 7 - Math.min(dx, dy)) / 2;
  const frame = [mark[0] * dx - room, mark[1] * dy - room, dx + 2 * room, dy + 2 * room];
  for (const [name, thick] of [["paper", 5], ["truth", 2.5]]) {
    pen.strokeStyle = color(name);
    pen.lineWidth = thick;
    pen.strokeRect(...frame);
  }
}

const level = (value) => Math.round(255 * Math.min(1, Math.max(0, (value - walk.limits[0]) / (walk.limits[1] - walk.limits[0]))));

function drawMask(step, k) {
  drawCells("mask", walk.mask, step.coefficient, (cell) => (walk.knownAt[cell[0]] <= k ? color("known") : null));
}

// as much of a text as fits
function fitting(pen, text, room) {
  let kept = text.length;
  while (kept > 1 && pen.measureText(kept < text.length ? text.slice(0, kept) + "…" : text).width > room) kept -= 1;
  return kept < text.length ? text.slice(0, kept) + "…" : text;
}

// the cells of a row of a table, those around the next one if there is no room for all
function drawRow(step, k) {
  const { names, texts } = walk.table, each = 20, n = names.length;
  const [pen, width, height] = canvas("values", n * each / Math.max(1, element("values").clientWidth));
  const rows = Math.min(n, Math.floor(height / each)), first = Math.min(n - rows, Math.max(0, step.coefficient - (rows >> 1)));
  const unknown = hatched(pen), middle = width / 2;
  for (let i = first; i < first + rows; i++) {
    const top = (i - first) * each, text = walk.knownAt[i] <= k ? texts[i] : null;
    pen.fillStyle = text === null ? unknown : color("paper");
    pen.fillRect(middle, top + 1, width - middle, each - 2);
    pen.fillStyle = color("ink");
    pen.fillText(fitting(pen, names[i], middle - 8), 2, top + 14);
    if (text !== null) pen.fillText(fitting(pen, text, width - middle - 8), middle + 4, top + 14);
    if (i !== step.coefficient) continue;
    pen.strokeStyle = color("truth");
    pen.lineWidth = 2;
    pen.strokeRect(middle + 1, top + 1, width - middle - 2, each - 2);
  }
}

function drawValues(step, k) {
  if (walk.table) return drawRow(step, k);
  if (walk.curve) return drawCurve(step, k);
  const known = (i) => walk.knownAt[i] <= k;
  drawCells("values", walk.view, step.coefficient, (cell) => {
    if (!cell.some(known)) return null;
    const levels = cell.map((i) => (known(i) ? level(walk.values[i]) : 0));
    return "rgb(" + (levels.length === 3 ? levels : [levels[0], levels[0], levels[0]]).join(",") + ")";
  });
}

// axes with room for numbers; x and y turn values into pixels
function axes(id, aspect, xLimits, yLimits, logarithmic, marks) {
  const [pen, width, height] = canvas(id, aspect), left = 52, bottom = height - 36, top = 8, right = width - 10;
  const along = (v, [a, b], from, to) => from + (to - from) * (v - a) / (b - a);
  const up = logarithmic ? Math.log10 : (v) => v, yRange = yLimits.map(up);
  const x = (v) => along(v, xLimits, left, right), y = (v) => along(Math.max(up(v), yRange[0]), yRange, bottom, top);
  pen.strokeStyle = color("faint");
  pen.strokeRect(left, top, right - left, bottom - top);
  pen.fillStyle = color("ink");
  pen.textAlign = "center";
  const wide = Math.max(2, Math.min(6, Math.floor((right - left) / 60)));
  const places = marks || ticks(xLimits, wide).map((v) => [v, short(v)]), room = (right - left) / places.length - 6;
  for (const [v, words] of places) {
    const text = marks ? fitting(pen, words, room) : words, half = marks ? pen.measureText(text).width / 2 : 0;
    pen.fillText(text, Math.min(Math.max(x(v), half), width - half), bottom + 15);
  }
  pen.textAlign = "right";
  for (const v of logarithmic ? decades(yLimits) : ticks(yLimits, 5)) pen.fillText(logarithmic ? "1e" + Math.round(Math.log10(v)) : short(v), left - 5, y(v) + 4);
  return { pen, x, y, left, right, top, bottom };
}

function ticks([low, high], count) {
  const rough = (high - low) / count, power = 10 ** Math.floor(Math.log10(rough));
  const size = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough), found = [];
  for (let k = Math.ceil(low / size); k * size <= high; k++) found.push(k * size);
  return found;
}

function decades([low, high]) {
  const found = [];
  for (let e = Math.round(Math.log10(low)); e <= Math.log10(high); e++) found.push(10 ** e);
  return found;
}

function label(a, text) {
  a.pen.fillStyle = color("ink");
  a.pen.textAlign = "center";
  a.pen.fillText(text, (a.left + a.right) / 2, a.bottom + 31);
}

function dashed(a, value) {
  a.pen.strokeStyle = color("truth");
  a.pen.lineWidth = 2;
  a.pen.setLineDash([6, 4]);
  a.pen.beginPath();
  a.pen.moveTo(a.x(value), a.top);
  a.pen.lineTo(a.x(value), a.bottom);
  a.pen.stroke();
  a.pen.setLineDash([]);
}

function line(a, xs, ys, lowest) {
  a.pen.beginPath();
  let down = false;
  xs.forEach((v, i) => {
    const there = ys[i] !== null && ys[i] >= lowest;
    if (there) a.pen[down ? "lineTo" : "moveTo"](a.x(v), a.y(ys[i]));
    down = there;
  });
  a.pen.stroke();
}

function dots(a, xs, ys, lowest, size) {
  xs.forEach((v, i) => {
    if (ys[i] === null || !(ys[i] >= lowest)) return;
    a.pen.beginPath();
    a.pen.arc(a.x(v), a.y(ys[i]), size, 0, 7);
    a.pen.fill();
  });
}

function drawCurve(step, k) {
  const n = walk.values.length, margin = 0.05 * (walk.limits[1] - walk.limits[0]);
  const a = axes("values", 0.7, [-0.5, n - 0.5], [walk.limits[0] - margin, walk.limits[1] + margin], false);
  const known = walk.values.map((v, i) => (walk.knownAt[i] <= k ? v : null)), places = [...known.keys()];
  a.pen.fillStyle = hatched(a.pen);
  for (const i of places) if (known[i] === null) a.pen.fillRect(a.x(i - 0.5), a.top, a.x(i + 0.5) - a.x(i - 0.5) + 0.3, a.bottom - a.top);
  a.pen.strokeStyle = a.pen.fillStyle = color("ink");
  a.pen.lineWidth = 1.5;
  line(a, places, known, -Infinity);
  if (n <= 100) dots(a, places, known, -Infinity, 3);
  dashed(a, step.coefficient);
  label(a, "coefficient");
}

function drawDistribution(step) {
  const support = walk.supports[step.support], [lowest, highest] = step.probabilityLimits || walk.probabilityLimits;
  const marks = step.texts && step.marked.map((i) => [support[i], step.texts[i]]);
  const a = axes("distribution", 0.8, step.supportLimits || walk.supportLimits, [lowest, 1.3 * highest], true, marks);
  if (step.truth !== null) dashed(a, step.truth);
  a.pen.fillStyle = a.pen.strokeStyle = color("predicted");
  a.pen.lineWidth = 2;
  if (step.density) line(a, support, step.probabilities, 0);
  else {
    const gaps = support.slice(1).map((v, i) => v - support[i]), gap = gaps.length ? Math.min(...gaps) : 1;
    const size = Math.max(1, (support.length <= 64 ? 0.85 : 1) * (a.x(gap) - a.x(0)));
    support.forEach((v, i) => a.pen.fillRect(a.x(v) - size / 2, a.y(step.probabilities[i]), size, a.bottom - a.y(step.probabilities[i])));
    if (step.truth !== null) dashed(a, step.truth);
  }
  a.pen.fillStyle = a.pen.strokeStyle = color("ink");
  if (step.exact && !step.density && support.length <= 64) dots(a, support, step.exact, lowest, 3);
  else if (step.exact) line(a, support, step.exact, lowest);
  label(a, (step.density ? "density" : "probability") + " (log scale) of each value");
}

// --- steps -----------------------------------------------------------------------------------------------------------

function nearest(support, value) {
  return support.reduce((best, v, i) => (Math.abs(v - value) < Math.abs(support[best] - value) ? i : best), 0);
}

function words(step) {
  const support = walk.supports[step.support], best = step.probabilities.indexOf(Math.max(...step.probabilities));
  const what = step.density ? "density" : "probability";
  const said = (i, text) => (text || (step.texts ? step.texts[i] : short(support[i]))) + " (" + what + " " + short(step.probabilities[i]) + ")";
  const start = "step " + step.known + " of " + walk.length + ": next coefficient " + step.place + "; " + (step.density ? "densest at " : "most likely ") + said(best);
  return start + (step.truth === null ? "; true value unknown" : "; true value " + said(nearest(support, step.truth), step.truthText));
}

function show(k) {
  shown = Math.min(last, Math.max(0, k));
  const step = walk.steps[shown];
  slider.value = shown;
  slider.setAttribute("aria-valuetext", "step " + step.known);
  element("status").textContent = words(step);
  drawMask(step, shown);
  drawValues(step, shown);
  drawDistribution(step);
}

function pause() {
  clearInterval(timer);
  timer = null;
  element("play").textContent = "play";
  // not read aloud while the steps pass
  element("status").setAttribute("aria-live", "polite");
}

function play() {
  if (timer !== null) return pause();
  element("play").textContent = "pause";
  element("status").setAttribute("aria-live", "off");
  if (shown === last) show(0);
  timer = setInterval(() => (shown === last ? pause() : show(shown + 1)), MILLISECONDS);
}

const go = (k) => { pause(); show(k); };
const KEYS = {
  ArrowLeft: () => go(shown - 1), ArrowDown: () => go(shown - 1), ArrowRight: () => go(shown + 1), ArrowUp: () => go(shown + 1),
  PageDown: () => go(shown - 10), PageUp: () => go(shown + 10), Home: () => go(0), End: () => go(last), " ": play,
};
document.addEventListener("keydown", (event) => {
  const action = KEYS[event.key], pressesButton = event.key === " " && event.target.tagName === "BUTTON";
  if (!action || pressesButton || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  action();
});
slider.max = last;
slider.addEventListener("input", () => go(Number(slider.value)));
element("back").addEventListener("click", () => go(shown - 1));
element("forward").addEventListener("click", () => go(shown + 1));
element("play").addEventListener("click", play);
element("exact").hidden = !walk.steps.some((step) => step.exact);
element("scale").textContent = walk.scale;
window.addEventListener("resize", () => show(shown));
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => show(shown));
show(0);
