// The page of `tensorar serve`: paint evidence, and see what a model makes of it. No library, no build step.

const el = (tag, properties = {}, ...children) => {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
};
const error = document.getElementById("error");
const live = document.getElementById("live");
const panels = [];
const dark = matchMedia("(prefers-color-scheme: dark)");

// --- asking ---------------------------------------------------------------------------------------------------------

function complain(problem, place = error) {
  if (problem.name === "AbortError") return;
  place.textContent = problem.message;
  place.hidden = false;
}

/** The number in a field, which may be an empty cell of a table (NaN). Throws if the field does not take what it holds. */
function numberIn(field) {
  if (field.checkValidity()) return field.valueAsNumber;
  throw new Error(`${field.labels[0]?.textContent.trim() ?? field.ariaLabel}: ${field.validationMessage}`);
}

const inWords = ({ expected, got, remedy }) => new Error(`Expected ${expected}, got ${got}; ${remedy}.`);

const lost = (problem) => {
  throw problem.name === "AbortError" ? problem : new Error("The server does not answer: is tensorar serve still running?");
};

async function request(path, body, signal) {
  const options = body ? { method: "POST", body: JSON.stringify(body), headers: { "content-type": "application/json" } } : {};
  const response = await fetch(path, { ...options, signal }).catch(lost);
  if (response.ok) return response;
  const told = await response.json().catch(() => ({}));
  throw told.error ? inWords(told.error) : new Error(`The server answered ${response.status}.`);
}

const ask = async (path, body, signal) => (await request(path, body, signal)).json();

async function* lines(path, body, signal) {
  const reader = (await request(path, body, signal)).body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read().catch(lost);
    if (done) return;
    const parts = (rest + value).split("\n");
    rest = parts.pop();
    for (const part of parts) {
      const line = JSON.parse(part);
      if (line.error) throw inWords(line.error);
      yield line;
    }
  }
}

// --- drawing --------------------------------------------------------------------------------------------------------

const ink = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** A canvas in device pixels for its width in the page, with so many times its width as height. */
function sized(canvas, aspect) {
  const scale = devicePixelRatio || 1;
  const width = Math.max(1, Math.round(canvas.clientWidth * scale));
  const height = Math.max(1, Math.round(width * aspect));
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  canvas.style.aspectRatio = `${width} / ${height}`;
  const pen = canvas.getContext("2d");
  pen.clearRect(0, 0, width, height);
  return [pen, width, height, scale];
}

const RAMP = [[255, 251, 230], [242, 169, 59], [177, 58, 94], [45, 17, 96]];

function heat(share) {
  const place = Math.min(Math.max(share, 0), 1) * (RAMP.length - 1);
  const k = Math.min(Math.floor(place), RAMP.length - 2);
  return `rgb(${RAMP[k].map((c, i) => Math.round(c + (place - k) * (RAMP[k + 1][i] - c))).join(" ")})`;
}

/** Cells of an image, each in the colour that `paint(cell)` gives, in stripes if it gives several, or hatched where that is null. */
function drawCells(canvas, view, paint, mark) {
  const rows = view.cells.length, columns = view.cells[0].length;
  const [pen, width, height, scale] = sized(canvas, rows / columns);
  const w = width / columns, h = height / rows;
  view.cells.forEach((line, r) => line.forEach((cell, c) => {
    const x = Math.round(c * w), y = Math.round(r * h);
    const right = Math.round((c + 1) * w), below = Math.round((r + 1) * h);
    const gap = (Array.isArray(cell) ? cell[0] : cell) < 0, colour = gap ? ink("--line") : paint(cell);
    pen.fillStyle = colour === null || Array.isArray(colour) ? ink("--cell") : colour;
    pen.fillRect(x, y, right - x, below - y);
    if (Array.isArray(colour)) colour.forEach((stripe, k) => {
      if (stripe === null) return;
      pen.fillStyle = stripe;
      pen.fillRect(x + (k * (right - x)) / colour.length, y, (right - x) / colour.length, below - y);
    });
    if (colour !== null) return;
    pen.strokeStyle = ink("--hatch");
    pen.lineWidth = Math.max(1, scale / 2);
    pen.beginPath();
    pen.moveTo(x + 0.25 * w, y + 0.75 * h);
    pen.lineTo(x + 0.75 * w, y + 0.25 * h);
    pen.stroke();
  }));
  if (mark) ring(pen, mark[1] * w, mark[0] * h, w, h, scale);
}

function ring(pen, x, y, w, h, scale) {
  for (const [colour, thick] of [["#000", 5], ["#ffd400", 2.5]]) {
    pen.strokeStyle = colour;
    pen.lineWidth = thick * scale;
    pen.strokeRect(x, y, w, h);
  }
}

const DASHES = [[], [6, 3], [2, 3], [9, 3, 2, 3]];

