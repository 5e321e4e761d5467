// The page of the inspector: it follows a stream of snapshots and changes the table in place. Names are text, never HTML.

const byId = (id) => document.getElementById(id);

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function put(node, text) {
  if (node.textContent !== text) node.textContent = text; // else a selection, or a reader, would lose its place
}

// Numbers

function duration(seconds) {
  for (const [unit, size] of [["s", 1], ["ms", 1e-3]]) {
    if (seconds >= size * 0.9995) return `${digits(seconds / size)} ${unit}`;
  }
  return `${digits(seconds / 1e-6)} µs`;
}

const digits = (number) => (number >= 100 ? number.toFixed(0) : number.toPrecision(3));
const share = (part, whole) => (whole > 0 ? `${((100 * part) / whole).toFixed(part < whole / 10 ? 1 : 0)} %` : "–");
const count = (number) => (number ? number.toLocaleString("en") : "–");
const rate = (number) => (number > 0 && number < 9.95 ? number.toFixed(1) : Math.round(number).toLocaleString("en"));
const clock = (seconds) => new Date(seconds * 1000).toLocaleTimeString();
const sum = (numbers) => numbers.reduce((one, other) => one + other, 0);
const plural = (number, word) => `${number.toLocaleString("en")} ${word}${number === 1 ? "" : "s"}`;

// What is shown of a handler: by a key, its title, its value, which sorts, and its text.

const own = (of) => of.profile.seconds - of.profile.held;
const OTHER = "_OTHER"; // the ctype, op, handler and tier of those for which the profiler has no room
const titleOf = ({ ctype, op }) => (ctype === OTHER && op === OTHER ? "All others" : `${ctype} ${op}`);
const name = (of) => titleOf(of.profile);
const handler = ({ handler: named, tier }) => (named === null ? "no handler" : tier === OTHER ? "200 handlers have a row of their own" : `${named} (${tier})`);
const failed = (of) => sum(Object.values(of.profile.errors));
const answered = (of) => of.profile.hits + of.profile.joined;
const latency = (key, title) => ({ key, title, value: (of) => of.profile[key], text: (of) => (of.profile.calls ? duration(of.profile[key]) : "–") });

const COLUMNS = [
  { key: "name", title: "Op and handler", value: name, text: name },
  { key: "time", title: "Time", value: own, text: (of, whole) => share(own(of), whole) },
  { key: "rate", title: "Calls/s", value: (of) => of.per_second, text: (of) => rate(of.per_second) },
  latency("p50", "p50"),
  latency("p95", "p95"),
  latency("p99", "p99"),
  latency("longest", "Max"),
  { key: "in_handler", title: "In handler", value: (of) => of.profile.in_handler / (of.profile.seconds || 1), text: (of) => share(of.profile.in_handler, of.profile.seconds) },
  { key: "seconds", title: "In all", value: (of) => of.profile.seconds, text: (of) => duration(of.profile.seconds) },
  { key: "held", title: "Held loop", value: (of) => of.held_loop, text: (of) => (of.held_loop ? duration(of.held_loop) : "–"), bad: (of) => of.held_loop > 0 },
  { key: "errors", title: "Errors", value: failed, text: (of) => count(failed(of)), bad: failed },
  { key: "hits", title: "Cache hits", value: (of) => answered(of) / (of.profile.calls || 1), text: (of) => (answered(of) ? share(answered(of), of.profile.calls) : "–") },
  { key: "retries", title: "Retries", value: (of) => of.profile.retries, text: (of) => count(of.profile.retries) },
  { key: "in_flight", title: "Under way", value: (of) => of.in_flight, text: (of) => count(of.in_flight) },
];
const FIGURES = COLUMNS.slice(1).concat([
  { title: "Calls", text: (of) => count(of.profile.calls) },
  { title: "Loop held by others", text: (of) => (of.profile.held ? duration(of.profile.held) : "–") },
]);

