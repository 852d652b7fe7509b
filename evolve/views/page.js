// Start, selection, pointer and keyboard.

const tip = document.getElementById("tip");
const pointers = new Map(); // pointers that are down: id -> {x, y}
let dragged = 0; // pixels since the press; a press that hardly moves is a click

function select(i, look) {
  state.selected = i;
  if (i >= 0) {
    showProgram(i);
    if (look) lookAt(i);
    const value = data.mean[i] === null ? "no value" : data.mean[i].toFixed(4);
    document.getElementById("said").textContent = `Program ${data.id[i]}, ${data.operators[data.operator[i]]}, ${value}`;
  } else showOverview();
  const wanted = i >= 0 ? `#${data.id[i]}` : "";
  if (location.hash !== wanted) history.replaceState(null, "", wanted || location.pathname + location.search);
  redraw(false);
}

function followHash() {
  const i = indexOf.get(Number(location.hash.slice(1)));
  if (i !== undefined && i !== state.selected) select(i, true);
}

function hover(i, x, y) {
  if (i !== state.hovered) {
    state.hovered = i;
    sceneCanvas.classList.toggle("hit", i >= 0);
    redraw(false);
    if (i >= 0) fillTip(i);
  }
  tip.hidden = i < 0;
  if (i < 0) return;
  const right = x + 18 + tip.offsetWidth < view.width;
  tip.style.left = `${right ? x + 18 : Math.max(4, x - 18 - tip.offsetWidth)}px`;
  tip.style.top = `${Math.max(4, Math.min(y + 14, view.height - tip.offsetHeight - 4))}px`;
}

function fillTip(i) {
  const head = make("div");
  head.append(make("b", "", `#${data.id[i]} ${data.name[i] || ""}`));
  const value = data.mean[i] === null
    ? data.outcomes[data.failure[i] - 1]?.replaceAll("_", " ") || "no estimate yet"
    : `${plusMinus(data.mean[i], data.low[i], data.high[i])}, n = ${data.n[i]}`;
  const parents = data.parents[i].map((parent) => `#${data.id[parent]}`).join(", ");
  const made = data.operators[data.operator[i]] + (parents ? ` of ${parents}` : "");
  tip.replaceChildren(head, make("div", "", value), make("div", "line", made));
  if (data.note[i]) tip.append(make("div", "line", data.note[i]));
}

function watchPointer() {
  const place = (event) => {
    const box = sceneCanvas.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  sceneCanvas.addEventListener("pointerdown", (event) => {
    sceneCanvas.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, place(event));
    if (pointers.size === 1) dragged = 0;
  });
  sceneCanvas.addEventListener("pointermove", (event) => {
    const now = place(event), before = pointers.get(event.pointerId);
    if (!before) return hover(nearest(now.x, now.y, 12), now.x, now.y);
    if (pointers.size === 1) panBy(now.x - before.x, now.y - before.y);
    else pinch(event.pointerId, before, now);
    dragged += Math.hypot(now.x - before.x, now.y - before.y);
    pointers.set(event.pointerId, now);
    if (dragged > 4) {
      sceneCanvas.classList.add("held");
      hover(-1);
      redraw(true);
    }
    return undefined;
  });
  const lift = (event) => {
    if (!pointers.delete(event.pointerId)) return;
    sceneCanvas.classList.remove("held");
    if (event.type !== "pointerup" || dragged > 4 || pointers.size) return;
    const { x, y } = place(event);
    const i = nearest(x, y, event.pointerType === "touch" ? 22 : 12);
    if (i >= 0) select(i, false);
  };
  sceneCanvas.addEventListener("pointerup", lift);
  sceneCanvas.addEventListener("pointercancel", lift);
  sceneCanvas.addEventListener("pointerleave", () => hover(-1));
  sceneCanvas.addEventListener("dblclick", (event) => {
    const { x, y } = place(event);
    zoomAt(2.5, x, y);
    redraw(true);
  });
  sceneCanvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    const { x, y } = place(event);
    const lines = event.deltaMode === 1 ? 18 : 1;
    if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) panBy(-(event.deltaX || event.deltaY) * lines, 0);
    else zoomAt(Math.exp(-event.deltaY * lines * (event.ctrlKey ? 0.012 : 0.0022)), x, y);
    hover(-1);
    redraw(true);
  }, { passive: false });
}

// Two fingers: their distance zooms, their middle moves the drawing.
function pinch(id, before, now) {
  const other = [...pointers].find(([each]) => each !== id)[1];
  const apart = (point) => Math.max(20, Math.hypot(point.x - other.x, point.y - other.y));
  panBy((now.x - before.x) / 2, (now.y - before.y) / 2);
  zoomAt(apart(now) / apart(before), (now.x + other.x) / 2, (now.y + other.y) / 2);
}

function zoomBy(factor) {
  const at = state.selected;
  const [x, y] = at >= 0 ? [toX(at), toY(data.y[at])] : [view.width / 2, view.height / 2];
  zoomAt(factor, x, y);
  redraw(true);
}

const KEYS = {
  ArrowLeft: (i) => data.parents[i]?.[0],
  ArrowRight: (i) => childrenOf[i]?.[0],
  ArrowUp: (i) => i - 1,
  ArrowDown: (i) => i + 1,
};

function watchKeys() {
  document.addEventListener("keydown", (event) => {
    if (event.target.matches?.("input[type=search]") || event.ctrlKey || event.metaKey || event.altKey) return;
    const walk = KEYS[event.key];
    if (walk && !event.target.matches?.("input, .code")) {
      const from = state.selected >= 0 ? state.selected : data.best ?? 0;
      const to = state.selected >= 0 ? walk(from) : from;
      if (to >= 0 && to < count) select(to, true);
    } else if (event.key === "Escape") select(-1, false);
    else if (event.key === "/") query.focus();
    else if (event.key === "b" && data.best !== null) select(data.best, true);
    else if (event.key === "+" || event.key === "=") zoomBy(1.6);
    else if (event.key === "-") zoomBy(1 / 1.6);
    else if (event.key === "0") { zoomToFit(); redraw(true); }
    else return;
    event.preventDefault();
  });
}

function start() {
  document.getElementById("title").textContent = data.title;
  const islands = data.lanes.length === 1 ? "1 island" : `${data.lanes.length} islands`;
  document.getElementById("subtitle").textContent = `${count.toLocaleString("en")} programs on ${islands}; higher is better, by rank of value (${data.rung})`;
  readTheme();
  dark.addEventListener("change", () => { readTheme(); drawLegend(); redraw(false); redrawChart(); });
  document.getElementById("colouring").addEventListener("change", (event) => {
    state.colour = event.target.value;
    drawLegend();
    redraw(false);
  });
  document.getElementById("zoom-in").addEventListener("click", () => zoomBy(1.6));
  document.getElementById("zoom-out").addEventListener("click", () => zoomBy(1 / 1.6));
  document.getElementById("zoom-fit").addEventListener("click", () => { zoomToFit(); redraw(true); });
  window.addEventListener("hashchange", followHash);
  new ResizeObserver(() => { redraw(false); redrawChart(); }).observe(document.querySelector(".scene"));
  watchPointer();
  watchKeys();
  watchStrip();
  watchSearch();
  drawLegend();
  showOverview();
  drawAll(true);
  followHash();
  document.documentElement.dataset.firstFrame = performance.now().toFixed(0);
}

start();
