// SPDX-License-Identifier: AGPL-3.0-or-later
// The ribbon's links as one slider: drag it, drag over the bars, press arrow keys, or let it play.
// Its last position, after the last bar, is "all dates".

const STEP_MS = 900; // long enough to see what came and what went
const STILL_MS = 1800;

export function makeSlider(ribbon, told, moved) {
  if (!ribbon) return;
  const stops = [...ribbon.querySelectorAll("[data-stop]")].map((link) => ({
    at: link.dataset.stop,
    said: link.dataset.said,
    label: link.textContent,
    links: ribbon.querySelectorAll(`[data-at="${link.dataset.stop}"], [data-stop="${link.dataset.stop}"]`),
  }));
  const all = ribbon.querySelector("#ribbon-all");
  const now = ribbon.querySelector("#ribbon-now");
  const bars = ribbon.querySelector(".bars");
  const range = Object.assign(document.createElement("input"), { type: "range", min: 0, max: stops.length, step: 1 });
  range.setAttribute("aria-label", told.words.slider);
  const play = Object.assign(document.createElement("button"), { type: "button", className: "chip play" });
  const said = document.createElement("span");
  play.append(said);
  ribbon.querySelector(".controls").append(play, range);
  let timer = null;

  const found = stops.findIndex((stop) => told.at === stop.at);
  range.value = found < 0 ? stops.length : found;
  say(Number(range.value));
  pause();

  range.addEventListener("input", () => {
    pause();
    go(Number(range.value));
  });
  play.addEventListener("click", () => (timer === null ? run() : pause()));
  all.addEventListener("click", (event) => {
    if (isPlain(event)) go(stops.length);
  });
  ribbon.querySelector("ol").addEventListener("click", (event) => {
    const number = stops.findIndex((stop) => stop.at === event.target.closest("[data-stop]")?.dataset.stop);
    if (number >= 0 && isPlain(event)) go(number);
  });
  drag(bars, stops.length, (number) => {
    pause();
    go(number);
  });

  function go(number) {
    const changed = shown !== number;
    range.value = number;
    say(number);
    if (changed) moved(stops[number]?.at ?? null);
  }
  var shown; // the position that the map has been told
  function say(number) {
    shown = number;
    const stop = stops[number];
    for (const link of ribbon.querySelectorAll("[aria-current]")) link.removeAttribute("aria-current");
    for (const link of stop?.links ?? [all]) link.setAttribute("aria-current", "true");
    now.textContent = stop?.label ?? told.words.all;
    range.setAttribute("aria-valuetext", stop?.said ?? told.words.all);
  }
  function run() {
    const wait = matchMedia("(prefers-reduced-motion: reduce)").matches ? STILL_MS : STEP_MS;
    const from = Number(range.value);
    go(from >= stops.length ? 0 : from + 1);
    timer = setInterval(() => (Number(range.value) < stops.length ? go(Number(range.value) + 1) : pause()), wait);
    said.textContent = told.words.pause;
    play.dataset.playing = "";
  }
  function pause() {
    clearInterval(timer);
    timer = null;
    said.textContent = told.words.play;
    delete play.dataset.playing;
  }
}

/** A click that asks for nothing else than the link; it is then ours. */
function isPlain(event) {
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return false;
  event.preventDefault();
  return true;
}

/** A finger or a mouse over the bars chooses the one under it. */
function drag(bars, count, chosen) {
  const under = ({ clientX }) => {
    const { left, width } = bars.getBoundingClientRect();
    const drawn = width * Math.min(1, count / 6); // fewer bars than six do not fill the picture
    return Math.min(count - 1, Math.max(0, Math.floor(((clientX - left) / drawn) * count)));
  };
  bars.addEventListener("click", (event) => event.preventDefault());
  bars.addEventListener("dragstart", (event) => event.preventDefault());
  bars.addEventListener("pointerdown", (event) => {
    if (event.button || event.ctrlKey || event.metaKey) return;
    bars.setPointerCapture(event.pointerId);
    chosen(under(event));
  });
  bars.addEventListener("pointermove", (event) => {
    if (bars.hasPointerCapture(event.pointerId)) chosen(under(event));
  });
}
