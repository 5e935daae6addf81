// SPDX-License-Identifier: AGPL-3.0-or-later
// The rest of the page in step with the map: the server draws the page of what is shown now, and its parts take the
// places of ours. So the list, the filters and every link are the server's own words, and the address can be kept.

const WAIT_MS = 250; // after the last movement: a drag is one question, not fifty
const PARTS = ["#map-list", "#map-moves", "#results", "#results + .chips", "#pages", ".views", ".filters", ".take"];
const LISTS = [".main > .chips", ".head nav"];

export function follow(told, shown) {
  const status = Object.assign(document.createElement("p"), { className: "hidden" });
  status.setAttribute("role", "status");
  document.getElementById("map").append(status);
  let timer = null, asking = null;

  async function ask() {
    const address = addressOf(told, shown);
    history.replaceState(null, "", address);
    asking?.abort();
    asking = new AbortController();
    try {
      const answer = await fetch(address, { signal: asking.signal, headers: { Accept: "text/html" } });
      if (!answer.ok) return;
      put(new DOMParser().parseFromString(await answer.text(), "text/html"));
      status.textContent = document.getElementById("map-list").dataset.label;
    } catch (error) {
      if (error.name !== "AbortError") console.warn("following:", error.message);
    }
  }
  return () => {
    clearTimeout(timer);
    timer = setTimeout(ask, WAIT_MS);
  };
}

function addressOf(told, shown) {
  const address = new URL(told.page, location);
  for (const name of ["at", "box"]) if (shown[name]) address.searchParams.set(name, shown[name]);
  return address.pathname + address.search;
}

/** Put the parts of a newer page in place of ours; where the reader's focus is, nothing is touched. */
function put(page) {
  for (const part of PARTS) swap(document.querySelector(part), page.querySelector(part));
  for (const list of LISTS) {
    const newer = page.querySelectorAll(list);
    document.querySelectorAll(list).forEach((older, number) => swap(older, newer[number]));
  }
  const fields = (from) => from.querySelectorAll("form.ask input[type=hidden]");
  const form = document.querySelector("form.ask");
  fields(document).forEach((field) => field.remove());
  if (form) fields(page).forEach((field) => form.append(document.adoptNode(field)));
}

function swap(older, newer) {
  if (!older || !newer || older.contains(document.activeElement)) return;
  const open = new Set([...older.querySelectorAll("details[open] > summary")].map((each) => each.textContent));
  const closed = new Set([...older.querySelectorAll("details:not([open]) > summary")].map((each) => each.textContent));
  for (const summary of newer.querySelectorAll("details > summary")) {
    if (open.has(summary.textContent)) summary.parentElement.open = true;
    if (closed.has(summary.textContent)) summary.parentElement.open = false;
  }
  Object.assign(older.dataset, newer.dataset);
  older.replaceChildren(...newer.childNodes);
}