/** Curves over the coefficients: `known` values as discs, unknown ones as crosses on the axis; `curves` as lines. */
function drawSequence(canvas, view, known, curves, options = {}) {
  const n = view.kind_of.length;
  const [pen, width, height, scale] = sized(canvas, options.aspect ?? 0.5);
  const given = known.filter((v) => v !== null), { low: least, high: most } = range(view);
  // what is known may lie beyond what was seen in training
  const low = Math.min(least, ...given), high = Math.max(most, ...given);
  const edge = 9 * scale;
  const x = (i) => edge + (n > 1 ? i / (n - 1) : 0.5) * (width - 2 * edge);
  const y = (v) => height - edge - ((v - low) / (high - low)) * (height - 2 * edge);
  pen.lineWidth = scale;
  pen.strokeStyle = ink("--line");
  pen.strokeRect(edge / 2, edge / 2, width - edge, height - edge);
  curves.forEach((values, k) => {
    pen.strokeStyle = ink("--accent");
    pen.lineWidth = 1.5 * scale;
    pen.setLineDash(DASHES[k % DASHES.length].map((d) => d * scale));
    pen.beginPath();
    values.forEach((v, i) => { if (v !== null) pen.lineTo(x(i), y(v)); });
    pen.stroke();
  });
  pen.setLineDash([]);
  const size = Math.max(1.5 * scale, Math.min(5 * scale, (width / n) * 0.4));
  known.forEach((v, i) => {
    pen.beginPath();
    pen.fillStyle = ink("--ink");
    pen.strokeStyle = ink("--hatch");
    pen.lineWidth = 1.3 * scale;
    if (v !== null) {
      pen.arc(x(i), y(v), size, 0, 7);
      pen.fill();
    } else if (options.crosses) {
      pen.moveTo(x(i) - size / 1.6, height - edge / 2 - size / 1.6);
      pen.lineTo(x(i) + size / 1.6, height - edge / 2 + size / 1.6);
      pen.moveTo(x(i) - size / 1.6, height - edge / 2 + size / 1.6);
      pen.lineTo(x(i) + size / 1.6, height - edge / 2 - size / 1.6);
      pen.stroke();
    }
  });
  if (options.mark !== undefined) ring(pen, x(options.mark) - size - 2 * scale, edge / 2, 2 * size + 4 * scale, height - edge, scale / 2);
  return { x, y, edge, width, height, low, high, n, scale };
}

const number = (v) => (Number.isInteger(v) ? String(v) : Number(v.toPrecision(3)).toString());

/** The distribution of a coefficient on a logarithmic scale: bars, or a curve for a density. */
function drawChart(canvas, found) {
  const [pen, width, height, scale] = sized(canvas, 0.55);
  const font = parseFloat(getComputedStyle(canvas).fontSize) * 0.8 * scale;
  pen.font = `${font}px system-ui, sans-serif`;
  pen.fillStyle = ink("--soft");
  if (!found) {
    pen.textAlign = "center";
    pen.fillText("point at something unknown", width / 2, height / 2, width * 0.95);
    return;
  }
  const decades = found.log_prob.map((p) => (p === null ? -Infinity : p / Math.LN10));
  const top = Math.ceil(Math.max(...decades) - 1e-9);
  const finite = decades.filter(Number.isFinite);
  const bottom = Math.max(Math.min(Math.floor(Math.min(...finite)), top - 1), top - 8);
  const left = 3.6 * font, under = height - 1.6 * font, above = 0.6 * font;
  const y = (p) => under - ((Math.max(p, bottom) - bottom) / (top - bottom)) * (under - above);
  pen.textAlign = "right";
  for (let d = bottom; d <= top; d += Math.ceil((top - bottom) / 5)) {
    pen.strokeStyle = ink("--line");
    pen.lineWidth = scale;
    pen.beginPath();
    pen.moveTo(left, y(d));
    pen.lineTo(width, y(d));
    pen.stroke();
    pen.fillText(d === 0 ? "1" : `1e${d}`, left - 0.4 * font, y(d) + 0.35 * font);
  }
  const values = found.values, n = values.length, room = width - left - font;
  const low = values[0], high = values[n - 1];
  const x = (i) => left + font / 2 + (found.density ? (values[i] - low) / (high - low || 1) : (i + 0.5) / n) * room;
  pen.fillStyle = pen.strokeStyle = ink("--accent");
  if (found.density) {
    pen.lineWidth = 2 * scale;
    pen.beginPath();
    decades.forEach((p, i) => pen.lineTo(x(i), y(p)));
    pen.stroke();
  } else {
    const bar = Math.max(1, (room / n) * (n > 64 ? 1 : 0.8));
    decades.forEach((p, i) => pen.fillRect(x(i) - bar / 2, y(p), bar, Math.max(under - y(p), scale)));
  }
  pen.fillStyle = ink("--soft");
  pen.textAlign = "center";
  const label = (i) => (found.texts ? found.texts[i] : number(values[i]));
  const widest = Math.max(...[0, n - 1].map((i) => pen.measureText(label(i)).width), 3.5 * font) + font;
  const most = Math.max(1, Math.min(n, Math.floor(room / widest))), shown = found.density || n > 12 ? most : n;
  let end = -Infinity;
  for (let k = 0; k < shown; k += 1) {
    const i = found.density ? closest(values, low + ((k + 0.5) / shown) * (high - low)) : Math.floor((k * n) / shown);
    const text = fitting(pen, label(i), found.density ? room / shown : Math.max(room / shown, 2 * font) * 0.95);
    const half = pen.measureText(text).width / 2;
    if (x(i) - half < end) continue;
    pen.fillText(text, x(i), height - 0.4 * font);
    end = x(i) + half + 0.3 * font;
  }
}