const idOf = ({ ctype, op, handler: named, tier }) =>
  new URLSearchParams({ ctype, op, tier, ...(named === null ? {} : { handler: named }) }).toString();

const state = {
  window: byId("window").value,
  sort: "time",
  isDown: true,
  isPaused: false,
  snapshot: null, // what the table shows
  received: 0, // when the last one came, in milliseconds
  isLive: false,
  held: null, // when the hold began that was told last
  hidden: null, // when the hold began that somebody has hidden
  open: "", // the id of the handler whose details are shown
  scrolled: 0,
};

// The table

const rows = new Map(); // the cells of each handler that is shown, by id

function makeHead() {
  for (const { key, title } of COLUMNS) {
    const button = element("button", { type: "button", textContent: title });
    button.addEventListener("click", () => sortBy(key, state.sort === key ? !state.isDown : key !== "name"));
    byId("head").append(element("th", { scope: "col", id: `by-${key}`, role: "columnheader" }, button));
    byId("sort").append(element("option", { value: key, textContent: title }));
  }
  byId("head").append(element("th", { scope: "col", role: "columnheader", textContent: "Last minute" }));
  byId("sort").value = state.sort;
  byId("sort").addEventListener("change", (event) => sortBy(event.target.value, event.target.value !== "name"));
}

function sortBy(key, isDown) {
  Object.assign(state, { sort: key, isDown });
  byId("sort").value = key;
  showTable();
}

function makeRow(of) {
  const id = idOf(of.profile);
  const button = element("button", { type: "button", className: "op" });
  const named = element("span", { className: "handler" });
  const cells = COLUMNS.slice(1).map(({ title }) => {
    const cell = element("td");
    cell.dataset.label = title;
    return cell;
  });
  const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
  const row = element("tr", {}, element("td", {}, button, named), ...cells, element("td", {}, spark(line)));
  row.lastChild.dataset.label = "Calls, last minute";
  row.addEventListener("click", () => {
    if (getSelection().isCollapsed) location.hash = id; // else somebody copies a name; keys go to the button
  });
  row.setAttribute("role", "row"); // a row that is laid out as a card is still one
  for (const cell of row.children) cell.setAttribute("role", "cell");
  return { row, button, named, cells, line };
}

function spark(line) {
  const drawn = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  for (const [key, value] of Object.entries({ class: "spark", width: 92, height: 18, role: "img" })) drawn.setAttribute(key, value);
  drawn.append(line);
  return drawn;
}

function fillRow({ row, button, named, cells, line }, of, whole) {
  put(button, name(of));
  put(named, handler(of.profile));
  COLUMNS.slice(1).forEach((column, at) => {
    put(cells[at], column.text(of, whole));
    cells[at].classList.toggle("bad", Boolean(column.bad?.(of)));
  });
  row.classList.toggle("open", idOf(of.profile) === state.open);
  const most = Math.max(...of.each_second, 1e-9);
  const points = of.each_second.map((calls, at) => `${at ? "L" : "M"}${(91 - (of.each_second.length - 1 - at) * 1.5).toFixed(1)} ${(17 - (16 * calls) / most).toFixed(1)}`);
  line.setAttribute("d", points.join(""));
  line.parentNode.setAttribute("aria-label", `${rate(of.each_second.at(-1) ?? 0)} calls in the last second, at most ${rate(most)}`);
}

// Rows stay where they are while somebody points at them; those that come are the last, and those that go stay.
function inOrder(found, body) {
  const { value } = COLUMNS.find(({ key }) => key === state.sort);
  const sign = state.isDown ? -1 : 1;
  const compare = (one, other) => (value(one) < value(other) ? -sign : value(one) > value(other) ? sign : 0);
  const sorted = found.toSorted(compare);
  if (!body.matches(":hover") && !body.contains(document.activeElement)) return sorted.map((of) => idOf(of.profile));
  const shown = [...rows.keys()];
  return shown.concat(sorted.map((of) => idOf(of.profile)).filter((id) => !rows.has(id)));
}

