"use strict";
// Everything that comes from the server is put in as text, never as markup.
const $ = (id) => document.getElementById(id);
let person = null, guest = null, round = 0;
let known = new Map();  // the films of the shown history, and their stars
let again = null;  // asks once more while the model is away
let results = null;  // what the last search found; null without a search

async function ask(path, method = "GET", body = null) {
  const options = { method, headers: {} };
  if (body !== null) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  const began = performance.now();
  const answer = await fetch(path, options);
  const data = await answer.json();
  if (!answer.ok) throw Object.assign(new Error(data.error), { status: answer.status });
  return { data, took: performance.now() - began, answer };
}

function make(tag, text = "", kind = "") {
  const node = document.createElement(tag);
  node.textContent = text;
  if (kind) node.className = kind;
  return node;
}

function say(text, warn = false) {
  $("note").textContent = text;
  $("note").className = warn ? "note warn" : "note";
}

function name(film) {
  const line = make("div");
  line.append(make("span", film.title, "title"), make("span", film.year ? ` (${film.year})` : "", "soft"));
  return line;
}

function actions(film, seen = false) {
  const line = make("div", "", "actions");
  const there = known.has(film.item), given = known.get(film.item) || 0;
  const watched = make("button", there ? "✓ watched" : "watched");
  watched.type = "button";
  watched.disabled = there;
  watched.setAttribute("aria-label", `${there ? "Watched:" : "I watched"} ${film.title}`);
  watched.onclick = () => add(film, null);
  const stars = make("span", "", "stars");
  stars.setAttribute("role", "group");
  stars.setAttribute("aria-label", `Rate ${film.title}`);
  for (let n = 1; n <= 5; n++) {
    const star = make("button", n <= given ? "★" : "☆");
    star.type = "button";
    star.setAttribute("aria-label", `${n} ${n === 1 ? "star" : "stars"}`);
    star.onclick = () => add(film, n);
    stars.append(star);
  }
  line.append(...(seen ? [stars] : [watched, stars]));
  return line;
}

async function add(film, stars) {
  try {
    if (person === null) await greet();
    const event = stars === null ? { item: film.item } : { item: film.item, stars };
    await ask(`/people/${person}/events`, "POST", event);
    await show();
  } catch (error) { await failed(error); }
}

async function failed(error) {
  if (error.status === 404 && person === guest && guest !== null) {
    person = guest = null;  // the server was started anew and knows the guest no more
    say("The server has forgotten you; your next film starts a new history.", true);
    return;
  }
  say(error.message || "The server does not answer; try again in a moment.", true);
}

async function greet() {
  guest = person = (await ask("/people", "POST")).data.person;
}

function reasons(film) {
  const list = make("ul", "", "why");
  const most = Math.max(...film.because.map((why) => why.adds), film.popular, 1e-9);
  const row = (text, value) => {
    const item = make("li"), bar = make("meter");
    bar.max = 1;
    bar.value = Math.max(value / most, 0);
    bar.setAttribute("aria-label", `adds ${value.toFixed(2)}`);
    item.append(bar, make("span", text));
    list.append(item);
  };
  for (const why of film.because) {
    row(why.stars ? `${why.title}, ${why.stars} ★` : why.title, why.adds);
  }
  if (film.popular > 0.05) row("watched by many lately", film.popular);
  return list;
}

async function show() {
  const mine = ++round;
  try {
    if (person === null) await greet();
    const variety = $("variety").value;
    const list = await ask(`/people/${person}/recommendations?k=10&variety=${variety}`);
    const kept = await ask(`/people/${person}`);
    if (mine !== round) return;  // a later answer is on its way
    history(kept.data);
    draw(list.data);
    found();
    const server = /dur=([\d.]+)/.exec(list.answer.headers.get("server-timing") || "");
    const source = { hit: "from the cache", miss: "computed now", fallback: "the popular list" };
    $("speed").textContent = `Answered in ${list.took.toFixed(0)} ms, ${server ? Number(server[1]).toFixed(1) : "?"} ms of it in the server (${source[list.answer.headers.get("x-answer")] || ""}).`;
  } catch (error) { await failed(error); }
}

function draw(data) {
  clearTimeout(again);
  if (data.fallback) again = setTimeout(show, 3000);
  $("bars").hidden = !data.items.some((film) => film.because);
  if (data.fallback) say(`Note: ${data.fallback}.`, true);
  else if (data.path === "popular") say("You are new: this is what is watched most. Add a film.");
  else if (data.path === "first ratings") say("Your first films: what is popular still counts.");
  else say(person === guest ? "" : `What you add now counts as person ${person}'s.`);
  $("recommended").replaceChildren(...data.items.map((film) => {
    const item = make("li");
    item.append(name(film));
    const stars = film.expected_stars ? `we expect ${film.expected_stars.toFixed(1)} ★ · ` : "";
    item.append(make("div", stars + film.genres.join(", "), "soft"));
    if (film.because) item.append(reasons(film));
    item.append(actions(film));
    return item;
  }));
}

function history(data) {
  const mine = person === guest;
  known = new Map(data.items.map((film) => [film.item, film.stars]));
  $("whose").textContent = mine ? "Your history" : `History of person ${person}`;
  $("list").textContent = mine ? "For you" : `For person ${person}`;
  $("forget").textContent = mine ? "start again" : "back to yours";
  const films = data.items.slice(0, 12);
  const items = films.map((film) => {
    const item = make("li");
    item.append(name(film), actions(film, true));
    return item;
  });
  const more = data.items.length - films.length;
  if (more > 0) items.push(make("li", `and ${more} more`, "soft"));
  if (!items.length) items.push(make("li", "nothing yet", "soft"));
  $("seen").replaceChildren(...items);
}

function found() {
  const list = $("found");
  const at = [...list.querySelectorAll("button")].indexOf(document.activeElement);
  const items = (results || []).map((film) => {
    const item = make("li");
    item.append(name(film), actions(film));
    return item;
  });
  if (results && !items.length) {
    items.push(make("li", `No title has “${$("text").value.trim()}” in it.`, "soft"));
  }
  list.replaceChildren(...items);
  if (at < 0) return;
  const buttons = list.querySelectorAll("button");  // as many as before: the keyboard stays there
  buttons[buttons[at].disabled ? at + 1 : at].focus();
}

let typing = null;
async function search() {
  const text = $("text").value.trim();
  if (!text) { results = null; found(); return; }
  try {
    const { data } = await ask(`/items?limit=6&text=${encodeURIComponent(text)}`);
    if (text !== $("text").value.trim()) return;
    results = data.items;
    found();
  } catch (error) { await failed(error); }
}

$("text").addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(search, 150); });
$("variety").addEventListener("input", () => {
  const value = Number($("variety").value);
  $("variety-value").textContent = value ? value.toFixed(1) : "none";
  show();
});
$("forget").addEventListener("click", async () => {
  try {
    if (person !== null && person === guest) await ask(`/people/${person}/events`, "DELETE");
    person = guest;
    $("nobody").textContent = "";
    await show();
  } catch (error) { await failed(error); }
});
$("as").addEventListener("submit", async (event) => {
  event.preventDefault();
  const number = String(Number($("person").value));
  try {
    await ask(`/people/${number}`);
    $("nobody").textContent = "";
    person = number;
    await show();
  } catch (error) {
    const missing = `Nobody in the log has the number ${number}.`;
    $("nobody").textContent = error.status === 404 ? missing : error.message;
  }
});
show();
