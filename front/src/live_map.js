// SPDX-License-Identifier: AGPL-3.0-or-later
// Leaflet with our outlines and marks. Everything in it that can be clicked can be reached and used by the keyboard.
import L from "leaflet";
import "leaflet.markercluster";
import { span } from "./moments.js";
import { nameTowns } from "./names.js";

const E7 = 10_000_000;
const ZOOM_MAX = 18; // a street; there is no more to see without a tile of it
const LISTED_MAX = 12; // names in one balloon; the list beside the map has all of them
const still = matchMedia("(prefers-reduced-motion: reduce)").matches;

/** An icon with a name that is read out; as large as a thumb, whatever is drawn in it. */
const NamedIcon = L.DivIcon.extend({
  createIcon(old) {
    const icon = L.DivIcon.prototype.createIcon.call(this, old);
    icon.setAttribute("aria-label", this.options.name);
    icon.title = this.options.name;
    return icon;
  },
});

export function makeMap(place, told, outlines, answer, moved) {
  const pane = place.querySelector(".pane");
  const picture = pane.querySelector("svg");
  const element = document.createElement("div");
  element.className = "live";
  element.setAttribute("role", "group");
  element.setAttribute("aria-label", told.words.map);
  element.setAttribute("aria-description", told.words.help);
  pane.append(element);

  const map = L.map(element, {
    attributionControl: false,
    zoomControl: false,
    scrollWheelZoom: false,
    maxZoom: ZOOM_MAX,
    minZoom: 4,
    zoomSnap: told.tiles ? 1 : 0, // at first exactly the picture's frame
    zoomAnimation: !still,
    fadeAnimation: !still,
    markerZoomAnimation: !still,
    inertia: !still,
  });
  const [west, south, east, north] = told.frame;
  map.fitBounds([[south, west], [north, east]], { animate: false });
  if (!told.tiles) map.options.zoomSnap = 0.25;
  L.control.zoom({ zoomInTitle: told.words.closer, zoomOutTitle: told.words.wider }).addTo(map);
  L.control.scale({ imperial: false, position: "bottomright" }).addTo(map);
  // A wheel scrolls the page until the reader has taken hold of the map.
  map.on("focus click", () => map.scrollWheelZoom.enable());
  map.on("blur mouseout", () => map.scrollWheelZoom.disable());

  const towns = drawOutlines(map, outlines, told);
  const marks = makeMarks(map, place, told, answer);
  const layNames = nameTowns(map, towns, marks.group);
  marks.complete(map.getBounds());
  if (told.tiles) addTiles(map, told, pane);
  obeyMoves(place, map);
  picture.classList.add("under");
  picture.setAttribute("aria-hidden", "true");

  map.on("moveend", () => {
    const box = map.getBounds();
    marks.complete(box);
    moved([box.getWest(), box.getSouth(), box.getEast(), box.getNorth()].map((each) => each.toFixed(5)).join(","));
  });
  const show = (at) => {
    marks.show(at);
    layNames();
  };
  return { show };
}

function drawOutlines(map, outlines, told) {
  const style = ({ properties: { code, within } }) => {
    const chosen = [code, ...within].some((each) => told.chosen.includes(each));
    return { className: `town${code === told.own ? " own" : ""}${chosen ? " chosen" : ""}` };
  };
  return L.geoJSON(outlines, { interactive: false, style }).addTo(map);
}

function makeMarks(map, place, told, answer) {
  const known = new Map();
  const list = document.getElementById("map-list");
  let at = null;
  let whole = answer.complete;
  const group = L.markerClusterGroup({
    maxClusterRadius: 64,
    showCoverageOnHover: false,
    spiderfyOnMaxZoom: false,
    zoomToBoundsOnClick: false,
    animate: !still,
    chunkedLoading: false,
    iconCreateFunction: (cluster) => {
      const count = cluster.getChildCount();
      const name = told.words.many.replace("{number}", count);
      const size = count > 99 ? " large" : count > 9 ? " middle" : "";
      return new NamedIcon({ className: `many${size}`, html: `<b>${count}</b>`, iconSize: [44, 44], name });
    },
  });
  map.addLayer(group);

  const balloon = makeBalloon(map, told);
  group.on("click", (event) => balloon.open([event.layer], event.originalEvent));
  group.on("clusterclick", (event) => enter(event.layer, event.originalEvent));
  group.on("keypress", ({ layer, originalEvent }) => originalEvent.key === "Enter" && balloon.open([layer], originalEvent));
  group.on("clusterkeypress", ({ layer, originalEvent }) => originalEvent.key === "Enter" && enter(layer, originalEvent));
  lightBoth(group, known, list);

  function enter(cluster, event) {
    const box = cluster.getBounds();
    const apart = map.project(box.getNorthEast(), ZOOM_MAX).distanceTo(map.project(box.getSouthWest(), ZOOM_MAX));
    if (apart < 46 || map.getZoom() >= ZOOM_MAX) {
      balloon.open(cluster.getAllChildMarkers(), event);
      return;
    }
    map.fitBounds(box, { padding: [40, 40], maxZoom: ZOOM_MAX, animate: !still });
    if (event.type === "keypress") map.getContainer().focus(); // the number that had the focus is no more
  }

  function add(marks) {
    for (const [id, kind, name, lat, lon, began, ended] of marks) {
      if (known.has(id)) continue;
      const title = name || told.words.untitled;
      const icon = new NamedIcon({
        className: `dot ${kind}${began === null && ended === null ? " undated" : ""}`,
        html: "<i></i>",
        iconSize: [44, 44],
        name: `${title} (${told.words[`kind_${kind}`] ?? kind})`,
      });
      const mark = L.marker([lat / E7, lon / E7], { icon, autoPanOnFocus: true, riseOnHover: true });
      known.set(id, Object.assign(mark, { about: { id, kind, title, began, ended }, shown: false }));
    }
  }

  /** Show what exists at a year or a month, or everything: only what comes and what goes is touched. */
  function show(moment) {
    at = moment;
    const [first, last] = moment ? span(moment) : [-Infinity, Infinity];
    const come = [], go = [];
    for (const mark of known.values()) {
      const { began, ended } = mark.about;
      const wanted = (began ?? first) <= last && (ended ?? last) >= first;
      if (wanted !== mark.shown) (wanted ? come : go).push(mark);
      mark.shown = wanted;
    }
    if (go.length) group.removeLayers(go);
    if (come.length) group.addLayers(come);
    place.classList.toggle("then", Boolean(moment));
  }

  /** Where there are more marks than one answer holds, those of the box that is looked at now. */
  async function complete(box) {
    if (whole) return;
    const address = new URL(told.marks, location);
    address.searchParams.set("box", [box.getWest(), box.getSouth(), box.getEast(), box.getNorth()].map((each) => each.toFixed(5)).join(","));
    const more = await fetch(address).then((found) => (found.ok ? found.json() : null), () => null);
    if (!more) return;
    add(more.marks);
    show(at);
  }

  add(answer.marks);
  if (!whole) tell(place, told.words.newest);
  return { show, complete, group };
}