function showTable() {
  const { snapshot } = state;
  for (const { key } of COLUMNS) {
    const head = byId(`by-${key}`);
    if (key === state.sort) head.setAttribute("aria-sort", state.isDown ? "descending" : "ascending");
    else head.removeAttribute("aria-sort");
  }
  if (snapshot === null) return;
  const wanted = byId("filter").value.trim().toLowerCase();
  const found = snapshot.handlers.filter((of) => `${name(of)} ${handler(of.profile)}`.toLowerCase().includes(wanted));
  const whole = sum(snapshot.handlers.map(own));
  const body = byId("rows");
  const order = inOrder(found, body);
  const isFiltered = document.activeElement === byId("filter");
  for (const [id, { row }] of rows) {
    if (!order.includes(id) || (isFiltered && !found.some((of) => idOf(of.profile) === id))) {
      row.remove();
      rows.delete(id);
    }
  }
  const byKey = new Map(found.map((of) => [idOf(of.profile), of]));
  const kept = new Map();
  for (const id of order) {
    const of = byKey.get(id);
    if (of === undefined && !rows.has(id)) continue;
    const made = rows.get(id) ?? makeRow(of);
    if (of !== undefined) fillRow(made, of, whole);
    if (body.children[kept.size] !== made.row) body.insertBefore(made.row, body.children[kept.size] ?? null);
    kept.set(id, made);
  }
  rows.clear();
  for (const [id, made] of kept) rows.set(id, made);
  const table = byId("table");
  table.hidden = rows.size === 0;
  byId("more").hidden = table.scrollWidth <= table.clientWidth; // nothing else tells that there are more
  put(byId("nothing"), rows.size ? "" : emptyText(snapshot, wanted));
}

function emptyText(snapshot, wanted) {
  if (snapshot.handlers.length) return `No handler has “${wanted}” in its name.`;
  if (snapshot.window === "minute") return "No calls in the last minute. They are here as soon as a plugin asks for something.";
  return "No calls yet. They are here as soon as a plugin asks for something.";
}

// Who holds the loop, and which calls wait

function stack(lines) {
  return lines.map((line) => element("li", { textContent: line }));
}

const who = ({ ctype, op, handler: named }) => (ctype === null ? "Other code than a handler" : `${ctype} ${op}: ${named}`);

function showHeld({ held, last_held: last }) {
  const hold = held ?? last;
  const banner = byId("held");
  banner.hidden = hold === null || state.hidden === hold.began;
  if (hold === null) return;
  banner.classList.toggle("over", held === null);
  put(byId("held-title"), `${who(hold)} ${held === null ? "held the loop" : "holds the loop: nothing else runs"}`);
  put(byId("held-for"), held === null ? `for ${duration(hold.seconds)}, until ${clock(hold.began + hold.seconds)}` : `for ${duration(hold.seconds)} so far`);
  put(byId("held-where").firstElementChild, held === null ? "Where it stood" : "Where it stands");
  if (held === null) put(byId("alert"), ""); // else the next hold of the same handler would be no news
  if (state.held === hold.began) return;
  state.held = hold.began;
  if (held !== null) {
    put(byId("alert"), byId("held-title").textContent); // told once; its seconds are not
    byId("held-where").open = true;
  }
  byId("held-stack").replaceChildren(...stack(hold.stack.length ? hold.stack : ["lines that nobody could see: C code kept the interpreter"]));
}

