// The lineage on its canvas. While the view moves a frame leaves out what a still one adds (level of detail):
// 20,000 edges are drawn when the hand rests.

const MANY_EDGES = 2500; // above this they are straight, faint, and wait for the view to rest
const FEW_EDGES = 300; // above this those of other parents, which are dashed and dear, wait as well
const FAR = 2.1; // radius in pixels below which programs are squares and failures ticks
const sceneCanvas = document.getElementById("scene");
const pen = sceneCanvas.getContext("2d");
let restTimer = 0;
let frameAsked = false;

// Fit a canvas to its box at the screen's resolution; returns [width, height] in CSS pixels.
function fitCanvas(canvas, context) {
  const box = canvas.getBoundingClientRect();
  const ratio = window.devicePixelRatio || 1;
  const [width, height] = [Math.round(box.width * ratio), Math.round(box.height * ratio)];
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return [box.width, box.height];
}

// Ask for a frame; `moving` puts the expensive parts off until the view has rested.
function redraw(moving) {
  if (moving) {
    clearTimeout(restTimer);
    restTimer = setTimeout(() => { restTimer = 0; redraw(false); }, 110);
  }
  if (frameAsked) return;
  frameAsked = true;
  requestAnimationFrame(() => { frameAsked = false; drawAll(restTimer === 0); });
}

function drawAll(full) {
  drawScene(full);
  drawStrip();
}

function drawScene(full) {
  [view.width, view.height] = fitCanvas(sceneCanvas, pen);
  keepInside();
  pen.fillStyle = theme.paper;
  pen.fillRect(0, 0, view.width, view.height);
  drawLanes();
  pen.save();
  pen.beginPath();
  pen.rect(PAD.left - 8, 0, view.width - PAD.left + 8, view.height - PAD.bottom + 4);
  pen.clip();
  drawEdges(full);
  drawFailures();
  const crowded = nodeRadius() < 3; // lines of descent lie on a crowd, but under programs that stand apart
  if (!crowded) drawLines();
  drawPrograms();
  if (crowded) drawLines();
  drawPath();
  drawSelection();
  pen.restore();
  drawLaneNames();
  drawAxis();
}

function drawLanes() {
  data.lanes.forEach((_, k) => {
    const top = toY(k * data.laneHeight), height = data.laneHeight * scaleY();
    if (k % 2 === 0) {
      pen.fillStyle = theme.sunken;
      pen.fillRect(PAD.left - 8, top, view.width, height);
    }
    pen.fillStyle = theme.line;
    pen.fillRect(PAD.left - 8, Math.round(top + height * 0.855), view.width, 1);
  });
}

function drawLaneNames() {
  pen.fillStyle = theme.paper;
  pen.fillRect(0, 0, PAD.left - 8, view.height);
  pen.textBaseline = "alphabetic";
  pen.textAlign = "left";
  data.lanes.forEach((lane, k) => {
    const top = toY(k * data.laneHeight), height = data.laneHeight * scaleY();
    const y = Math.min(Math.max(top + 22, 22), top + height - 40);
    pen.fillStyle = theme.ink;
    pen.font = `600 12.5px ${theme.sans}`;
    pen.fillText(`Island ${lane}`, 20, y);
    pen.fillStyle = theme.ink3;
    pen.font = `11px ${theme.sans}`;
    const best = laneBest[k];
    if (best >= 0) pen.fillText(data.mean[best].toFixed(4), 20, y + 16);
    if (height > 92) pen.fillText("no value", 20, top + height * 0.925);
  });
}

const laneBest = data.lanes.map(() => -1);
data.mean.forEach((value, i) => {
  const lane = data.lane[i];
  if (value !== null && (laneBest[lane] < 0 || value < data.mean[laneBest[lane]])) laneBest[lane] = i;
});

// Programs in order of arrival, counted along the bottom.
function drawAxis() {
  const bottom = view.height - PAD.bottom;
  pen.fillStyle = theme.paper;
  pen.fillRect(0, bottom + 4, view.width, PAD.bottom);
  pen.fillStyle = theme.ink3;
  pen.font = `11px ${theme.sans}`;
  pen.textAlign = "center";
  const step = niceStep((110 * span) / (plotWidth() * view.zoom));
  const [first, last] = visibleRange(0);
  for (let n = Math.ceil((first + 1) / step) * step; n <= last + 1; n += step) {
    const x = toX(n - 1);
    if (x < PAD.left || x > view.width - PAD.right + 1) continue;
    pen.fillRect(Math.round(x), bottom + 4, 1, 4);
    pen.fillText(n.toLocaleString("en"), x, bottom + 20);
  }
  pen.textAlign = "left";
  pen.fillText("arrival", 20, bottom + 20);
}

