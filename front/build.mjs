// SPDX-License-Identifier: AGPL-3.0-or-later
// Bundles src/*.js for browsers into the folder named on the command line, with the licences of all that is bundled.
// One file a page's need (its name is its entry point's), so that a page that shows no map loads none of it.
import { build } from "esbuild";
import { readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

const [folder] = process.argv.slice(2);
if (!folder) throw new Error("usage: node build.mjs FOLDER");

const result = await build({
  entryPoints: ["map", "tiles", "drawing", "graph", "passkeys", "away", "away_worker"].map((name) => `src/${name}.js`),
  outdir: folder,
  bundle: true,
  format: "esm",
  minify: true,
  legalComments: "none", // they are all in the licences file, which is served
  target: ["es2020"], // phones of 2020; older ones read the pages as they are
  loader: { ".png": "empty" }, // Leaflet's own marker pictures: our marks are drawn by the style sheet
  metafile: true,
  logLevel: "warning",
});

const bundled = new Set(
  Object.keys(result.metafile.inputs)
    .map((path) => /^node_modules\/(?:.*\/node_modules\/)?((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[0])
    .filter(Boolean),
);
const parts = await Promise.all([...bundled].sort().map(licence));
await writeFile(join(folder, "licences.txt"), `${HEAD()}${parts.join("")}`);

function HEAD() {
  return "The scripts of these pages contain the following packages. Each is under its own licence, below.\n";
}

/** A package's name, version and licence, in its own words where it brings them. */
async function licence(path) {
  const about = JSON.parse(await readFile(join(path, "package.json"), "utf8"));
  const name = (await readdir(path)).sort().find((each) => /licen[cs]e(\.|$)|copying/i.test(each));
  const author = typeof about.author === "string" ? about.author : about.author?.name;
  const text = name
    ? await readFile(join(path, name), "utf8")
    : `(the package brings no text of its licence) ${author ? `Author: ${author}` : ""}`;
  return `\n${"=".repeat(80)}\n${about.name} ${about.version} (${about.license})\n${"=".repeat(80)}\n${text.trim()}\n`;
}
