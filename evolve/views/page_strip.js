// The strip under the drawing: the best value so far over all arrivals, and a window on what the drawing shows.

const stripCanvas = document.getElementById("strip");
const stripPen = stripCanvas.getContext("2d");
const STRIP = { top: 30, bottom: 12 };

// Logarithm of the distance to a floor just below the best: the last improvements are as visible as the first.
const stripScale = (() => {
  const values = data.records.map((i) => data.mean[i]);
  if (!values.length) return null;
  const best = values[values.length - 1];
  const reach = Math.max(values[0] - best, 1e-6);
  const floor = best - reach * 0.02;
  const [low, high] = [Math.log(best - floor), Math.log(values[0] - floor)];
  return (value) => (high === low ? 0.5 : (Math.log(Math.max(value - floor, 1e-12)) - low) / (high - low));
})();

function drawStrip() {
  const [width, height] = fitCanvas(stripCanvas, stripPen);
  const inner = width - PAD.left - PAD.right;
  const at = (i) => PAD.left + ((i + 0.5) * inner) / span;
  stripPen.fillStyle = theme.surface;
  stripPen.fillRect(0, 0, width, height);
  stripPen.textAlign = "left";
  stripPen.textBaseline = "alphabetic";
  stripPen.fillStyle = theme.ink;
  stripPen.font = `600 12.5px ${theme.sans}`;
  stripPen.fillText("Best so far", 20, 20);
  if (!stripScale) return;
  const ySpan = height - STRIP.top - STRIP.bottom;
  const toStrip = (value) => height - STRIP.bottom - stripScale(value) * ySpan;
  drawWindow(at, height);
  const line = data.records;
  const edge = PAD.left + inner;
  stripPen.beginPath();
  line.forEach((i, k) => {
    const y = toStrip(data.mean[i]);
    if (k) stripPen.lineTo(at(i), toStrip(data.mean[line[k - 1]]));
    stripPen.lineTo(at(i), y);
  });
  stripPen.lineTo(edge, toStrip(data.mean[line[line.length - 1]]));
  stripPen.strokeStyle = theme.ink;
  stripPen.lineWidth = 1.6;
  stripPen.lineJoin = "round";
  stripPen.stroke();
  for (const i of line) {
    stripPen.beginPath();
    stripPen.arc(at(i), toStrip(data.mean[i]), onPath[i] ? 3 : 2, 0, 7);
    stripPen.fillStyle = onPath[i] ? theme.ink : theme.ink3;
    stripPen.fill();
  }
  stripLabels(line, toStrip);
}

function stripLabels(line, toStrip) {
  const first = data.mean[line[0]], last = data.mean[line[line.length - 1]];
  stripPen.font = `11px ${theme.sans}`;
  stripPen.fillStyle = theme.ink3;
  stripPen.fillText(first.toFixed(4), 20, toStrip(first) + 9);
  if (last < first) stripPen.fillText(last.toFixed(4), 20, toStrip(last) + 3);
  stripPen.textAlign = "right";
  stripPen.fillText(`posterior mean on ${data.rung}; log scale of the distance to the best`, stripCanvas.clientWidth - PAD.right, 20);
}

function drawWindow(at, height) {
  if (view.zoom < 1.001) return;
  const from = at(view.left - 0.5), to = at(view.left + plotWidth() / scaleX() - 0.5);
  stripPen.fillStyle = theme.accent;
  stripPen.globalAlpha = theme.mode === "dark" ? 0.16 : 0.09;
  stripPen.fillRect(from, 1, Math.max(to - from, 2), height - 1);
  stripPen.globalAlpha = 0.9;
  stripPen.fillRect(from, 1, 1, height - 1);
  stripPen.fillRect(Math.max(to, from + 2) - 1, 1, 1, height - 1);
  stripPen.globalAlpha = 1;
}

function watchStrip() {
  const move = (event) => {
    const box = stripCanvas.getBoundingClientRect();
    const share = (event.clientX - box.left - PAD.left) / (box.width - PAD.left - PAD.right);
    if (view.zoom < 1.001) view.zoom = Math.min(mostZoom(), Math.max(4, span / 400));
    view.left = share * span - plotWidth() / scaleX() / 2;
    keepInside();
    redraw(true);
  };
  stripCanvas.addEventListener("pointerdown", (event) => {
    stripCanvas.setPointerCapture(event.pointerId);
    move(event);
  });
  stripCanvas.addEventListener("pointermove", (event) => { if (event.buttons) move(event); });
}
