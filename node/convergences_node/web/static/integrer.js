// SPDX-License-Identifier: AGPL-3.0-or-later
// Puts a list, an agenda, a map or an element of a town's archive into any page:
//
//   <a href="https://town.example/?vue=agenda">Agenda</a><script src="https://town.example/integrer.js" async
//   data-cadre="/cadre?vue=agenda"></script>
//
// The link is what readers have while the node is slow or away, and without script. The frame takes its place once it
// has said how tall it is, and is asked again later if it has not. Several in one page are well; nothing is left in the
// page's names; nothing is read from the page, and nothing but the frame and its holder is added to it.
(() => {
  "use strict";
  const FIRST_WAIT_MS = 20_000;
  const LAST_WAIT_MS = 600_000;
  const HEIGHT_MAX = 20_000;

  const place = (script, address) => {
    const before = script.previousElementSibling;
    const link = before && before.tagName === "A" && before.origin === address.origin ? before : null;
    const holder = document.createElement("div");
    const frame = document.createElement("iframe");
    frame.title = (link && link.textContent.trim()) || address.host;
    frame.referrerPolicy = "no-referrer";
    frame.style.cssText = "display:block;width:100%;height:0;border:0;visibility:hidden";
    script.after(holder);

    let wait = FIRST_WAIT_MS;
    let timer = 0;
    let shown = false;
    const ask = () => {
      frame.src = address.href;
      if (!frame.isConnected) holder.append(frame);
      timer = setTimeout(ask, wait);
      wait = Math.min(wait * 2, LAST_WAIT_MS);
    };
    const heard = (event) => {
      if (!holder.isConnected) return removeEventListener("message", heard);
      if (event.source !== frame.contentWindow || !frame.contentWindow) return;
      const said = event.data;
      if (!said || said.convergences !== "cadre" || !Number.isFinite(said.height)) return;
      clearTimeout(timer);
      frame.style.height = `${Math.min(Math.max(Math.ceil(said.height), 0), HEIGHT_MAX)}px`;
      if (shown) return;
      shown = true;
      frame.style.visibility = "visible";
      if (link) link.hidden = true;
    };
    addEventListener("message", heard);

    // What is far down the page is asked for when the reader comes near.
    const near = new IntersectionObserver((seen) => {
      if (!seen.some((each) => each.isIntersecting)) return;
      near.disconnect();
      ask();
    }, { rootMargin: "600px" });
    holder.style.minHeight = "1px";
    near.observe(holder);
  };

  for (const script of document.querySelectorAll("script[data-cadre]:not([data-place])")) {
    let source;
    let address;
    try {
      source = new URL(script.src);
      address = new URL(script.dataset.cadre, source);
    } catch {
      continue;
    }
    if (!source.pathname.endsWith("/integrer.js") || address.origin !== source.origin) continue;
    script.dataset.place = "";
    place(script, address);
  }
})();