function showWaiting({ waiting, waiting_age: age, pending }) {
  const groups = new Map();
  for (const call of waiting) {
    const key = JSON.stringify([call.ctype, call.op, call.handler, call.stack]);
    const group = groups.get(key) ?? { call, times: 0 };
    group.times += 1;
    groups.set(key, group);
  }
  const more = pending - waiting.length;
  const notes = [];
  if (!pending) notes.push("None.");
  else if (age === null) notes.push(`${plural(pending, "call")} under way. Where they wait is not known while the loop is held.`);
  else if (age > 2) notes.push(`The loop is held: this is how they waited ${duration(age)} ago.`);
  if (age !== null && more > 0) notes.push(`${plural(more, "call")} more, ${more === 1 ? "which is" : "all"} younger.`);
  put(byId("waiting-note"), notes.join(" "));
  const make = ({ call }) => [
    element("strong", { textContent: `${call.ctype} ${call.op}` }),
    element("span"),
    element("span", { className: "handler", textContent: call.handler ?? "no handler" }),
    element("ol", { className: "stack" }, ...stack(call.stack)),
  ];
  update(byId("waiting"), groups, make, (item, { call, times }) => {
    put(item.querySelector("span"), ` ${times === 1 ? "waits for" : `${times} calls wait, the first for`} ${duration(call.age)}`);
  });
}

// Change a list in place, so that a selection in it stays: items by key, made once and filled each time.
function update(list, groups, make, fill = () => {}) {
  const items = new Map([...list.children].map((item) => [item.dataset.key, item]));
  for (const [key, item] of items) if (!groups.has(key)) item.remove();
  for (const [key, group] of groups) {
    const item = items.get(key) ?? element("li", {}, ...make(group));
    item.dataset.key = key;
    fill(item, group);
    list.append(item);
  }
}

async function showLint() {
  const told = await ask("lint");
  if (told === null) return;
  if (told.age !== 0) setTimeout(showLint, 2000); // until the loop answers
  const note = told.age === null ? `Not known: ${told.text}.` : told.age > 0 ? `The loop is held: this was so ${duration(told.age)} ago.` : told.found.length ? "" : "None.";
  put(byId("lint-note"), note);
  const findings = new Map(told.found.map((one) => [JSON.stringify(one), one]));
  update(byId("lint"), findings, ({ reason, layers, scopes }) => [element("strong", { textContent: reason }), element("span", { className: "handler", textContent: [...layers, ...scopes].join(", ") })]);
}

// One handler

// A line of a waterfall: its pieces are pairs of where a bar begins and ends.
function part(label, pieces, seconds, whole, isHandler = false) {
  const bars = pieces.map(([begins, ends]) => {
    const bar = element("i", { className: isHandler ? "in-handler" : "" });
    bar.style.left = `${Math.min(99.5, (100 * begins) / (whole || 1))}%`;
    bar.style.width = `${Math.max(0.3, (100 * (ends - begins)) / (whole || 1))}%`;
    return bar;
  });
  const track = element("span", { className: "track" }, ...bars);
  track.setAttribute("aria-hidden", "true"); // the seconds say it
  return element("div", { className: "part" }, element("span", { textContent: label }), track, element("span", { textContent: duration(seconds) }));
}

const others = (layers) => `${layers} other ${layers === 1 ? "layer" : "layers"}`;
const itself = (label) => (label === "handler" ? label : `${label} itself`);

function shares({ seconds, in_handler: inHandler, in_layers: inLayers }) {
  const layers = Object.entries(inLayers).sort(([, one], [, other]) => other - one);
  const small = layers.filter(([, of]) => of < 0.02 * seconds);
  let start = inHandler;
  const bars = [part("handler", [[0, inHandler]], inHandler, seconds, true)];
  for (const [label, of] of layers.slice(0, layers.length - small.length)) {
    bars.push(part(itself(label), [[start, start + of]], of, seconds));
    start += of;
  }
  const rest = sum(small.map(([, of]) => of));
  if (small.length) bars.push(part(others(small.length), [[start, start + rest]], rest, seconds));
  return bars;
}

