// The data, what is selected, and the one mapping between drawing and screen.
// A program's index is its x, so a slice of the columns is the spatial index: nothing else is needed to cull
// or to find what lies under the pointer.

const data = JSON.parse(document.getElementById("data").textContent);
const count = data.id.length;
const indexOf = new Map(data.id.map((id, i) => [id, i]));
const onPath = new Uint8Array(count);
for (const i of data.path) onPath[i] = 1;
const isRecord = new Uint8Array(count);
for (const i of data.records) isRecord[i] = 1;

const childrenOf = Array.from({ length: count }, () => []);
data.parents.forEach((parents, child) => parents.forEach((parent) => childrenOf[parent].push(child)));
for (const list of childrenOf) if (list.length > 1) list.sort((a, b) => worth(a) - worth(b) || a - b);

// Smaller is better; what has no value comes last.
function worth(i) { return data.mean[i] === null ? Infinity : data.mean[i]; }

const PAD = { left: 92, right: 30, top: 6, bottom: 28 };
const CLOSEST = 44; // pixels between neighbours at the closest zoom
const view = { width: 0, height: 0, zoom: 1, left: 0, top: 0 }; // left, top: drawing units at the plot's corner
const state = { selected: -1, hovered: -1, matches: null, colour: "island" };

const span = Math.max(count - 1, 1) + 1; // half a place free on either side
const tall = Math.max(data.lanes.length, 1) * data.laneHeight;

function plotWidth() { return Math.max(view.width - PAD.left - PAD.right, 50); }
function plotHeight() { return Math.max(view.height - PAD.top - PAD.bottom, 50); }
function mostZoom() { return Math.max(1, (CLOSEST * span) / plotWidth()); }
// Lanes grow more slowly than time stretches: neighbours come apart while their island stays in sight.
function laneZoom() { return Math.min(3.2, Math.pow(view.zoom, 0.28)); }
function scaleX() { return (view.zoom * plotWidth()) / span; }
function scaleY() { return (laneZoom() * plotHeight()) / tall; }
function toX(x) { return PAD.left + (x + 0.5 - view.left) * scaleX(); }
function toY(y) { return PAD.top + (y - view.top) * scaleY(); }
function fromX(x) { return (x - PAD.left) / scaleX() + view.left - 0.5; }
function fromY(y) { return (y - PAD.top) / scaleY() + view.top; }

function keepInside() {
  view.zoom = Math.min(Math.max(view.zoom, 1), mostZoom());
  view.left = Math.min(Math.max(view.left, 0), span - plotWidth() / scaleX());
  view.top = Math.min(Math.max(view.top, 0), tall - plotHeight() / scaleY());
}

// Zoom by a factor and keep the drawing still under the screen point (x, y).
function zoomAt(factor, x, y) {
  const [u, v] = [fromX(x), fromY(y)];
  view.zoom = Math.min(Math.max(view.zoom * factor, 1), mostZoom());
  view.left += u - fromX(x);
  view.top += v - fromY(y);
  keepInside();
}

function panBy(dx, dy) {
  view.left -= dx / scaleX();
  view.top -= dy / scaleY();
  keepInside();
}

function zoomToFit() {
  Object.assign(view, { zoom: 1, left: 0, top: 0 });
  keepInside();
}

// Bring a program into view, close enough to see it apart from its neighbours.
function lookAt(i) {
  const x = toX(i), y = toY(data.y[i]);
  const near = scaleX() >= 2;
  const inside = x > PAD.left + 40 && x < view.width - PAD.right - 40 && y > PAD.top && y < view.height - PAD.bottom;
  if (near && inside) return;
  if (!near) {
    const generation = i - (data.parents[i][0] ?? i - 100); // its main parent too, if that is not too far
    view.zoom = (Math.min(12, Math.max(2.5, (0.6 * plotWidth()) / generation)) * span) / plotWidth();
    view.zoom = Math.min(Math.max(view.zoom, 1), mostZoom());
  }
  view.left = i + 0.5 - (0.66 * plotWidth()) / scaleX();
  const sheet = matchMedia("(max-width: 760px)").matches; // where the panel covers the lower part
  view.top = data.y[i] - ((sheet ? 0.2 : 0.5) * plotHeight()) / scaleY();
  keepInside();
}

// First and last index on the screen, with a margin in pixels.
function visibleRange(margin) {
  const first = Math.max(0, Math.floor(fromX(PAD.left - margin)));
  const last = Math.min(count - 1, Math.ceil(fromX(view.width - PAD.right + margin)));
  return [first, last];
}

// From the room that a program has on the screen, were they spread evenly.
function nodeRadius() {
  const room = Math.sqrt(scaleX() * scaleY() * data.laneHeight * Math.max(data.lanes.length, 1));
  return Math.min(5.2, Math.max(1.3, 0.8 + 0.085 * room));
}

// Index of the program nearest to a screen point, or -1 if none is within reach.
function nearest(x, y, reach) {
  const first = Math.max(0, Math.floor(fromX(x - reach)));
  const last = Math.min(count - 1, Math.ceil(fromX(x + reach)));
  let found = -1, least = reach * reach;
  for (let i = first; i <= last; i++) {
    const dx = toX(i) - x, dy = toY(data.y[i]) - y;
    const distance = (dx * dx + dy * dy) * (onPath[i] ? 0.5 : 1); // the winning path is easier to hit
    if (distance < least) { least = distance; found = i; }
  }
  return found;
}

// Main-line ancestors of a program, itself first.
function ancestry(i) {
  const line = [];
  for (let at = i; at !== undefined && at >= 0; at = data.parents[at][0]) line.push(at);
  return line;
}