function niceStep(least) {
  const power = Math.pow(10, Math.floor(Math.log10(Math.max(least, 1))));
  return Math.max(1, [1, 2, 5, 10].map((k) => k * power).find((k) => k >= least));
}

function curve(from, to, straight) {
  const x0 = toX(from), y0 = toY(data.y[from]), x1 = toX(to), y1 = toY(data.y[to]);
  pen.moveTo(x0, y0);
  if (straight) return pen.lineTo(x1, y1);
  const reach = Math.min((x1 - x0) * 0.5, 90);
  return pen.bezierCurveTo(x0 + reach, y0, x1 - reach, y1, x1, y1);
}

// Edges on the screen, main parents and other parents apart; those of failures only close up.
function visibleEdges() {
  const [first, last] = visibleRange(60);
  const failuresToo = scaleX() > 7;
  const main = [], other = [];
  for (let child = first; child < count; child++) {
    if (data.failure[child] && !failuresToo) continue;
    const parents = data.parents[child];
    for (let k = 0; k < parents.length; k++) {
      if (parents[k] <= last) (k ? other : main).push(parents[k], child);
    }
  }
  return [main, other];
}

function drawEdges(full) {
  const [main, other] = visibleEdges();
  const total = (main.length + other.length) / 2;
  if (total > MANY_EDGES && !full) return;
  const straight = total > MANY_EDGES;
  const brief = !full && total > FEW_EDGES;
  const faint = state.selected >= 0 || state.matches ? 0.5 : 1;
  const strength = Math.min(0.5, Math.max(0.09, 0.62 - 0.135 * Math.log10(1 + total))) * faint;
  pen.strokeStyle = theme.ink3;
  for (const [edges, width, dash] of [[brief ? [] : other, 0.8, [2, 3]], [main, 1, []]]) {
    pen.setLineDash(straight ? [] : dash);
    pen.globalAlpha = straight && dash.length ? strength * 0.4 : strength;
    pen.lineWidth = straight ? 0.5 : width;
    for (let from = 0; from < edges.length; from += 1000) { // short paths are stroked much faster than one long one
      pen.beginPath();
      for (let k = from; k < Math.min(from + 1000, edges.length); k += 2) curve(edges[k], edges[k + 1], straight);
      pen.stroke();
    }
  }
  pen.setLineDash([]);
  pen.globalAlpha = 1;
}

function drawFailures() {
  const [first, last] = visibleRange(10);
  const radius = nodeRadius(), far = radius < FAR;
  const half = Math.min(radius * 0.72, 3.4);
  pen.strokeStyle = pen.fillStyle = theme.failed;
  pen.lineWidth = 1.2;
  pen.globalAlpha = state.matches ? 0.3 : far ? 0.45 : 0.9;
  pen.beginPath();
  for (let i = first; i <= last; i++) {
    if (!data.failure[i]) continue;
    const x = toX(i), y = toY(data.y[i]);
    if (far) { pen.fillRect(x - 0.6, y - 1.6, 1.2, 3.2); continue; }
    pen.moveTo(x - half, y - half); pen.lineTo(x + half, y + half);
    pen.moveTo(x + half, y - half); pen.lineTo(x - half, y + half);
  }
  pen.stroke();
  pen.globalAlpha = 1;
}

// Programs by colour: one fill style at a time, squares from afar, circles near by.
function drawPrograms() {
  const { palette, of } = colouring();
  const buckets = palette.map(() => []);
  const hollow = [], faded = [];
  const [first, last] = visibleRange(10);
  for (let i = first; i <= last; i++) {
    if (data.failure[i]) continue;
    if (data.mean[i] === null) hollow.push(i);
    else if (state.matches && !state.matches.has(i)) faded.push(i);
    else buckets[Math.max(0, of(i))].push(i);
  }
  const radius = nodeRadius();
  pen.globalAlpha = 0.18;
  pen.fillStyle = theme.ink3;
  fillSpots(faded, radius);
  pen.globalAlpha = radius < FAR ? 0.8 : 0.92;
  buckets.forEach((bucket, k) => {
    pen.fillStyle = palette[k];
    fillSpots(bucket, state.matches ? radius + 0.8 : radius);
  });
  pen.globalAlpha = state.matches ? 0.3 : 0.8;
  pen.strokeStyle = theme.rest;
  pen.lineWidth = 1;
  for (const i of hollow) ring(i, Math.max(1.2, radius * 0.75));
  pen.globalAlpha = 1;
}

function fillSpots(spots, radius) {
  if (radius < FAR) {
    for (const i of spots) pen.fillRect(toX(i) - radius, toY(data.y[i]) - radius, 2 * radius, 2 * radius);
    return;
  }
  for (const i of spots) {
    pen.beginPath();
    pen.arc(toX(i), toY(data.y[i]), radius, 0, 7);
    pen.fill();
  }
}