/** The place of the value nearest to a number. */
const closest = (values, v) => values.reduce((best, value, i) => (Math.abs(value - v) < Math.abs(values[best] - v) ? i : best), 0);

/** As much of a text as fits. */
function fitting(pen, text, room) {
  if (pen.measureText(text).width <= room) return text;
  let kept = text.length;
  while (kept > 1 && pen.measureText(`${text.slice(0, kept)}…`).width > room) kept -= 1;
  return `${text.slice(0, kept)}…`;
}

// --- a run ----------------------------------------------------------------------------------------------------------

function range(view) {
  return { low: Math.min(...view.values.map((v) => v.low)), high: Math.max(...view.values.map((v) => v.high)) };
}

/** The value that a coefficient may have nearest to a number. */
function nearest(values, v) {
  if (values.levels) return values.levels.reduce((a, b) => (Math.abs(b - v) < Math.abs(a - v) ? b : a));
  const inside = Math.min(Math.max(v, values.low), values.high);
  return values.discrete ? Math.round(inside) : inside;
}

/** The indices along axes of these sizes, the last one running fastest. */
const unravel = (index, sizes) => sizes.map((size, k) => Math.floor(index / sizes.slice(k + 1).reduce((a, b) => a * b, 1)) % size);

class Panel {
  constructor(run, view) {
    Object.assign(this, { run, view, n: view.kind_of.length, at: 0, context: null, predicted: new Map(), found: null });
    this.values = Array(this.n).fill(null);
    this.samples = [];
    this.map = null;
    this.visits = view.orders[0];
    this.root = document.getElementById("panel").content.cloneNode(true).firstElementChild;
    this.get = (name) => this.root.querySelector(`.${name}`);
    this.complain = (problem) => complain(problem, this.get("error"));
    this.get("step").max = this.n;
    this.get("step").value = this.n;
    this.describe();
    this.makeEditor();
    this.listen();
    this.abort = new AbortController();
    this.abortPointed = new AbortController();
  }

  of(i) { return this.view.values[this.view.kind_of[i]]; }

  path(question) { return `api/runs/${this.run}/${question}`; }

  describe() {
    const { view } = this;
    this.root.classList.add(view.kind);
    this.root.setAttribute("aria-label", view.name);
    this.get("name").textContent = view.name;
    this.get("parts").textContent = Object.entries(view.facts).map(([part, spec]) => `${part} ${spec}`).join(" · ");
    this.get("notes").textContent = view.notes.join(" ");
    const splits = Object.keys(view.splits);
    if (!splits.length) this.get("examples").remove();
    else {
      this.get("split").append(...splits.map((name) => el("option", { value: name, textContent: name })));
      this.get("split").value = splits.at(-1);
    }
    this.makeContexts();
  }

  makeContexts() {
    const { view } = this, place = this.get("contexts");
    if (!view.context) return;
    const group = el("div", { className: "tools" });
    group.setAttribute("role", "group");
    group.setAttribute("aria-label", "context");
    if (view.classes) {
      view.classes.forEach((name, k) => {
        const context = view.classes.map((_, j) => (j === k ? 1 : 0));
        const button = el("button", { type: "button", className: "class", textContent: name });
        button.addEventListener("click", () => this.choose(context));
        group.append(button);
      });
    } else {
      const field = el("input", { type: "text", value: Array(view.context).fill(0).join(","), className: "numbers" });
      field.addEventListener("change", () => this.choose(field.value));
      group.append(el("label", {}, "Context ", field));
    }
    place.append(group);
    this.context = view.classes ? view.classes.map((_, j) => (j === 0 ? 1 : 0)) : Array(view.context).fill(0);
    this.showContext();
  }

  choose(context) {
    this.context = context;
    this.showContext();
    this.changed();
  }

  showContext() {
    this.root.querySelectorAll(".class").forEach((b, k) => b.setAttribute("aria-pressed", String(this.context?.[k] === 1)));
    const field = this.root.querySelector(".numbers");
    if (field && Array.isArray(this.context)) field.value = this.context.join(",");
  }

  // --- the editor ---

  makeEditor() {
    const place = this.get("editor"), { view } = this;
    if (view.kind === "table") return this.makeTable(place);
    this.canvas = el("canvas", { className: "paint", tabIndex: 0 });
    this.canvas.setAttribute("role", "application");
    this.canvas.setAttribute("aria-label", `${view.kind} of ${this.n} values: arrow keys move, space paints`);
    place.append(this.canvas);
    const image = view.kind === "image";
    // several slices side by side need more room than one image
    if (image) this.canvas.style.maxWidth = `${34 * Math.min(Math.max(view.cells[0].length / view.cells.length, 1), 3)}rem`;
    this.get("hint").textContent = image
      ? `Hatched: unknown.${view.colour ? " Stripes: some channels are known." : ""} Arrow keys move; space paints; b, w, g, u choose the brush.`
      : "Discs: known; crosses: unknown. Drag points. Arrow keys: left and right move, up and down change the value; u forgets it.";
    if (view.colour) this.get("channel-label").hidden = false;
    if (image) this.makeBrushes();
    else this.root.querySelectorAll(".evidence > .tools")[0].hidden = true;
    this.canvas.addEventListener("pointermove", (event) => this.pointed(event));
    this.canvas.addEventListener("pointerdown", (event) => this.pressed(event));
    this.canvas.addEventListener("keydown", (event) => this.typed(event));
    return undefined;
  }

