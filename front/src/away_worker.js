// SPDX-License-Identifier: AGPL-3.0-or-later
// Keeps the pages that somebody has opened, and shows them when the node is out of reach, each with the day it is of.
//
// The node is always asked first: what it answers is shown and kept in the place of the copy, and what it no longer has
// is forgotten here too. Nothing is kept of the operator's pages, of what is sent, or of what the node says not to keep;
// nothing for longer than the days that an erasure may take to reach everybody; and no more than the bounds below.
const TOLD = self.TOLD; // by web/away_files.py: version, shell, pages, sentences

const SHELL = `convergences-shell-${TOLD.version}`;
const PAGES = { name: "convergences-pages-1", entries: 60, bytes: 6 << 20, types: /^text\/html/ };
const PARTS = {
  name: "convergences-parts-1",
  entries: 200,
  bytes: 12 << 20,
  types: /^(image\/|text\/css|(text|application)\/javascript|application\/([\w.+-]*\+)?json)/,
};
const ONE_BYTES_MAX = 1 << 20;
const DAYS_MAX = 7;
const WAIT_MS = 4000;
const TOLD_MAX = 60; // parts of the first page
const AWAY = [502, 503, 504]; // said by the proxy, or by a node that is not ready
const APART = /^\/(operateur|ecran|cadre|log|healthz|metrics)(\/|$)|^\/(certificat|hors-ligne)\.\w+$/;
const KEPT_AT = "X-Kept-At", KEPT_BYTES = "X-Kept-Bytes", KEPT_TITLE = "X-Kept-Title";
const LIST = "/hors-ligne";

let queue = Promise.resolve(); // one thing is written after the other, or the bounds would not be kept

addEventListener("install", (event) => {
  skipWaiting();
  event.waitUntil(caches.open(SHELL).then((shell) => shell.addAll(TOLD.shell.map((each) => new Request(each, { cache: "reload" })))));
});

addEventListener("activate", (event) => {
  const known = [SHELL, PAGES.name, PARTS.name];
  const old = (name) => name.startsWith("convergences-") && !known.includes(name);
  event.waitUntil(caches.keys().then((names) => Promise.all(names.filter(old).map((name) => caches.delete(name)))).then(() => clients.claim()));
});

addEventListener("message", (event) => {
  const { page, parts } = event.data ?? {};
  if (typeof page !== "string" || !Array.isArray(parts)) return;
  const wanted = [[PAGES, page], ...parts.slice(0, TOLD_MAX).map((each) => [PARTS, each])];
  event.waitUntil(Promise.all(wanted.map(([store, address]) => fetchAndKeep(store, address))));
});

addEventListener("fetch", (event) => {
  const { request } = event;
  if (!concerns(request)) return;
  if (request.mode === "navigate") event.respondWith(page(event));
  else event.respondWith(part(event));
});

function concerns(request) {
  const url = new URL(request.url);
  return request.method === "GET" && url.origin === location.origin && !APART.test(url.pathname) && !request.headers.has("Range");
}

async function page(event) {
  const { request } = event;
  const language = spoken(request.url);
  if (new URL(request.url).pathname === LIST) return list(language, false);
  const asked = answered(event, PAGES);
  const kept = await copy(PAGES, request);
  const answer = await (kept ? Promise.race([asked, later()]) : asked);
  if (answer && !(kept && AWAY.includes(answer.status)) && !isEmpty(answer)) return answer;
  return kept ? asCopy(kept) : list(language, true);
}

async function part(event) {
  const fixed = await inShell(event.request);
  if (fixed) return fixed;
  const answer = await answered(event, PARTS);
  if (answer && !AWAY.includes(answer.status)) return answer;
  return (await copy(PARTS, event.request)) ?? answer ?? Response.error();
}

/** What the node answers, of which a copy is kept; null if it does not. */
function answered(event, store) {
  const asked = fetch(event.request).then(
    (answer) => {
      const told = answer.clone();
      event.waitUntil(note(store, event.request.url, told));
      return answer;
    },
    () => null,
  );
  event.waitUntil(asked); // a copy may be shown before, and the newer one is kept all the same
  return asked;
}

const inShell = async (request) => (await caches.open(SHELL)).match(request, { ignoreVary: true });

const later = () => new Promise((done) => setTimeout(done, WAIT_MS, null));

/** The proxy's own word that nobody stands behind it: no page, which the node always gives. */
const isEmpty = (answer) => AWAY.includes(answer.status) && !PAGES.types.test(answer.headers.get("Content-Type") ?? "");

// ------------------------------------------------------------------------------------- keeping
async function fetchAndKeep(store, address) {
  const request = new Request(address, store === PAGES ? { headers: { Accept: "text/html" } } : {});
  if (!concerns(request) || new URL(address).pathname === LIST || (await inShell(request))) return;
  const answer = await fetch(request).catch(() => null);
  if (answer) await note(store, request.url, answer);
}

function note(store, address, answer) {
  queue = queue.then(() => keep(store, address, answer)).catch(() => {}); // a browser without room keeps nothing
  return queue;
}

