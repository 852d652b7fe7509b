// Finding programs: every word must occur in id, digest, operator, name, component or note.

const query = document.getElementById("query");
const results = document.getElementById("results");
const MOST_RESULTS = 40;
let haystacks = null; // made when first needed
let active = 0;

function haystack(i) {
  const words = [data.name[i], data.operators[data.operator[i]], data.component[i], data.note[i], data.outcomes[data.failure[i] - 1] || ""];
  return words.join(" ").toLowerCase();
}

// Indices of programs that match, those whose id or digest begins with the query first, then the best.
function find(text) {
  const words = text.toLowerCase().trim().split(/\s+/).filter(Boolean);
  if (!words.length) return null;
  haystacks = haystacks || Array.from({ length: count }, (_, i) => haystack(i));
  const only = words.length === 1 ? words[0].replace(/^#/, "") : null;
  const exact = [], rest = [];
  for (let i = 0; i < count; i++) {
    if (only !== null && String(data.id[i]) === only) exact.unshift(i);
    else if (only !== null && only.length > 3 && data.digest[i].startsWith(only)) exact.push(i);
    else if (words.every((word) => haystacks[i].includes(word))) rest.push(i);
  }
  return [...exact, ...rest.sort((a, b) => worth(a) - worth(b) || a - b)];
}

function showResults() {
  const found = find(query.value);
  active = 0;
  state.matches = found && new Set(found);
  results.hidden = !found;
  query.setAttribute("aria-expanded", String(Boolean(found)));
  results.replaceChildren();
  if (found) {
    results.append(make("div", "found", found.length ? `${found.length.toLocaleString("en")} found` : "Nothing found"));
    found.slice(0, MOST_RESULTS).forEach((i, k) => results.append(resultRow(i, k)));
    markActive();
  }
  redraw(false);
}

function resultRow(i, k) {
  const row = make("div");
  row.id = `result-${k}`;
  row.setAttribute("role", "option");
  row.dataset.spot = i;
  const what = [data.name[i] || data.operators[data.operator[i]], data.note[i]].filter(Boolean).join(": ");
  const value = data.mean[i] === null ? data.outcomes[data.failure[i] - 1] || "" : data.mean[i].toFixed(4);
  row.append(make("span", "id", `#${data.id[i]}`), make("span", "what", what), make("span", "", value.replaceAll("_", " ")));
  row.addEventListener("pointerdown", (event) => { event.preventDefault(); choose(i); });
  return row;
}

function markActive() {
  results.querySelectorAll("[role=option]").forEach((row, k) => {
    row.setAttribute("aria-selected", String(k === active));
    if (k !== active) return;
    query.setAttribute("aria-activedescendant", row.id);
    row.scrollIntoView({ block: "nearest" });
  });
}

function choose(i) {
  closeResults();
  select(i, true);
  sceneCanvas.focus({ preventScroll: true });
}

// The drawing is dimmed around what was found only while one searches.
function closeResults() {
  results.hidden = true;
  query.setAttribute("aria-expanded", "false");
  if (state.matches) redraw(false);
  state.matches = null;
}

function watchSearch() {
  query.addEventListener("input", showResults);
  query.addEventListener("focus", () => { if (query.value) showResults(); });
  query.addEventListener("blur", closeResults);
  query.addEventListener("keydown", (event) => {
    const rows = results.querySelectorAll("[role=option]");
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      active = Math.min(Math.max(active + (event.key === "ArrowDown" ? 1 : -1), 0), rows.length - 1);
      markActive();
      event.preventDefault();
    } else if (event.key === "Enter" && rows[active]) choose(Number(rows[active].dataset.spot));
    else if (event.key === "Escape") {
      query.value = "";
      showResults();
      sceneCanvas.focus({ preventScroll: true });
      event.stopPropagation();
    }
  });
}
