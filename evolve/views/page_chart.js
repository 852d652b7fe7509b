// The loss curve of a program beside its main parent's, and under it their difference: on one scale with the
// whole curve the difference that decides could not be seen.

function lossChart([rung, steps, own, parent, shared]) {
  const holder = document.createDocumentFragment();
  const box = make("div", "chart");
  const canvas = make("canvas");
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `Loss by step on ${rung}`);
  box.append(canvas);
  const caption = make("p", "caption");
  holder.append(box, caption);
  const paired = parent.length === own.length && own.length > 1;
  const chart = { canvas, steps, own, parent: paired ? parent : [], at: -1 };
  const explain = () => captionFor(caption, chart, rung, shared);
  canvas.addEventListener("pointermove", (event) => {
    const x = event.clientX - canvas.getBoundingClientRect().left;
    chart.at = closest(steps, chartX(chart, x));
    drawChart(chart);
    explain();
  });
  canvas.addEventListener("pointerleave", () => { chart.at = -1; drawChart(chart); explain(); });
  explain();
  return { holder, draw: () => drawChart(chart) };
}

const CHART = { left: 52, right: 8, top: 6, gap: 22, lower: 62, bottom: 20 };

function chartX(chart, x) {
  const width = chart.canvas.clientWidth - CHART.left - CHART.right;
  return chart.steps[0] + ((x - CHART.left) / width) * (chart.steps[chart.steps.length - 1] - chart.steps[0]);
}

function closest(steps, step) {
  let found = 0;
  steps.forEach((each, k) => { if (Math.abs(each - step) < Math.abs(steps[found] - step)) found = k; });
  return found;
}

function captionFor(caption, chart, rung, shared) {
  caption.replaceChildren();
  const k = chart.at;
  const own = make("span", "", k < 0 ? "this program" : chart.own[k].toFixed(4));
  caption.append(line(theme.accent), own);
  if (chart.parent.length) {
    const text = k < 0 ? "main parent" : chart.parent[k].toFixed(4);
    const theirs = line(theme.ink3);
    theirs.classList.add("gap");
    caption.append(theirs, make("span", "", text));
  }
  const seeds = shared ? `${shared} shared rng_seed${shared > 1 ? "s" : ""}` : chart.parent.length ? "different rng_seeds" : "";
  const where = k < 0 ? [rung, seeds].filter(Boolean).join(", ") : `step ${chart.steps[k]}`;
  const difference = k >= 0 && chart.parent.length ? `, difference ${signed(chart.own[k] - chart.parent[k])}` : "";
  caption.append(make("span", "gap quiet", where + difference));
}

function line(colour) {
  const mark = make("i");
  mark.style.borderColor = colour;
  return mark;
}

function signed(number) { return (number < 0 ? "−" : "+") + Math.abs(number).toFixed(4); }

function drawChart(chart) {
  const context = chart.canvas.getContext("2d");
  const [width, height] = fitCanvas(chart.canvas, context);
  if (!width) return;
  context.clearRect(0, 0, width, height);
  const lower = chart.parent.length ? CHART.lower + CHART.gap : 0;
  const last = chart.steps[chart.steps.length - 1] || 1, first = chart.steps[0];
  const toX = (step) => CHART.left + ((step - first) / Math.max(1, last - first)) * (width - CHART.left - CHART.right);
  const upper = { from: CHART.top, to: height - CHART.bottom - lower };
  const losses = [...chart.own, ...chart.parent];
  const toLoss = axis(context, upper, Math.min(...losses), Math.max(...losses), width, 2);
  trace(context, chart.steps.map(toX), chart.parent.map(toLoss), theme.ink3, 1.6);
  trace(context, chart.steps.map(toX), chart.own.map(toLoss), theme.accent, 2);
  if (lower) drawDifference(context, chart, toX, { from: upper.to + CHART.gap, to: height - CHART.bottom }, width);
  context.fillStyle = theme.ink3;
  context.font = `10.5px ${theme.sans}`;
  context.textBaseline = "alphabetic";
  context.textAlign = "left";
  context.fillText(`step ${first}`, CHART.left, height - 5);
  context.textAlign = "right";
  context.fillText(String(last), width - CHART.right, height - 5);
  if (chart.at >= 0) {
    context.fillStyle = theme.line2;
    context.fillRect(Math.round(toX(chart.steps[chart.at])), CHART.top, 1, height - CHART.bottom - CHART.top);
  }
}

function drawDifference(context, chart, toX, place, width) {
  const differences = chart.own.map((loss, k) => loss - chart.parent[k]);
  const half = Math.max(2e-4, ...differences.slice(Math.floor(differences.length * 0.4)).map(Math.abs)) * 1.25;
  const toY = axis(context, place, -half, half, width, half < 0.01 ? 4 : 3, true);
  const clipped = (value) => toY(Math.max(-half, Math.min(half, value)));
  context.textAlign = "left";
  context.fillStyle = theme.ink3;
  context.font = `10.5px ${theme.sans}`;
  trace(context, chart.steps.map(toX), differences.map(clipped), theme.accent, 1.6);
  const text = "difference to parent";
  context.textAlign = "right";
  context.textBaseline = "alphabetic";
  context.lineWidth = 3;
  context.strokeStyle = theme.surface;
  context.strokeText(text, width - CHART.right, place.from - 3);
  context.fillText(text, width - CHART.right, place.from - 3);
}

// Grid lines and labels; returns the mapping from value to y.
function axis(context, place, low, high, width, digits, symmetric) {
  const range = Math.max(high - low, 1e-9);
  const toY = (value) => place.to - ((value - low) / range) * (place.to - place.from);
  const ticks = symmetric ? [low / 1.25, 0, high / 1.25] : [low, low + range / 2, high];
  context.font = `10.5px ${theme.sans}`;
  context.textAlign = "right";
  context.textBaseline = "middle";
  for (const tick of ticks) {
    context.fillStyle = symmetric && tick === 0 ? theme.line2 : theme.line;
    context.fillRect(CHART.left, Math.round(toY(tick)), width - CHART.left - CHART.right, 1);
    context.fillStyle = theme.ink3;
    context.fillText(symmetric && tick > 0 ? `+${tick.toFixed(digits)}` : tick.toFixed(digits).replace("-", "−"), CHART.left - 7, toY(tick));
  }
  return toY;
}

function trace(context, xs, ys, colour, width) {
  context.beginPath();
  ys.forEach((y, k) => (k ? context.lineTo(xs[k], y) : context.moveTo(xs[k], y)));
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.lineJoin = "round";
  context.stroke();
}