async function keep(store, address, answer) {
  if (answer.type !== "basic" || answer.redirected) return;
  const cache = await caches.open(store.name);
  const headers = new Headers(answer.headers);
  const isKept = answer.status === 200 && !/no-store/.test(headers.get("Cache-Control") ?? "");
  if (isKept || [404, 410].includes(answer.status)) await cache.delete(address, { ignoreVary: true });
  if (!isKept || !store.types.test(headers.get("Content-Type") ?? "")) return;
  const body = await answer.arrayBuffer();
  if (body.byteLength > ONE_BYTES_MAX) return;
  for (const name of ["Content-Encoding", "Content-Length", "Vary"]) headers.delete(name);
  headers.set(KEPT_AT, String(Date.now()));
  headers.set(KEPT_BYTES, String(body.byteLength));
  if (store === PAGES) headers.set(KEPT_TITLE, encodeURIComponent(title(new TextDecoder().decode(body))));
  await cache.put(address, new Response(body, { headers }));
  await trim(store, cache);
}

/** What was kept longest ago goes first: a cache lists what it holds in the order in which that came. */
async function trim(store, cache) {
  let entries = 0, bytes = 0;
  for (const key of (await cache.keys()).reverse()) {
    const held = await cache.match(key);
    entries += 1;
    bytes += Number(held?.headers.get(KEPT_BYTES) ?? 0);
    if (!held || entries > store.entries || bytes > store.bytes || isOld(held)) await cache.delete(key);
  }
}

const isOld = (held) => !(Date.now() - Number(held.headers.get(KEPT_AT)) < DAYS_MAX * 86_400_000);

async function copy(store, request) {
  const held = await (await caches.open(store.name)).match(request, { ignoreVary: true });
  return held && !isOld(held) ? held : null;
}

// ------------------------------------------------------------------------------------- showing
async function asCopy(kept) {
  const language = kept.headers.get("Content-Language") in TOLD.sentences ? kept.headers.get("Content-Language") : "fr";
  const line = TOLD.sentences[language].copy.replace("{when}", day(kept, language));
  const html = await kept.text();
  return drawn(html.replace(/<main\b[^>]*>/, (found) => `${found}\n<p class="copy" role="status">${escaped(line)}</p>`), kept.headers, 200);
}

/** What is kept on this device; also in the place of a page that is not. */
async function list(language, isAway) {
  const shell = await caches.open(SHELL);
  const found = await shell.match(TOLD.pages[language]);
  if (!found) return Response.error();
  const said = TOLD.sentences[language];
  const cache = await caches.open(PAGES.name);
  const lines = [];
  for (const key of (await cache.keys()).reverse()) {
    const held = await cache.match(key);
    if (held && !isOld(held)) lines.push(entry(key, held, language));
  }
  const away = isAway ? `<p class="copy" role="status">${escaped(said.away)}</p>\n` : "";
  const html = (await found.text())
    .replace(/<h1\b/, () => `${away}<h1`)
    .replace(/(<div id="kept">)[\s\S]*?<!--kept-->/, (whole, begin) => (lines.length ? `${begin}<ul class="plain-list">${lines.join("")}</ul></div>` : whole));
  return drawn(html, found.headers, isAway ? 503 : 200);
}

function entry(key, held, language) {
  const url = new URL(key.url);
  const name = decodeURIComponent(held.headers.get(KEPT_TITLE) ?? "") || escaped(url.pathname);
  const spoken = held.headers.get("Content-Language") ?? language;
  return `<li><a href="${escaped(url.pathname + url.search)}" lang="${escaped(spoken)}">${name}</a> <span class="soft">${escaped(day(held, language))}</span></li>`;
}

function drawn(html, headers, status) {
  const own = new Headers(headers);
  for (const name of ["ETag", "Content-Length", "Content-Encoding", KEPT_TITLE]) own.delete(name);
  own.set("Cache-Control", "no-store");
  return new Response(html, { status, headers: own });
}

/** A page's title, as it is written there: the node has escaped it, and nothing that opens an element is let through. */
const title = (html) => (/<title>([^<]{1,300})<\/title>/.exec(html)?.[1] ?? "").trim();

/** When a page was kept, said as every page says it. */
function day(held, language) {
  const at = new Date(Number(held.headers.get(KEPT_AT))), said = TOLD.sentences[language];
  const minute = String(at.getMinutes()).padStart(2, "0");
  const clock = filled(minute === "00" ? said.hour_only : said.hour_minute, { hour: at.getHours(), minute });
  const day = at.getDate() === 1 ? said.first_of_month : at.getDate();
  return filled(said.instant, { day, month: said.months[at.getMonth()], year: at.getFullYear(), clock });
}

const filled = (sentence, places) => sentence.replace(/\{(\w+)\}/g, (_, name) => places[name]);

const escaped = (text) => text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);

function spoken(address) {
  const asked = new URL(address).searchParams.get("lang");
  const wanted = [asked, ...navigator.languages.map((each) => each.slice(0, 2))];
  return wanted.find((each) => Object.keys(TOLD.pages).includes(each)) ?? "fr";
}
