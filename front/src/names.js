// SPDX-License-Identifier: AGPL-3.0-or-later
// Where the names of towns are written on the map that moves: beside the figures and not under them, and not over each
// other. A name that fits nowhere is hidden; the list under the map has it. map_names.py does the same on the picture.
import L from "leaflet";

const DOWN = [0, 14, -14, 26, -26, 42, -42];
const ASIDE = [0, -0.3, 0.3]; // of its width
const AROUND = 2;

/** Writes the names; answers what writes them again, for when figures come and go. */
export function nameTowns(map, layer, marks) {
  const names = layer.getLayers().map((shape) => {
    const span = document.createElement("span");
    span.textContent = shape.feature.properties.name;
    const icon = L.divIcon({ className: "name", html: span, iconSize: [0, 0] });
    L.marker(shape.getBounds().getCenter(), { icon, interactive: false, keyboard: false, zIndexOffset: -9999 }).addTo(map);
    return { span, bounds: shape.getBounds() };
  });
  let asked = 0;
  const place = () => {
    cancelAnimationFrame(asked); // the figures move first
    asked = requestAnimationFrame(() => layOut(map, names));
  };
  map.on("zoomend moveend resize", place);
  marks.on("animationend", place);
  return place;
}

function layOut(map, names) {
  const frame = map.getContainer().getBoundingClientRect();
  const figures = map.getContainer().querySelectorAll(".many b, .dot i, .leaflet-control");
  const taken = [...figures].map((each) => each.getBoundingClientRect());
  const town = ({ bounds }) => L.bounds([bounds.getSouthWest(), bounds.getNorthEast()].map((each) => map.latLngToContainerPoint(each)));
  const wide = (name) => town(name).getSize().x;
  for (const name of names.sort((one, other) => wide(other) - wide(one))) {
    const { offsetWidth: width, offsetHeight: height } = name.span;
    const found = wide(name) > width * 0.6 && free(town(name), width, height, frame, taken);
    name.span.style.visibility = found ? "visible" : "hidden";
    if (!found) continue;
    name.span.style.translate = `${found.x - width / 2}px ${found.y - height / 2}px`;
    taken.push(found.rect);
  }
}

/** Where a name hides nothing: by how much it is moved from the middle of its town, never out of it. */
function free(town, width, height, frame, taken) {
  const middle = town.getCenter();
  for (const y of DOWN) {
    for (const aside of ASIDE) {
      const x = aside * width;
      const left = frame.left + middle.x + x - width / 2, top = frame.top + middle.y + y - height / 2;
      const rect = { left: left - AROUND, right: left + width + AROUND, top: top - AROUND, bottom: top + height + AROUND };
      const inside = rect.left >= frame.left && rect.right <= frame.right && rect.top >= frame.top && rect.bottom <= frame.bottom;
      const hides = (other) => rect.left < other.right && other.left < rect.right && rect.top < other.bottom && other.top < rect.bottom;
      if (inside && town.contains(middle.add([x, y])) && !taken.some(hides)) return { x, y, rect };
    }
  }
  return null;
}
