// SPDX-License-Identifier: AGPL-3.0-or-later
// A button above the tree of relations that draws the same tree. What draws is large (cytoscape), and is fetched only
// when somebody asks for it; the lists stay where they are, and say all that the drawing says.
import "./drawing.css";
import { follow, read } from "./tree.js";

const tree = document.getElementById("tree");
if (tree?.dataset.graph) offer(tree);

function offer(tree) {
  const { draw, hide, graph, label, help } = tree.dataset;
  const button = Object.assign(document.createElement("button"), { type: "button", className: "button draw", textContent: draw });
  const place = Object.assign(document.createElement("div"), { className: "drawing", id: "drawing", hidden: true, tabIndex: 0 });
  const said = Object.assign(document.createElement("p"), { className: "soft said", hidden: true, textContent: help });
  said.setAttribute("role", "status");
  place.setAttribute("role", "group");
  place.setAttribute("aria-label", label);
  place.setAttribute("aria-description", help);
  button.setAttribute("aria-expanded", "false");
  button.setAttribute("aria-controls", place.id);
  tree.before(button, place, said);
  let drawn = null;

  button.addEventListener("click", async () => {
    const open = place.hidden;
    place.hidden = said.hidden = !open;
    button.setAttribute("aria-expanded", String(open));
    button.textContent = open ? hide : draw;
    if (!open || drawn) return;
    try {
      const { makeGraph } = await import(new URL(graph, location).href);
      const found = read(tree);
      drawn = makeGraph(place, found, (node) => {
        said.textContent = node ? node.said : help;
      });
      follow(tree, drawn);
    } catch (error) {
      console.warn("drawing:", error.message);
      button.click();
    }
  });
}
