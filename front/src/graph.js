// SPDX-License-Identifier: AGPL-3.0-or-later
// The tree of relations as a drawing: cytoscape, laid out by fcose, in the page's own colours and shapes.
import cytoscape from "cytoscape";
import fcose from "cytoscape-fcose";

cytoscape.use(fcose);

const SHAPES = { actor: "ellipse", action: "rectangle", place: "triangle" };
const ARROWS = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }; // in the order of the lists: each is reached
const RING = 140; // between two steps, in the drawing's units
const ZOOM_FIRST_MIN = 0.75;
const ZOOM_FIRST_MAX = 1.2;
const ZOOM_MAX = 2.5;

/** Draw it; `chosen` is told which node is lit, null for none. */
export function makeGraph(place, { nodes, edges }, chosen) {
  const about = new Map(nodes.map((node) => [node.id, node]));
  const key = (id) => `n${id}`;
  const places = fan(edges);
  const cy = cytoscape({
    container: place,
    elements: [
      ...nodes.map(({ id, title, kind }) => ({
        data: { id: key(id), title: shorten(title), kind },
        position: places.get(id),
        classes: id ? "" : "root",
      })),
      ...edges.map(({ from, to, way }) => ({ data: { source: key(from), target: key(to), way } })),
    ],
    style: style(getComputedStyle(document.documentElement), getComputedStyle(document.body).fontFamily),
    userZoomingEnabled: true,
    minZoom: 0.2,
    maxZoom: ZOOM_MAX,
    autounselectify: true,
    // From where `fan` has put them: the same tree is drawn the same each time.
    layout: { name: "fcose", randomize: false, animate: false, padding: 24, nodeSeparation: 110, idealEdgeLength: () => 110, nodeDimensionsIncludeLabels: true },
  });
  // Two nodes need not fill the frame; and where fifty do not fit into it with names that read, what is asked about does.
  if (cy.zoom() > ZOOM_FIRST_MAX) cy.zoom(ZOOM_FIRST_MAX).center();
  if (cy.zoom() < ZOOM_FIRST_MIN) cy.zoom(ZOOM_FIRST_MIN).center(cy.getElementById(key("")));
  let lit = null;

  function light(id) {
    cy.elements().removeClass("lit near");
    lit?.line?.classList.remove("lit");
    lit = about.get(id) ?? null;
    if (!lit) return chosen(null);
    const node = cy.getElementById(key(id));
    node.addClass("lit");
    node.connectedEdges().addClass("near");
    lit.line?.classList.add("lit");
    chosen(lit);
  }
  const open = (node) => node?.href && location.assign(node.href);
  const idOf = (event) => event.target.id().slice(1);

  cy.on("mouseover", "node", (event) => light(idOf(event)));
  cy.on("tap", "node", (event) => {
    const id = idOf(event);
    // The first touch says what it is, the second one opens it; a mouse has said it already.
    if (lit?.id === id && place.dataset.touched === id) open(lit);
    light(id);
    place.dataset.touched = id;
  });
  place.addEventListener("focus", () => lit ?? light(""));
  place.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = ARROWS[event.key];
    if (step) light(nodes[(nodes.indexOf(lit ?? nodes[0]) + step + nodes.length) % nodes.length].id);
    else if (event.key === "Enter") open(lit);
    else if (event.key === "+" || event.key === "=") zoom(cy, 1.3);
    else if (event.key === "-") zoom(cy, 1 / 1.3);
    else return;
    event.preventDefault();
    reveal(cy, key(lit?.id ?? ""));
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    cy.style(style(getComputedStyle(document.documentElement), getComputedStyle(document.body).fontFamily));
  });
  return { light };
}

/** A first place for each node: what is linked to one stands around it, each with as much room as what hangs on it. */
function fan(edges) {
  const below = new Map();
  for (const { from, to } of edges) below.set(from, [...(below.get(from) ?? []), to]);
  const size = (id) => Math.max(1, (below.get(id) ?? []).reduce((sum, each) => sum + size(each), 0));
  const places = new Map();
  const put = (id, depth, start, width) => {
    if (places.has(id)) return; // linked in two ways
    const angle = start + width / 2;
    places.set(id, { x: Math.cos(angle) * depth * RING, y: Math.sin(angle) * depth * RING });
    let from = start;
    for (const each of below.get(id) ?? []) {
      const share = (width * size(each)) / size(id);
      put(each, depth + 1, from, share);
      from += share;
    }
  };
  put("", 0, 0, 2 * Math.PI);
  return places;
}

function zoom(cy, factor) {
  cy.zoom({ level: cy.zoom() * factor, renderedPosition: { x: cy.width() / 2, y: cy.height() / 2 } });
}

/** Bring a node that the keyboard went to into sight. */
function reveal(cy, id) {
  const box = cy.getElementById(id).renderedBoundingBox();
  if (box.x1 < 0 || box.y1 < 0 || box.x2 > cy.width() || box.y2 > cy.height()) cy.center(cy.getElementById(id));
}

const shorten = (text) => (text.length > 48 ? `${text.slice(0, 46).trim()} …` : text);

function style(colours, font) {
  const colour = (name) => colours.getPropertyValue(`--${name}`).trim();
  const kinds = Object.keys(SHAPES).map((kind) => ({
    selector: `node[kind = "${kind}"]`,
    style: { shape: SHAPES[kind], "background-color": colour(kind) },
  }));
  return [
    {
      selector: "node",
      style: {
        shape: "diamond", "background-color": colour("mark"), width: 20, height: 20,
        label: "data(title)", color: colour("ink"), "font-family": font, "font-size": 13,
        "text-wrap": "wrap", "text-max-width": 120, "text-valign": "bottom", "text-margin-y": 5,
        "text-outline-color": colour("card"), "text-outline-width": 2,
      },
    },
    ...kinds,
    { selector: "node.root", style: { width: 32, height: 32, "font-weight": 700, "border-width": 3, "border-color": colour("ink") } },
    {
      selector: "edge",
      style: {
        width: 1.5, "line-color": colour("mark"), "curve-style": "bezier", "target-arrow-shape": "triangle",
        "target-arrow-color": colour("mark"), "arrow-scale": 0.8,
      },
    },
    {
      selector: "edge.near",
      style: {
        width: 3, "line-color": colour("accent"), "target-arrow-color": colour("accent"), label: "data(way)", color: colour("ink"),
        "font-family": font, "font-size": 11, "text-outline-color": colour("card"), "text-outline-width": 2, "text-rotation": "autorotate",
      },
    },
    { selector: "node.lit", style: { "border-width": 4, "border-color": colour("accent"), "z-index": 9 } },
  ];
}
