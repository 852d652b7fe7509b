// The panel: an overview of the run, or one program with its estimate, relatives, trials, curve and diff.

const panel = document.getElementById("panel");
const MOST_LINKS = 14;
let redrawChart = () => {};

function plusMinus(mean, low, high) {
  return `${mean.toFixed(4)} ±${(Math.ceil(((high - low) / 2) * 1e4 - 1e-6) / 1e4).toFixed(4)}`;
}

function clock(seconds) {
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const two = (number) => String(number).padStart(2, "0");
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

function section(title, countText) {
  const heading = make("h3", "", title);
  if (countText) heading.append(make("span", "count", `  ${countText}`));
  return heading;
}

function facts(pairs) {
  const list = make("dl");
  for (const [name, what] of pairs) {
    const item = make("dd");
    item.append(what);
    list.append(make("dt", "", name), item);
  }
  return list;
}

function linkTo(i) {
  const link = make("button", data.failure[i] ? "link failed" : "link", `#${data.id[i]}`);
  link.type = "button";
  const value = data.mean[i] === null ? data.outcomes[data.failure[i] - 1] || "no estimate" : data.mean[i].toFixed(4);
  link.title = `${data.name[i] || data.operators[data.operator[i]]}, ${value}`;
  link.addEventListener("click", () => select(i, true));
  return link;
}

function links(spots) {
  if (!spots.length) return "none";
  const row = make("div", "links");
  row.append(...spots.slice(0, MOST_LINKS).map(linkTo));
  if (spots.length > MOST_LINKS) row.append(make("span", "quiet", `and ${spots.length - MOST_LINKS} more`));
  return row;
}

function showProgram(i) {
  panel.className = "";
  panel.replaceChildren(...heading(i), ...standing(i));
  if (data.note[i]) panel.append(make("p", "note", data.note[i]));
  const born = data.birth[i] === null ? ["Entered", clock(data.elapsed[i])] : ["Born", `birth ${data.birth[i].toLocaleString("en")}, ${clock(data.elapsed[i])}`];
  panel.append(facts([
    ["Operator", data.operators[data.operator[i]]],
    ...(data.component[i] ? [["Component", mono(data.component[i])]] : []),
    ["Island", String(data.lanes[data.lane[i]])],
    born,
    [data.parents[i].length > 1 ? "Parents" : "Parent", links(data.parents[i])],
    ["Children", links(childrenOf[i])],
    ["Digest", mono(data.digest[i])],
  ]));
  const rest = make("div");
  panel.append(rest);
  panel.scrollTop = 0;
  detailOf(i).then(
    (detail) => { if (state.selected === i) showDetail(rest, i, detail); },
    () => rest.append(make("p", "note", "The details of this program could not be read; the file may be damaged.")),
  );
}

function mono(text) { return make("span", "mono", text); }

function heading(i) {
  const top = make("div", "top");
  top.append(make("h2", "", `#${data.id[i]}${data.name[i] ? `  ${data.name[i]}` : ""}`));
  if (i === data.best) top.append(make("span", "badge best", "best"));
  else if (onPath[i]) top.append(make("span", "badge", "winning path"));
  if (data.failure[i]) top.append(make("span", "badge bad", data.outcomes[data.failure[i] - 1].replaceAll("_", " ")));
  const close = make("button", "close", "×");
  close.type = "button";
  close.setAttribute("aria-label", "Close");
  close.addEventListener("click", () => select(-1, false));
  top.append(close);
  return [top];
}

function standing(i) {
  if (data.mean[i] === null) {
    return [make("p", "under", data.failure[i] ? "Failed: it has no value." : "No estimate yet.")];
  }
  const figure = make("p", "figure", data.mean[i].toFixed(4));
  figure.append(make("small", "", ` ${plusMinus(data.mean[i], data.low[i], data.high[i]).split(" ")[1]}`));
  const interval = `95 % ${data.low[i].toFixed(4)} to ${data.high[i].toFixed(4)}, n = ${data.n[i]}, ${data.rung}`;
  const under = [make("p", "under", interval)];
  const parent = data.parents[i][0];
  if (parent !== undefined && data.mean[parent] !== null) {
    const difference = data.mean[i] - data.mean[parent];
    const text = `${signed(difference)} against #${data.id[parent]}`;
    under.push(make("p", difference < 0 ? "better" : "worse", text));
  }
  return [figure, ...under];
}

function showDetail(rest, i, detail) {
  const others = detail.estimates.filter((estimate) => estimate[0] !== data.rung);
  if (others.length) {
    rest.append(section("Estimates on other rungs"));
    rest.append(facts(others.map(([rung, mean, low, high, n]) => [rung, `${plusMinus(mean, low, high)}   n = ${n}`])));
  }
  if (detail.curve && detail.curve[1].length > 1) {
    const chart = lossChart(detail.curve);
    rest.append(section("Loss curve"), chart.holder);
    redrawChart = chart.draw;
    chart.draw();
  }
  rest.append(section("Trials", String(detail.trials.length)), trialsTable(detail.trials));
  if (detail.diff) {
    const added = detail.diff.filter((line) => line[0] === "+").length;
    const removed = detail.diff.filter((line) => line[0] === "-").length;
    rest.append(section(`Changed against #${data.id[data.parents[i][0]]}`, `+${added} −${removed}`));
    rest.append(detail.diff.length ? code(diffRows(detail.diff)) : make("p", "quiet", "The texts are equal."));
    if (detail.cut) rest.append(make("p", "quiet", `${detail.cut} more lines are not in this file.`));
  }
  if (detail.source !== undefined) rest.append(section("Source"), code(sourceRows(detail.source)));
}

function trialsTable(trials) {
  if (!trials.length) return make("p", "quiet", "None yet.");
  const table = make("table");
  const head = make("tr");
  for (const [name, kind] of [["rung"], ["rng_seed", "num"], ["outcome"], ["value", "num"], ["vs parent", "num"]]) {
    head.append(make("th", kind || "", name));
  }
  table.append(head);
  for (const [rung, rngSeed, outcome, value, against, reason] of trials) {
    const row = make("tr", reason ? "open" : "");
    const verdict = against === null || Math.abs(against) < 5e-5 ? "" : against < 0 ? " better" : " worse";
    row.append(make("td", "", rung), make("td", "num", String(rngSeed)));
    row.append(make("td", outcome === "finished" ? "" : "worse", outcome.replaceAll("_", " ")));
    row.append(make("td", "num", value === null ? "" : value.toFixed(4)));
    row.append(make("td", `num${verdict}`, against === null ? "" : signed(against)));
    table.append(row);
    if (reason) {
      const why = make("tr", "why"), cell = make("td", "", reason);
      cell.colSpan = 5;
      why.append(cell);
      table.append(why);
    }
  }
  return table;
}

function code(rows) {
  const box = make("div", "code"), inner = make("div");
  box.tabIndex = 0;
  inner.append(...rows);
  box.append(inner);
  return box;
}

function codeRow(kind, number, mark, text) {
  const row = make("div", `row ${kind}`);
  row.append(make("span", "no", number), make("span", "sign", mark), make("span", "text", text || " "));
  return row;
}

// Lines of a unified diff, numbered as in the child; removed lines as in the parent.
function diffRows(lines) {
  let before = 0, after = 0;
  return lines.map((line) => {
    if (line.startsWith("@@")) {
      const [, old, now] = line.match(/-(\d+)\S* \+(\d+)/);
      [before, after] = [Number(old), Number(now)];
      return make("div", "row hunk", line);
    }
    const text = line.slice(1);
    if (line[0] === "-") return codeRow("del", String(before++), "−", text);
    if (line[0] === "+") return codeRow("add", String(after++), "+", text);
    before++;
    return codeRow("", String(after++), "", text);
  });
}

function sourceRows(source) {
  return source.replace(/\n$/, "").split("\n").map((text, k) => codeRow("", String(k + 1), "", text));
}

function showOverview() {
  panel.className = "overview";
  redrawChart = () => {};
  const top = make("div", "top");
  top.append(make("h2", "", "This run"));
  panel.replaceChildren(top);
  if (data.best !== null && data.mean[data.best] !== null) {
    panel.append(...standing(data.best).slice(0, 2), facts([["Best", links([data.best])], ...bestSeed()]));
  }
  const failed = data.failure.filter(Boolean).length;
  panel.append(section("Programs"), facts([
    ["All", count.toLocaleString("en")],
    ["Failed", `${failed.toLocaleString("en")} (${count ? Math.round((100 * failed) / count) : 0} %)`],
    ...data.facts,
  ]));
  panel.append(section("Operators"), operatorsTable(), section("Keys"), keyboardHelp());
}

function bestSeed() {
  const seeds = data.operator.flatMap((kind, i) => (data.operators[kind] === "seed" && data.mean[i] !== null ? [i] : []));
  if (!seeds.length) return [];
  const best = seeds.reduce((a, b) => (worth(b) < worth(a) ? b : a));
  const item = make("div", "links");
  item.append(linkTo(best), make("span", "", `${data.name[best]}  ${plusMinus(data.mean[best], data.low[best], data.high[best])}`));
  return [["Best seed", item]];
}

// Births by operator, and how many were estimated better than their main parent.
function operatorsTable() {
  const rows = data.operators.map((name) => ({ name, births: 0, better: 0, failed: 0 }));
  data.operator.forEach((kind, i) => {
    const parent = data.parents[i][0];
    rows[kind].births++;
    if (data.failure[i]) rows[kind].failed++;
    else if (parent !== undefined && worth(i) < worth(parent)) rows[kind].better++;
  });
  const table = make("table"), head = make("tr");
  for (const [name, kind] of [["operator"], ["births", "num"], ["better", "num"], ["failed", "num"]]) head.append(make("th", kind || "", name));
  table.append(head);
  rows.forEach(({ name, births, better, failed }, kind) => {
    if (!data.operator.some((each, i) => each === kind && data.parents[i].length)) return;
    const row = make("tr"), percent = (part) => `${Math.round((100 * part) / births)} %`;
    row.append(make("td", "", name), make("td", "num", births.toLocaleString("en")), make("td", "num", percent(better)), make("td", "num", percent(failed)));
    table.append(row);
  });
  return table;
}

function keyboardHelp() {
  const list = make("div", "keys");
  for (const [name, what] of [["← →", "main parent, best child"], ["↑ ↓", "neighbours by arrival"], ["B", "best program"], ["/", "find"], ["+ − 0", "zoom, show everything"], ["Esc", "close"]]) {
    list.append(make("kbd", "", name), make("span", "", what));
  }
  return list;
}
