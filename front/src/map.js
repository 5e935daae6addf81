// SPDX-License-Identifier: AGPL-3.0-or-later
// The map that moves, laid over the picture that the page came with, and the ribbon of time made a slider; in a page
// of ours, and in the frame of another site.
// The page reads without it: until all that the map needs has come, and if it does not come, the picture stays.
import "leaflet/dist/leaflet.css";
import "./map.css";
import { makeMap } from "./live_map.js";
import { makeSlider } from "./slider.js";
import { follow } from "./following.js";

const place = document.getElementById("map");
if (place?.dataset.map) begin(place, JSON.parse(place.dataset.map));

async function begin(place, told) {
  const shown = { at: told.at, box: null };
  // In a frame of another site there is nothing around the map that could follow it.
  const step = told.follows ? follow(told, shown) : () => {};
  const [outlines, marks] = await Promise.all([json(told.outlines), json(told.marks)]).catch(() => []);
  if (!marks) return;
  const live = makeMap(place, told, outlines, marks, (box) => {
    shown.box = box;
    step();
  });
  live.show(shown.at);
  makeSlider(document.getElementById("ribbon"), told, (at) => {
    shown.at = at;
    live.show(at);
    step();
  });
}

async function json(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${address}: ${answer.status}`);
  return answer.json();
}