function ring(i, radius) {
  pen.beginPath();
  pen.arc(toX(i), toY(data.y[i]), radius, 0, 7);
  pen.stroke();
}

// A line of descent: strong, over a halo of paper so that it reads on any crowd.
function drawLine(line, colour, width) {
  for (const [style, wide] of [[theme.paper, width + 3], [colour, width]]) {
    pen.strokeStyle = style;
    pen.lineWidth = wide;
    pen.lineJoin = "round";
    pen.beginPath();
    for (let k = 1; k < line.length; k++) curve(line[k - 1], line[k], false);
    pen.stroke();
  }
}

function drawMarks(line, colour, radius) {
  for (const i of line) {
    pen.beginPath();
    pen.arc(toX(i), toY(data.y[i]), radius + 1.4, 0, 7);
    pen.fillStyle = colour;
    pen.fill();
    pen.beginPath();
    pen.arc(toX(i), toY(data.y[i]), radius, 0, 7);
    pen.fillStyle = colourOf(i);
    pen.fill();
  }
}

// Pixels between two programs of the winning path, on average.
function pathPace() {
  const [first, last] = [data.path[0], data.path[data.path.length - 1]];
  return data.path.length > 1 ? (toX(last) - toX(first)) / data.path.length : Infinity;
}

// The winning path, and the descent of the selected program where it is another.
function drawLines() {
  pen.globalAlpha = state.matches ? 0.5 : 1;
  drawLine(data.path, theme.ink, pathPace() < 8 ? 1.5 : 1.9);
  pen.globalAlpha = 1;
  if (state.selected >= 0 && !onPath[state.selected]) drawLine(ancestry(state.selected).reverse(), theme.accent, 1.7);
}

function drawPath() {
  pen.globalAlpha = state.matches ? 0.5 : 1;
  if (pathPace() >= 8) drawMarks(data.path, theme.ink, Math.max(2.8, Math.min(nodeRadius(), 5)));
  pen.globalAlpha = 1;
  if (data.best === null) return;
  drawMarks([data.best], theme.ink, Math.max(3.4, Math.min(nodeRadius(), 5)));
  pen.strokeStyle = theme.ink;
  pen.lineWidth = 1.6;
  ring(data.best, Math.max(7.5, nodeRadius() + 4));
  label(data.best, `#${data.id[data.best]}  ${data.mean[data.best] === null ? "" : data.mean[data.best].toFixed(4)}`, 13, true);
  if (scaleX() > 10) for (const i of data.path) if (i !== data.best) label(i, `#${data.id[i]}`, 11, false);
}

function drawSelection() {
  const i = state.selected;
  if (i >= 0) {
    const line = ancestry(i).reverse();
    pen.strokeStyle = theme.accent;
    pen.lineWidth = 1;
    pen.globalAlpha = 0.75;
    pen.beginPath();
    for (const child of childrenOf[i]) curve(i, child, false);
    for (const parent of data.parents[i].slice(1)) curve(parent, i, false);
    pen.stroke();
    pen.globalAlpha = 1;
    if (!onPath[i]) drawMarks(line, theme.accent, Math.max(2.4, Math.min(nodeRadius(), 4.5)));
    pen.lineWidth = 2.4;
    ring(i, Math.max(8.5, nodeRadius() + 4.5));
    if (i !== data.best) label(i, `#${data.id[i]}`, 13, true);
  }
  if (state.hovered >= 0 && state.hovered !== i) {
    pen.strokeStyle = theme.ink;
    pen.lineWidth = 1.5;
    ring(state.hovered, nodeRadius() + 3.5);
  }
}

// A name beside a program: a strong one on a small card above it, or below where there is no room above.
function label(i, text, size, strong) {
  if (toX(i) < PAD.left - 8 || toX(i) > view.width || toY(data.y[i]) < 0 || toY(data.y[i]) > view.height) return;
  pen.font = `${strong ? 600 : 500} ${size - 1}px ${theme.sans}`;
  pen.textAlign = "left";
  const wide = pen.measureText(text).width;
  const x = Math.min(Math.max(toX(i) - wide / 2, PAD.left), view.width - wide - 14);
  const above = toY(data.y[i]) - (strong ? 17 : nodeRadius() + 6);
  const y = strong && above < 22 ? toY(data.y[i]) + 27 : above;
  if (strong) {
    pen.beginPath();
    pen.roundRect(x - 7, y - 13.5, wide + 14, 19, 6);
    pen.fillStyle = theme.surface;
    pen.fill();
    pen.lineWidth = 1;
    pen.strokeStyle = theme.line2;
    pen.stroke();
  } else {
    pen.lineWidth = 4;
    pen.lineJoin = "round";
    pen.strokeStyle = theme.paper;
    pen.strokeText(text, x, y);
  }
  pen.fillStyle = strong ? theme.ink : theme.ink2;
  pen.fillText(text, x, y);
}