  makeBrushes() {
    const { low, high } = range(this.view), middle = (low + high) / 2;
    const grey = !this.view.values.every((v) => v.levels && v.levels.length === 2);
    const brushes = [["black", low], ["white", high], ["grey", middle], ["unknown", null]];
    this.brush = high;
    for (const [name, value] of brushes) {
      const input = el("input", { type: "radio", name: `brush${panels.length}-${this.run}`, value: name, checked: name === "white" });
      if (name === "grey" && !grey) Object.assign(input, { disabled: true, title: "this model has two values only" });
      input.addEventListener("change", () => { this.brush = value; });
      const level = value === null || input.disabled ? name : `${name} (${number(nearest(this.of(0), value))})`;
      this.get("brushes").append(el("label", {}, input, ` ${level}`));
    }
  }

  makeTable(place) {
    const head = el("tr", {}, ...["column", "value", "completions", "uncertainty"].map((t) => el("th", { scope: "col", textContent: t })));
    this.rows = this.view.names.map((name, i) => {
      const values = this.of(i);
      let field;
      if (values.levels) {
        field = el("select", {}, el("option", { value: "", textContent: "unknown" }));
        values.levels.forEach((level, k) => field.append(el("option", { value: level, textContent: values.labels?.[k] ?? number(level) })));
      } else field = el("input", { type: values.text ? "text" : "number", placeholder: "unknown", step: values.discrete ? 1 : "any" });
      field.setAttribute("aria-label", name);
      const row = { field, drawn: el("td"), uncertain: el("td"), line: el("tr") };
      row.drawn.dataset.label = "completions";
      row.uncertain.dataset.label = "uncertainty";
      row.line.append(el("th", { scope: "row", textContent: name }), el("td", {}, field), row.drawn, row.uncertain);
      field.addEventListener("change", () => {
        const text = field.value;
        if (field.checkValidity()) this.set([i], text === "" ? null : values.text ? text : Number(text));
        else this.changed();
      });
      for (const kind of ["focus", "pointerenter"]) (kind === "focus" ? field : row.line).addEventListener(kind, () => this.point(i));
      return row;
    });
    place.append(el("div", { className: "scroll" }, el("table", {}, el("thead", {}, head), el("tbody", {}, ...this.rows.map((r) => r.line)))));
    this.root.querySelectorAll(".evidence > .tools")[0].hidden = true;
    this.get("hint").textContent = "An empty cell is unknown. Focus or point at a row to see its distribution.";
  }

  /** Row and column of an event in the canvas of an image. */
  cellAt(event) {
    const box = this.canvas.getBoundingClientRect(), { cells } = this.view;
    const row = Math.floor(((event.clientY - box.top) / box.height) * cells.length);
    const column = Math.floor(((event.clientX - box.left) / box.width) * cells[0].length);
    return [Math.min(Math.max(row, 0), cells.length - 1), Math.min(Math.max(column, 0), cells[0].length - 1)];
  }

  coefficientsIn(cell) { return (Array.isArray(cell) ? cell : [cell]).filter((i) => i >= 0); }

  pointed(event) {
    if (this.view.kind === "image") {
      const [row, column] = this.cellAt(event);
      if (event.buttons & 1) this.stroke(row, column);
      this.moveTo(row, column);
    } else {
      const i = this.indexAt(event);
      if (event.buttons & 1) this.drag(event, i);
      this.point(i);
    }
  }

  /** Paint all cells on the way from the last one of a stroke: a fast mouse is seen at some of them only. */
  stroke(row, column) {
    const [fromRow, fromColumn] = this.stroked ?? [row, column];
    const steps = Math.max(Math.abs(row - fromRow), Math.abs(column - fromColumn), 1);
    for (let k = this.stroked ? 1 : steps; k <= steps; k += 1)
      this.paint(Math.round(fromRow + ((row - fromRow) * k) / steps), Math.round(fromColumn + ((column - fromColumn) * k) / steps));
    this.stroked = [row, column];
  }

  pressed(event) {
    this.canvas.setPointerCapture(event.pointerId);
    this.canvas.focus({ preventScroll: true });
    this.stroked = this.dragged = null;
    this.pointed(event);
  }

  indexAt(event) {
    const box = this.canvas.getBoundingClientRect(), { edge, width, n } = this.scales;
    const x = ((event.clientX - box.left) / box.width) * width;
    return Math.min(Math.max(Math.round(((x - edge) / (width - 2 * edge)) * (n - 1)), 0), n - 1);
  }

  drag(event, i) {
    const box = this.canvas.getBoundingClientRect(), { edge, height, low, high } = this.scales;
    const y = ((event.clientY - box.top) / box.height) * height;
    const value = low + ((height - edge - y) / (height - 2 * edge)) * (high - low);
    const [from, before] = this.dragged ?? [i, value], steps = Math.abs(i - from);
    for (let k = Math.min(1, steps); k <= steps; k += 1)
      this.set([from + Math.sign(i - from) * k], steps ? before + ((value - before) * k) / steps : value);
    this.dragged = [i, value];
  }

