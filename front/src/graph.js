// SPDX-License-Identifier: AGPL-3.0-or-later
// The tree of relations as a drawing: cytoscape, laid out by fcose, in the page's own colours and shapes.
import cytoscape from "cytoscape";
import fcose from "cytoscape-fcose";

cytoscape.use(fcose);

const SHAPES = { actor: "ellipse", action: "rectangle", place: "triangle" };
const ARROWS = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] };
const ZOOM_FIRST_MIN = 0.75;
const ZOOM_FIRST_MAX = 1.2;
const ZOOM_MAX = 2.5;

/** Draw it; `chosen` is told which node is lit, null for none. */
export function makeGraph(place, { nodes, edges }, chosen) {
  const about = new Map(nodes.map((node) => [node.id, node]));
  const key = (id) => `n${id}`;
  const cy = cytoscape({
    container: place,
    elements: [
      ...nodes.map(({ id, title, kind }) => ({ data: { id: key(id), title: shorten(title), kind }, classes: id ? "" : "root" })),
      ...edges.map(({ from, to, way }) => ({ data: { source: key(from), target: key(to), way } })),
    ],
    style: style(getComputedStyle(document.documentElement), getComputedStyle(document.body).fontFamily),
    userZoomingEnabled: true,
    minZoom: 0.2,
    maxZoom: ZOOM_MAX,
    autounselectify: true,
    layout: { name: "fcose", animate: false, padding: 24, nodeSeparation: 110, idealEdgeLength: () => 110, nodeDimensionsIncludeLabels: true },
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
    if (ARROWS[event.key]) light(next(cy, key(lit?.id ?? ""), ARROWS[event.key]).slice(1));
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

/** The node nearest in a direction; the same one where there is none. */
function next(cy, id, [x, y]) {
  const from = cy.getElementById(id).position();
  let best = id, least = Infinity;
  cy.nodes().forEach((node) => {
    const along = (node.position().x - from.x) * x + (node.position().y - from.y) * y;
    const aside = Math.abs((node.position().x - from.x) * y) + Math.abs((node.position().y - from.y) * x);
    const cost = along + 2 * aside;
    if (node.id() !== id && along > 0.001 && cost < least) [best, least] = [node.id(), cost];
  });
  return best;
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
