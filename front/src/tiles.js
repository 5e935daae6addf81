// SPDX-License-Identifier: AGPL-3.0-or-later
// An operator's PMTiles archive under the map, in Protomaps' own colours. Loaded only where there is one.
// protomaps-leaflet extends the Leaflet that map.js has put on the page (`window.L`).
import { PMTiles } from "pmtiles";
import { leafletLayer } from "protomaps-leaflet";

/** Draw the archive; returns whom to thank for it, as plain text. */
export async function drawTiles(map, address, language) {
  const archive = new PMTiles(address);
  const { maxZoom } = await archive.getHeader();
  const flavor = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  leafletLayer({ url: archive, flavor, lang: language, maxDataZoom: maxZoom, attribution: "" }).addTo(map);
  const { attribution } = (await archive.getMetadata()) ?? {};
  return attribution ? new DOMParser().parseFromString(attribution, "text/html").body.textContent : "";
}