  moveTo(row, column) {
    const cell = this.view.cells[row][column];
    const place = Array.isArray(cell) ? Number(this.get("channel").value) : 0;
    const index = this.coefficientsIn(cell)[place];
    this.cell = [row, column];
    if (index !== undefined) this.point(index);
  }

  paint(row, column) {
    try {
      const reach = numberIn(this.get("width")), from = Math.floor((reach - 1) / 2), painted = [];
      for (let r = row - from; r < row - from + reach; r += 1)
        for (let c = column - from; c < column - from + reach; c += 1) painted.push(...this.coefficientsIn(this.view.cells[r]?.[c] ?? -1));
      this.set(painted, this.brush);
    } catch (problem) {
      this.complain(problem);
    }
  }

  typed(event) {
    const key = event.key, image = this.view.kind === "image";
    const moves = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (image && moves[key]) {
      const [row, column] = this.cell ?? this.placeOf(this.at), { cells } = this.view;
      this.moveTo(Math.min(Math.max(row + moves[key][0], 0), cells.length - 1), Math.min(Math.max(column + moves[key][1], 0), cells[0].length - 1));
    } else if (image && (key === " " || key === "Enter")) this.paint(...(this.cell ?? this.placeOf(this.at)));
    else if (image && "bwgu".includes(key)) {
      const chosen = this.get("brushes").querySelectorAll("input")["bwgu".indexOf(key)];
      if (!chosen.disabled) chosen.click();
      this.canvas.focus();
    } else if (!image && (key === "ArrowLeft" || key === "ArrowRight")) this.point(Math.min(Math.max(this.at + moves[key][1], 0), this.n - 1));
    else if (!image && moves[key]) this.nudge(-moves[key][0]);
    else if (!image && ["u", "Delete", "Backspace"].includes(key)) this.set([this.at], null);
    else return;
    event.preventDefault();
    this.say();
  }

  nudge(direction) {
    const values = this.of(this.at), step = values.discrete ? 1 : (values.high - values.low) / 40;
    const before = this.values[this.at] ?? nearest(values, (values.low + values.high) / 2 - direction * step);
    this.set([this.at], before + direction * step);
  }

  placeOf(index) {
    const { cells } = this.view;
    for (let row = 0; row < cells.length; row += 1) {
      const column = cells[row].findIndex((cell) => this.coefficientsIn(cell).includes(index));
      if (column >= 0) return [row, column];
    }
    return [0, 0];
  }

  /** Give coefficients a value (null: unknown), here and in the panel beside if its events are alike. */
  set(indices, value, mirrored = false) {
    let change = false;
    for (const i of indices) {
      const v = this.fitted(value, i);
      change ||= this.values[i] !== v;
      this.values[i] = v;
      if (mirrored && this.rows) this.rows[i].field.value = v ?? "";
    }
    if (!mirrored) for (const other of this.twins()) other.set(indices, value, true);
    if (change) this.changed();
  }

  /** The value that a coefficient may have for one that was painted; cells of tables are sent as they are typed. */
  fitted(value, i) { return value === null || this.rows ? value : nearest(this.of(i), value); }

  twins() { return panels.filter((p) => p !== this && p.isLike(this)); }

  isLike(other) { return ["kind", "shape", "names"].every((key) => String(this.view[key]) === String(other.view[key])); }

  /** Give all coefficients the values of an event of this run, or (mirrored) of another one. */
  setAll(values, mirrored = false) {
    this.values = mirrored ? values.map((v, i) => this.fitted(v, i)) : values;
    if (this.rows) this.rows.forEach(({ field }, i) => { field.value = this.values[i] ?? ""; });
    if (!mirrored) for (const other of this.twins()) other.setAll(values, true);
    this.changed();
  }

  // --- questions ---

  body() {
    this.rows?.forEach(({ field }) => field.type === "number" && numberIn(field));
    const typed = (name) => numberIn(this.get(name));
    return {
      values: this.values, context: this.context, seed: typed("seed"), completions: typed("count"), particles: typed("particles"),
      temperature: typed("temperature"), conditioning: this.get("conditioning").value,
    };
  }