function slowCall({ call, parts, others: more, others_seconds: rest }) {
  const said = [`${duration(call.seconds)} at ${clock(call.began)}`, call.error === null ? call.outcome : `${call.outcome}: ${call.error}`];
  if (call.cache) said.push(`cache: ${call.cache}`);
  if (call.attempts > 1) said.push(`${call.attempts} attempts`);
  if (call.jid) said.push(`jid ${call.jid}`);
  if (call.ifrom) said.push(`from ${call.ifrom}`);
  const lines = [element("p", { textContent: said.join(", ") })];
  if (call.held >= 0.02 * call.seconds && call.held) lines.push(element("p", { className: "bad", textContent: `Others held the loop for ${duration(call.held)} of it.` }));
  lines.push(...parts.map(([label, pieces]) => part(itself(label), pieces, sum(pieces.map(([begins, ends]) => ends - begins)), call.seconds, label === "handler")));
  if (more) lines.push(part(others(more), [[0, rest]], rest, call.seconds));
  return element("li", {}, ...lines);
}

function showFigures() {
  const of = state.snapshot?.handlers.find((one) => idOf(one.profile) === state.open);
  if (of === undefined) return;
  const list = byId("figures");
  if (!list.children.length) list.append(...FIGURES.map(({ title }) => element("div", {}, element("dt", { textContent: title }), element("dd"))));
  const whole = sum(state.snapshot.handlers.map(own));
  FIGURES.forEach((figure, at) => put(list.children[at].lastChild, figure.text(of, whole)));
}

async function showDetail() {
  const id = state.open;
  const row = Object.fromEntries(new URLSearchParams(id));
  put(byId("detail-title"), titleOf(row));
  put(byId("detail-handler"), handler({ handler: row.handler ?? null, tier: row.tier }));
  showFigures();
  const detail = await ask(`detail?window=${state.window}&${id}`);
  if (detail === null || id !== state.open) return;
  const { profile, explanation, slowest } = detail;
  const when = state.window === "minute" ? "in the last minute" : "since the start";
  put(byId("detail-note"), profile === null ? `It was not called ${when}.` : `Below is what it did ${when}, as of ${clock(Date.now() / 1000)}.`);
  put(byId("shares-note"), profile === null ? "" : `${plural(profile.calls, "call")} took ${duration(profile.seconds)} in all. Of that, each took itself:`);
  byId("shares").replaceChildren(...(profile === null ? [] : shares(profile)));
  const failures = profile === null ? [] : Object.entries(profile.errors).map((one) => [...one, ""]).concat(Object.entries(profile.refused).map((one) => [...one, " (refused)"]));
  byId("failures").hidden = failures.length === 0;
  byId("failed").replaceChildren(...failures.sort(([, one], [, other]) => other - one).map(([kind, times, how]) => element("li", { textContent: `${kind}${how}: ${plural(times, "call")}` })));
  const among = state.window === "minute" ? "of the last ten minutes" : "since the start";
  put(byId("calls-note"), slowest.length ? `Those among the 50 slowest of all handlers ${among}, less the time in which others held the loop. Bars show when each part was busy itself.` : `None is among the 50 slowest of all handlers ${among}.`);
  byId("calls").replaceChildren(...slowest.map(slowCall));
  put(byId("explain-note"), explanation.age === null ? `Not known: ${explanation.text}.` : explanation.age > 0 ? `The loop is held: this was so ${duration(explanation.age)} ago.` : ["global", "none"].includes(row.tier) ? "" : "For the bot’s own JID, without a node. This handler is for another: slixmpp-pipeline explain … --jid … --node … tells of that.");
  byId("explain").hidden = explanation.age === null;
  put(byId("explain"), explanation.text);
}

// The id in the address of the handler whose details are to be shown; none if it leads elsewhere, as that to the handlers.
function opened() {
  const id = location.hash.slice(1);
  const given = new URLSearchParams(id);
  return ["ctype", "op", "tier"].every((name) => given.has(name)) ? id : "";
}

function route() {
  const id = opened();
  const before = state.open;
  if (id === before) return;
  if (!before) state.scrolled = window.scrollY;
  state.open = id;
  byId("overview").hidden = id !== "";
  byId("detail").hidden = id === "";
  if (id) {
    for (const list of ["figures", "shares", "failed", "calls"]) byId(list).replaceChildren();
    for (const text of ["explain", "explain-note", "calls-note", "shares-note", "detail-note"]) put(byId(text), "");
    showDetail();
    byId("detail-title").focus({ preventScroll: true });
    window.scrollTo(0, 0);
  } else {
    showTable();
    window.scrollTo(0, state.scrolled);
    (rows.get(before)?.button ?? byId("main")).focus({ preventScroll: true });
  }
}

