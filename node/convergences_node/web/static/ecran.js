// SPDX-License-Identifier: AGPL-3.0-or-later
// Turns the sheets of the town's screen. The next one is asked for first: while the node does not answer (it restarts,
// the line is cut), the sheet that is shown stays, says so, and asks again, every half minute at most, for ever.
(() => {
  "use strict";
  const { next, seconds } = document.body.dataset;
  const clock = document.getElementById("clock");
  const away = document.getElementById("away");
  const ANSWER_MS_MAX = 10000, WAIT_MS_LEAST = 2000, WAIT_MS_MOST = 30000;
  const begun = performance.now();

  const tell = () => {
    const minutes = Math.floor(Number(clock.dataset.minutes) + (performance.now() - begun) / 60000) % 1440;
    const text = clock.dataset.shape
      .replace("{hour}", String(Math.floor(minutes / 60)))
      .replace("{minute}", String(minutes % 60).padStart(2, "0"));
    if (performance.now() - begun > 60000) clock.textContent = text;
  };

  const turn = async (wait) => {
    try {
      const answer = await fetch(next, { signal: AbortSignal.timeout(ANSWER_MS_MAX) });
      if (answer.ok) {
        await answer.text();
        location.replace(next);
        return;
      }
    } catch {
      // Nobody answers: the sheet stays.
    }
    away.hidden = false;
    setTimeout(turn, wait, Math.min(wait * 2, WAIT_MS_MOST));
  };

  setInterval(tell, 5000);
  if (Number(seconds) > 0) setTimeout(turn, Number(seconds) * 1000, WAIT_MS_LEAST);
})();