  changed() {
    // what was predicted, or is being predicted, is about other evidence
    this.predicted.clear();
    this.abortPointed.abort();
    this.draw();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.askAll(), 60);
  }

  async askAll() {
    this.abort.abort();
    const abort = (this.abort = new AbortController()), { signal } = abort;
    this.root.setAttribute("aria-busy", "true");
    this.get("error").hidden = true;
    this.get("status").textContent = "…";
    try {
      await this.complete(signal);
      const pointed = this.point(this.at, true);
      this.showLogProb(await ask(this.path("log_prob"), this.body(), signal));
      this.visits = (await ask(this.path("order"), this.body(), signal)).visits;
      this.drawOrder();
      this.map = await ask(this.path("uncertainty"), this.body(), signal);
      this.drawMap();
      await pointed;
    } catch (problem) {
      if (!signal.aborted) this.blank();
      this.complain(problem);
    }
    if (this.abort === abort) this.root.setAttribute("aria-busy", "false");
  }

  /** What was answered before is not about what was asked last. */
  blank() {
    for (const name of ["logp", "way", "ess"]) this.get(name).textContent = "–";
    for (const name of ["status", "words", "how"]) this.get(name).textContent = "";
    for (const name of ["warning", "entropy", "legend"]) this.get(name).hidden = true;
    this.samples = [];
    this.texts = this.map = this.found = null;
    this.rows?.forEach((row) => { row.uncertain.textContent = ""; });
    this.draw();
  }

  async complete(signal) {
    const body = this.body(), started = performance.now();
    this.samples = Array.from({ length: body.completions }, () => [...this.values]);
    this.texts = new Map();
    let drawn = 0;
    for await (const line of lines(this.path("complete"), body, signal)) {
      if (line.step) this.get("status").textContent = `step ${line.step} of ${line.steps}`;
      else if (line.done) this.finish(line, performance.now() - started);
      else {
        line.values.forEach((v, k) => { this.samples[k][line.coefficient] = v; });
        if (line.texts) this.texts.set(line.coefficient, line.texts);
        drawn += 1;
        this.get("status").textContent = `${drawn} values`;
        this.drawSoon();
      }
    }
  }

  finish(line, took) {
    this.samples = line.completions;
    this.get("status").textContent = `in ${Math.round(took)} ms${this.rows ? ", shown in the table" : ""}`;
    const { way, reason, effective_sample_size: ess, particles, ancestors, poor } = line.conditioning;
    this.get("way").textContent = way ? `${way}: ${reason}` : "nothing is known";
    this.get("ess").textContent = ess === undefined ? (way === "exact" ? "not needed: exact" : "–") : `${ess.toFixed(1)} of ${particles} particles, ${ancestors.toFixed(1)} distinct ancestors`;
    const warning = this.get("warning");
    const words = [line.follows_model ? "" : `Not the model's distribution (${line.method}).`, poor ? "Few particles agree with what is known: use more, or trust this little." : ""];
    warning.textContent = words.filter(Boolean).join(" ");
    warning.hidden = !warning.textContent;
    this.drawSamples();
  }

  showLogProb({ value, standard_error: spread, exact, known }) {
    const nats = value === null ? "no value" : `${value.toFixed(2)} nats`;
    const sort = value === null ? "" : exact ? ", exact" : ` ± ${spread.toPrecision(2)}, estimated`;
    this.get("logp").textContent = known ? `${nats}${sort} (${known} of ${this.n} known)` : "0 nats: nothing is known";
  }

  /** Show the distribution of a coefficient, here and in the panel beside. */
  point(index, again = false, mirrored = false) {
    if (index === this.at && !again && this.pointedOnce) return;
    this.pointedOnce = true;
    this.at = index;
    if (this.view.kind === "image" && !this.coefficientsIn(this.view.cells[this.cell?.[0] ?? 0][this.cell?.[1] ?? 0]).includes(index)) this.cell = this.placeOf(index);
    if (!mirrored && !again) for (const other of this.twins()) other.point(index, false, true);
    this.drawEditor();
    this.drawMap();
    this.drawOrder();
    this.abortPointed.abort();
    const { signal } = (this.abortPointed = new AbortController());
    if (this.values[index] !== null) return this.showPredicted(null);
    const kept = this.predicted.get(index);
    if (kept) return this.showPredicted(kept);
    return this.predict(index, signal).catch(this.complain);
  }

  async predict(index, signal) {
    const found = await ask(this.path("predict"), { ...this.body(), coefficient: index }, signal);
    // an answer that was there already is not taken back
    if (signal.aborted) return;
    this.predicted.set(index, found);
    if (this.at === index) this.showPredicted(found);
  }

  nameOf(index) {
    if (this.view.names.length) return this.view.names[index];
    if (this.view.kind === "sequence") return `position ${index}`;
    const long = this.view.shape.filter((size) => size > 1);
    if (long.length > 2 && !this.view.colour) return `index ${unravel(index, long).join(", ")}`;
    const [row, column] = this.placeOf(index);
    const cell = this.view.cells[row][column];
    return `row ${row}, column ${column}${Array.isArray(cell) ? `, ${["red", "green", "blue"][cell.indexOf(index)]}` : ""}`;
  }

  showPredicted(found) {
    this.found = found;
    this.get("which").textContent = this.nameOf(this.at);
    drawChart(this.get("chart"), found);
    this.get("words").textContent = found ? this.summary(found) : `known: ${this.textOf(this.at, this.values[this.at])}`;
    this.get("chart").setAttribute("aria-label", this.get("words").textContent);
    if (this.canvas === document.activeElement || this.rows) this.say();
  }

  textOf(index, value) {
    const values = this.of(index), k = values.levels?.indexOf(value) ?? -1;
    return typeof value === "string" ? value : values.labels?.[k] ?? number(value);
  }

  likeliest(found) {
    const p = found.log_prob.map((v) => (v === null ? 0 : Math.exp(v)));
    const best = [...p.keys()].sort((a, b) => p[b] - p[a]).slice(0, 3);
    const label = (i) => found.texts?.[i] ?? number(found.values[i]);
    if (found.density) return `densest at ${label(best[0])} (${number(p[best[0]])})`;
    return best.map((i) => `${label(i)}: ${p[i] >= 0.001 ? p[i].toFixed(3) : p[i].toExponential(1)}`).join(", ");
  }

  summary(found) { return `${this.likeliest(found)} – ${found.way}: ${found.reason}`; }

  say() {
    const value = this.values[this.at], found = this.predicted.get(this.at);
    const words = value !== null ? `known, ${this.textOf(this.at, value)}` : found ? `unknown; ${this.summary(found)}` : "unknown";
    live.textContent = `${this.nameOf(this.at)}: ${words}`;
  }

  // --- pictures ---

  shade(values) {
    const { low, high } = range(this.view);
    const level = (i) => Math.round((255 * (Math.min(Math.max(values[i], low), high) - low)) / (high - low));
    return (cell) => {
      const inside = this.coefficientsIn(cell), [r, g = r, b = r] = inside;
      const known = inside.map((i) => values[i] !== null && values[i] !== undefined);
      if (!known.includes(true)) return null;
      // red, green and blue apart where not all are known
      if (known.includes(false)) return inside.map((i, k) => (known[k] ? `rgb(${[0, 1, 2].map((c) => (c === k ? level(i) : 0)).join(" ")})` : null));
      return `rgb(${level(r)} ${level(g)} ${level(b)})`;
    };
  }

  draw() {
    this.drawEditor();
    this.drawSamples();
    this.drawMap();
    this.drawOrder();
    if (this.pointedOnce) drawChart(this.get("chart"), this.found);
    else drawChart(this.get("chart"), null);
  }

  drawSoon() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => { this.waiting = false; this.drawSamples(); });
  }

  drawEditor() {
    if (this.view.kind === "image") drawCells(this.canvas, this.view, this.shade(this.values), this.placeOf(this.at));
    else if (this.view.kind === "sequence") this.scales = drawSequence(this.canvas, this.view, this.values, [], { crosses: true, mark: this.at });
    else this.rows.forEach((row, i) => row.line.classList.toggle("current", i === this.at));
  }

  drawSamples() {
    const place = this.get("drawn"), { kind } = this.view;
    place.classList.toggle("wide", kind !== "image");
    place.classList.toggle("broad", kind === "image" && this.view.cells[0].length > 2 * this.view.cells.length);
    const count = kind === "image" ? this.samples.length : kind === "sequence" ? 1 : 0;
    while (place.children.length > count) place.lastChild.remove();
    while (place.children.length < count) {
      const canvas = el("canvas");
      canvas.setAttribute("role", "img");
      place.append(canvas);
    }
    [...place.children].forEach((canvas, k) => {
      canvas.setAttribute("aria-label", kind === "image" ? `completion ${k + 1}` : `${this.samples.length} completions`);
      if (kind === "image") drawCells(canvas, this.view, this.shade(this.samples[k]));
      else drawSequence(canvas, this.view, this.values, this.samples);
    });
    this.rows?.forEach((row, i) => { row.drawn.textContent = this.values[i] === null ? (this.texts?.get(i) ?? []).join(", ") : ""; });
  }

  drawMap() {
    if (!this.map) return;
    const { values, texts, label, how } = this.map, most = Math.max(...values, 1e-9), { kind } = this.view;
    // the deviation of the numbers of categories means nothing
    const meant = (i) => this.values[i] === null && !(this.of(i).labels?.length > 2);
    if (this.rows) this.rows.forEach((row, i) => { row.uncertain.textContent = meant(i) ? texts?.[i] ?? number(values[i]) : ""; });
    const canvas = this.get("entropy");
    // columns have units of their own, which no bar compares
    canvas.hidden = this.get("legend").hidden = this.rows !== undefined;
    this.get("ramp").hidden = this.get("least").hidden = kind !== "image";
    if (kind === "image") drawCells(canvas, this.view, (cell) => heat(Math.max(...this.coefficientsIn(cell).map((i) => values[i])) / most), this.placeOf(this.at));
    else this.drawBars(canvas, values, most);
    canvas.setAttribute("aria-label", `${label} of each coefficient, from 0 to ${number(most)}`);
    this.get("least").textContent = "0";
    this.get("most").textContent = `${kind === "image" ? "" : "tallest bar: "}${number(most)} ${label}`;
    const here = this.rows ? "Shown in the table." : `At ${this.nameOf(this.at)}: ${number(values[this.at])}.`;
    this.get("how").textContent = `${here} The ${how}.`;
  }

  drawBars(canvas, values, most) {
    const [pen, width, height] = sized(canvas, 0.4), w = width / values.length;
    values.forEach((v, i) => {
      pen.fillStyle = i === this.at ? ink("--ink") : ink("--accent");
      const tall = (v / most) * height * 0.95;
      pen.fillRect(i * w, height - tall, Math.max(1, w * 0.85), Math.max(tall, 1));
    });
  }

  drawOrder() {
    const step = Number(this.get("step").value), { kind } = this.view;
    const rank = new Map(this.visits.map((index, t) => [index, t]));
    const canvas = this.get("visits"), current = this.visits[Math.min(step, this.n - 1)];
    const place = step < this.n ? this.placeOf(current) : undefined;
    if (kind === "image") {
      // visited cells darken with their step; those to come are hatched
      drawCells(canvas, this.view, (cell) => {
        const colours = this.coefficientsIn(cell).map((i) => (rank.get(i) < step ? heat(0.15 + (0.85 * rank.get(i)) / this.n) : null));
        return colours.every((colour) => colour === null) ? null : colours;
      }, place);
    } else this.drawRanks(canvas, rank, step);
    const many = this.view.orders.length > 1 ? `One of the ${this.view.orders.length} orders that the model mixes. ` : "";
    const names = this.rows && this.n <= 24 ? `Visits ${this.visits.map((i) => this.nameOf(i)).join(", ")}. ` : "";
    const how = { adaptive: "Chosen step by step, here for one completion. ", "known first": "What is known comes first. " }[this.view.order] ?? "";
    this.get("where").textContent = names + many + how + (step < this.n ? `Step ${step} of ${this.n} visits ${this.nameOf(current)}.` : `All ${this.n} are visited.`)
      + ` Step ${rank.get(this.at)} visits what you point at, ${this.nameOf(this.at)}.`;
    canvas.setAttribute("aria-label", this.get("where").textContent);
  }

  drawRanks(canvas, rank, step) {
    const [pen, width, height] = sized(canvas, 0.4), w = width / this.n;
    for (let i = 0; i < this.n; i += 1) {
      const t = rank.get(i), tall = ((t + 1) / this.n) * height * 0.95;
      pen.fillStyle = t < step ? ink("--accent") : t === step ? ink("--ink") : ink("--cell");
      pen.fillRect(i * w, height - tall, Math.max(1, w * 0.85), tall);
    }
  }

  // --- controls ---

  listen() {
    const on = (name, kind, act) => this.root.querySelectorAll(`.${name}`).forEach((node) => node.addEventListener(kind, act));
    on("forget", "click", () => this.setAll(Array(this.n).fill(null)));
    on("half", "click", () => {
      const half = Math.ceil(this.n / 2), later = new Set(this.visits.slice(half));
      this.setAll(this.values.map((v, i) => (later.has(i) ? null : v)));
    });
    on("load", "click", () => this.load().catch(this.complain));
    on("again", "click", () => {
      this.get("seed").value = Number(this.get("seed").value) + 1;
      this.changed();
    });
    for (const name of ["seed", "temperature", "count", "conditioning", "particles"]) on(name, "change", () => this.changed());
    on("channel", "change", () => this.cell && this.moveTo(...this.cell));
    on("step", "input", () => this.drawOrder());
    on("play", "click", () => this.play());
  }

  async load() {
    const split = this.get("split").value;
    this.get("number").max = this.view.splits[split] - 1;
    const example = numberIn(this.get("number"));
    const { values, texts, context } = await ask(this.path(`examples/${split}/${example}`));
    if (context) this.context = context;
    this.showContext();
    // dates stay text
    this.setAll(values.map((v, i) => (v !== null && this.of(i).text ? texts[i] : v)));
  }

  play() {
    const button = this.get("play"), slider = this.get("step"), playing = button.textContent === "Pause";
    clearInterval(this.playing);
    button.textContent = playing ? "Play" : "Pause";
    if (playing) return;
    if (Number(slider.value) >= this.n) slider.value = 0;
    const stride = Math.max(1, Math.round(this.n / 240));
    this.playing = setInterval(() => {
      slider.value = Math.min(this.n, Number(slider.value) + stride);
      this.drawOrder();
      if (Number(slider.value) >= this.n) this.play();
    }, 40);
  }

  close() {
    this.abort.abort();
    this.abortPointed.abort();
    clearTimeout(this.timer);
    clearInterval(this.playing);
  }
}