const close = () => (location.hash = "");

// The stream

function tell(text, isBad = false) {
  put(byId("state"), text);
  byId("state").classList.toggle("bad", isBad);
}

function show(snapshot) {
  state.received = Date.now();
  state.isLive = true;
  tell(snapshot.is_recorded ? "Live" : "Calls are no longer recorded: the pipeline was taken out, or another observer is there.", !snapshot.is_recorded);
  put(byId("client"), snapshot.client);
  document.title = `${snapshot.held === null ? "" : "⚠ held: "}${snapshot.client}: which handler is slow?`;
  put(byId("now"), `${rate(snapshot.per_second)} calls/s, ${snapshot.pending.toLocaleString("en")} under way`);
  showHeld(snapshot);
  if (state.isPaused) return;
  state.snapshot = snapshot;
  showTable();
  showWaiting(snapshot);
  if (state.open) showFigures();
}

// What else the bot tells. null: it does not answer, of which the stream tells.
async function ask(path) {
  try {
    const answer = await fetch(path);
    return answer.ok ? await answer.json() : null;
  } catch {
    return null;
  }
}

async function read(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  for (let text = ""; ; ) {
    const { value, done } = await reader.read();
    if (done) return;
    const events = (text + value).split("\n\n");
    text = events.pop();
    if (events.length) show(JSON.parse(events.at(-1).slice("data: ".length)));
  }
}

let following = new AbortController();

async function follow() {
  for (let pause = 1; ; pause = Math.min(10, 2 * pause)) {
    following = new AbortController();
    const { signal } = following;
    state.isLive = false;
    try {
      const answer = await fetch(`events?window=${state.window}`, { signal });
      if (answer.status === 401) return tell("The bot refuses the token: it was started again. Open the address that it has printed.", true);
      if (answer.status === 429) tell("As many pages as may look do so already. Close one; this one tries again.", true);
      else if (answer.ok) {
        showLint();
        if (state.open) showDetail(); // there was no answer while the bot was gone
        pause = 0.5;
        await read(answer.body);
      }
      if (answer.status !== 429) tell("The bot does not answer. What is shown is old; trying again …", true);
    } catch {
      if (signal.aborted) {
        pause = 0;
        continue;
      }
      tell("The bot does not answer. What is shown is old; trying again …", true);
    }
    await new Promise((resume) => setTimeout(resume, 1000 * Math.max(1, pause)));
  }
}

function watchForSilence() {
  if (state.isLive && Date.now() - state.received > 4000) {
    tell("The bot is connected and says nothing: its process is stopped, or C code keeps the interpreter. What is shown is old.", true);
  }
}

function pause() {
  state.isPaused = !state.isPaused;
  byId("pause").setAttribute("aria-pressed", state.isPaused);
  put(byId("paused"), state.isPaused ? `The table stands as of ${clock(Date.now() / 1000)}.` : "");
}

makeHead();
byId("window").addEventListener("change", (event) => {
  state.window = event.target.value;
  if (state.isPaused) pause(); // the table that stands is of the other window
  following.abort();
});
byId("tools").addEventListener("submit", (event) => event.preventDefault());
byId("filter").addEventListener("input", showTable);
byId("pause").addEventListener("click", pause);
byId("hide").addEventListener("click", () => {
  state.hidden = state.held;
  byId("held").hidden = true;
});
byId("back").addEventListener("click", close);
byId("refresh").addEventListener("click", showDetail);
window.addEventListener("hashchange", route);
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && state.open) close();
});
setInterval(watchForSilence, 1000);
setInterval(showLint, 60_000);
showTable();
route();
follow();
