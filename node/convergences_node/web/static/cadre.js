// SPDX-License-Identifier: AGPL-3.0-or-later
// Tells the page around a frame how tall the frame's content is, whenever that changes. It is no secret, so whoever is
// around may hear it; nothing is listened to.
(() => {
  "use strict";
  if (window.parent === window) return;
  let last = -1;
  const tell = () => {
    const height = Math.ceil(document.documentElement.getBoundingClientRect().height);
    if (height === last) return;
    last = height;
    window.parent.postMessage({ convergences: "cadre", height }, "*");
  };
  new ResizeObserver(tell).observe(document.documentElement);
  tell();
})();
