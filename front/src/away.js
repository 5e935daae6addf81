// SPDX-License-Identifier: AGPL-3.0-or-later
// Lets the browser keep what is read here for when the node is out of reach (away_worker.js), where a browser allows
// that: by https. On the page of what is kept, whoever reads may switch it off and on again.
const OFF = "convergences-keeps-nothing";
const WORKER = "/hors-ligne.js";

if (window.isSecureContext && "serviceWorker" in navigator) begin();

async function begin() {
  choose();
  if (wants(OFF)) return;
  const isFirst = !navigator.serviceWorker.controller;
  await navigator.serviceWorker.register(WORKER, { updateViaCache: "none" });
  if (!isFirst) return;
  // This page came before there was anybody to keep it.
  if (document.readyState !== "complete") await new Promise((done) => addEventListener("load", done, { once: true }));
  const { active } = await navigator.serviceWorker.ready;
  const parts = performance.getEntriesByType("resource").map((each) => each.name);
  active.postMessage({ page: location.href, parts });
}

/** The two buttons, of which one is shown. */
function choose() {
  const forget = document.getElementById("forget"), keep = document.getElementById("keep");
  if (!forget || !keep) return;
  (wants(OFF) ? keep : forget).hidden = false;
  forget.addEventListener("click", async () => {
    localStorage.setItem(OFF, "1");
    for (const each of await navigator.serviceWorker.getRegistrations()) await each.unregister();
    for (const name of await caches.keys()) if (name.startsWith("convergences-")) await caches.delete(name);
    document.getElementById("kept").hidden = forget.hidden = true;
    document.getElementById("forgotten").hidden = keep.hidden = false;
    keep.focus();
  });
  keep.addEventListener("click", () => {
    localStorage.removeItem(OFF);
    location.reload();
  });
}

function wants(name) {
  try {
    return localStorage.getItem(name) !== null;
  } catch {
    return true; // a browser that keeps nothing is not asked to
  }
}
