// SPDX-License-Identifier: AGPL-3.0-or-later
// The nested lists as nodes and edges, and both kept in step: what is looked at in one is lit in the other.

/** Nodes and edges of the tree; a node knows its line in the list. */
export function read(tree) {
  const root = { id: "", title: tree.dataset.title, kind: tree.dataset.kind, said: tree.dataset.title, line: null, href: null };
  const nodes = new Map([["", root]]);
  const edges = [];
  for (const line of tree.querySelectorAll("[data-leaf]")) {
    const name = line.querySelector(":scope > a, :scope > span");
    const way = line.closest("[data-way]").dataset.way;
    const note = line.querySelector(":scope > .soft")?.textContent ?? "";
    const above = line.parentElement.closest("[data-leaf]")?.dataset.leaf ?? "";
    const { leaf: id, kind } = line.dataset;
    if (!nodes.has(id)) {
      const title = name.textContent.trim();
      const said = `${nodes.get(above).title} – ${way} – ${title} ${note}`.trim();
      nodes.set(id, { id, title, kind, said, line, href: name.href ?? null });
    }
    edges.push({ from: above, to: id, way });
  }
  return { nodes: [...nodes.values()], edges };
}

/** Light in the drawing what is pointed at in the lists. */
export function follow(tree, drawn) {
  const pointed = (event) => {
    const line = event.target.closest("[data-leaf]");
    if (line) drawn.light(line.dataset.leaf);
  };
  tree.addEventListener("pointerover", pointed);
  tree.addEventListener("focusin", pointed);
}