/** A balloon with the names of what is at one place, each a link. */
function makeBalloon(map, told) {
  const popup = L.popup({ closeButton: true, autoPan: true, maxWidth: 280, maxHeight: 220 });
  let opener = null;
  const open = (marks, event) => {
    opener = document.activeElement;
    const list = document.createElement("ul");
    for (const { about } of marks.slice(0, LISTED_MAX)) {
      const link = document.createElement("a");
      const address = new URL(`/e/${about.id}`, location);
      const language = new URL(told.page, location).searchParams.get("lang");
      if (language) address.searchParams.set("lang", language);
      link.href = address.pathname + address.search;
      link.textContent = about.title;
      const kind = document.createElement("span");
      kind.className = `kind ${about.kind}`;
      kind.textContent = told.words[`kind_${about.kind}`] ?? about.kind;
      const item = document.createElement("li");
      item.append(kind, link);
      list.append(item);
    }
    if (marks.length > LISTED_MAX) {
      const more = document.createElement("li");
      more.textContent = `… ${told.words.many.replace("{number}", marks.length)}`;
      list.append(more);
    }
    popup.setLatLng(marks[0].getLatLng()).setContent(list).openOn(map);
    const element = popup.getElement();
    element.querySelector(".leaflet-popup-close-button")?.setAttribute("aria-label", told.words.close);
    element.onkeydown = (pressed) => {
      if (pressed.key === "Escape") map.closePopup(popup);
    };
    if (event?.type === "keypress") list.querySelector("a").focus();
  };
  map.on("popupclose", () => {
    const focused = document.activeElement;
    if (focused !== document.body && !popup.getElement()?.contains(focused)) return;
    const back = opener?.isConnected && map.getContainer().contains(opener) ? opener : map.getContainer();
    back.focus({ preventScroll: true });
  });
  return { open };
}

/** What is pointed at in the list is lit on the map, and the other way round. */
function lightBoth(group, known, list) {
  let lit = [];
  const dark = () => lit.splice(0).forEach((each) => each.classList.remove("lit"));
  const light = (...elements) => {
    dark();
    lit = elements.filter(Boolean);
    lit.forEach((each) => each.classList.add("lit"));
  };
  const ofCard = (event) => {
    const card = event.target.closest(".card");
    const link = card?.querySelector("a[href^='/e/']");
    const mark = link && known.get(decodeURIComponent(new URL(link.href).pathname.slice(3)));
    if (mark?.shown) light(group.getVisibleParent(mark)?.getElement());
    else dark();
  };
  list.addEventListener("pointerover", ofCard);
  list.addEventListener("focusin", ofCard);
  list.addEventListener("pointerleave", dark);
  group.on("mouseover", ({ layer }) => {
    const link = list.querySelector(`a[href^="/e/${CSS.escape(layer.about.id)}"]`);
    light(layer.getElement(), link?.closest(".card"));
  });
  group.on("mouseout", dark);
}

/** The links under the map that moved the picture move the map. */
function obeyMoves(place, map) {
  const half = () => map.getSize().divideBy(2);
  const moves = [
    () => map.zoomIn(1),
    () => map.zoomOut(1),
    () => map.panBy([0, -half().y]),
    () => map.panBy([0, half().y]),
    () => map.panBy([-half().x, 0]),
    () => map.panBy([half().x, 0]),
  ];
  place.addEventListener("click", (event) => {
    const link = event.target.closest("[data-move]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    moves[Number(link.dataset.move)]();
  });
}

/** The operator's tiles, drawn under everything else; without them the outlines are the map. */
async function addTiles(map, told, pane) {
  try {
    const { drawTiles } = await import(new URL(told.tiles_script, location).href);
    const credit = await drawTiles(map, new URL(told.tiles, location).href, told.language);
    pane.closest(".map").classList.add("tiled");
    if (credit) tell(pane.closest(".map"), credit);
  } catch (error) {
    console.warn("tiles:", error.message);
  }
}

function tell(place, text) {
  const said = document.createElement("p");
  said.className = "soft said";
  said.textContent = text;
  place.querySelector(".pane").after(said);
}