// --- the page -------------------------------------------------------------------------------------------------------

async function show() {
  const chosen = [document.getElementById("run").value, document.getElementById("beside").value].filter((run) => run !== "");
  const before = panels[0];
  const views = await Promise.all(chosen.map((run) => ask(`api/runs/${run}`)));
  panels.splice(0).forEach((panel) => panel.close());
  const main = document.getElementById("panels");
  main.replaceChildren();
  main.classList.toggle("two", chosen.length > 1);
  chosen.forEach((run, k) => {
    const panel = new Panel(Number(run), views[k]);
    panels.push(panel);
    main.append(panel.root);
  });
  panels.forEach((panel) => (before?.isLike(panel) ? panel.setAll(before.values, true) : panel.changed()));
  document.title = `${views.map((view) => view.name).join(" and ")} – tensorar`;
  // for reloading
  history.replaceState(null, "", `#${chosen}`);
  error.hidden = true;
}

async function start() {
  const { runs } = await ask("api/runs");
  const first = document.getElementById("run"), second = document.getElementById("beside");
  runs.forEach((name, k) => [first, second].forEach((menu) => menu.append(el("option", { value: k, textContent: name }))));
  second.parentElement.hidden = runs.length < 2;
  [first.value, second.value] = [...location.hash.slice(1).split(",").map((run) => (run in runs ? run : "")), ""];
  first.value ||= 0;
  [first, second].forEach((menu) => menu.addEventListener("change", () => show().catch(complain)));
  await show();
}

addEventListener("resize", () => panels.forEach((panel) => panel.draw()));
dark.addEventListener("change", () => panels.forEach((panel) => panel.draw()));
start().catch(complain);
