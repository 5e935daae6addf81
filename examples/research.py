# SPDX-License-Identifier: AGPL-3.0-or-later
"""Draw two figures from the tables of an archive: what it holds of each town, and since when its actors are there.

    convergences export --to tables --format parquet --folder plaine-commune
    python examples/research.py tables --to figures

Several folders of tables are read as one. It needs DuckDB and matplotlib (`pip install 'convergences[research]'`) and
nothing of ours: what it reads is in the tables, and `dictionary.csv` in each of them says what every column is.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt

KINDS = {"actor": "Acteurs", "action": "Actions", "place": "Lieux"}
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
"""Those of Okabe and Ito, which people who do not tell red from green tell apart."""
INKS = ("white", "black", "black")
"""What can be read on the first of them."""
MARKERS = ("o", "s", "^", "D", "v", "P")
"""And a form for each, for whoever tells no colours apart."""
TOWNS_MAX = 20
LINES_MAX = len(COLOURS)
EMPTY = """
    SELECT NULL::VARCHAR AS territory, NULL::VARCHAR AS code, NULL::VARCHAR AS name, NULL::TIMESTAMP AS changed,
        NULL::DATE AS founded_day, NULL::DATE AS dissolved_day
    WHERE false
"""
NAMED = """
    SELECT code, arg_max(name, changed) AS name FROM territory GROUP BY code
"""
HELD = """
    SELECT coalesce(n.name, h.territory) AS town, {counts}
    FROM held h LEFT JOIN named n ON n.code = h.territory
    GROUP BY ALL ORDER BY count(*) DESC LIMIT ?
"""
FOUNDED = """
    SELECT coalesce(n.name, a.territory) AS town, year(founded_day) AS year, count(*) AS n
    FROM actor a LEFT JOIN named n ON n.code = a.territory
    WHERE founded_day IS NOT NULL AND (dissolved_day IS NULL OR dissolved_day > founded_day)
    GROUP BY ALL ORDER BY town, year
"""


def opened(folders: Sequence[Path]) -> duckdb.DuckDBPyConnection:
    """The tables of these folders as views; one that no folder has is empty."""
    db = duckdb.connect()
    for kind in (*KINDS, "territory"):
        files = [str(file) for folder in folders for file in sorted(folder.glob(f"{kind}/**/*.parquet"))]
        if files:
            db.read_parquet(files, hive_partitioning=True, union_by_name=True).create_view(kind)
        else:
            db.execute(f"CREATE VIEW {kind} AS {EMPTY}")
    db.execute(f"CREATE VIEW named AS {NAMED}")
    union = " UNION ALL ".join(f"SELECT territory, '{kind}' AS kind FROM {kind}" for kind in KINDS)  # noqa: S608 - ours
    db.execute(f"CREATE VIEW held AS {union}")
    return db


def draw_held(db: duckdb.DuckDBPyConnection, path: Path) -> None:
    """What the archive holds of each town."""
    counts = ", ".join(f"count(*) FILTER (kind = '{kind}') AS {kind}" for kind in KINDS)
    rows = db.execute(HELD.format(counts=counts), [TOWNS_MAX]).fetchall()[::-1]
    figure, axes = plt.subplots(figsize=(8, 1.2 + 0.34 * max(len(rows), 3)), layout="constrained")
    left = [0] * len(rows)
    for number, label in enumerate(KINDS.values()):
        widths = [row[1 + number] for row in rows]
        bars = axes.barh([row[0] for row in rows], widths, left=left, color=COLOURS[number], label=label)
        axes.bar_label(bars, [str(width) if width * 25 > max(left, default=0) + 25 else "" for width in widths],
                       label_type="center", color=INKS[number], fontsize=8)  # fmt: skip
        left = [sum(pair) for pair in zip(left, widths, strict=True)]
    axes.set_xlabel("fiches")
    axes.set_title("Ce que l’archive tient de chaque territoire", loc="left")
    axes.legend(loc="lower right", frameon=False)
    _finish(figure, axes, path)


def draw_founded(db: duckdb.DuckDBPyConnection, path: Path) -> None:
    """How many of today's actors were there already, year by year, in the towns that know it of most."""
    years: dict[str, list[tuple[int, int]]] = {}
    for town, year, n in db.execute(FOUNDED).fetchall():
        before = years.setdefault(town, [])
        before.append((year, n + (before[-1][1] if before else 0)))
    shown = sorted(years, key=lambda town: -years[town][-1][1])[:LINES_MAX]
    figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
    last = max((steps[-1][0] for steps in years.values()), default=0)
    for town, colour, marker in zip(shown, COLOURS, MARKERS, strict=False):
        steps = [*years[town], (last, years[town][-1][1])]
        axes.step(*zip(*steps, strict=True), where="post", color=colour, marker=marker, markersize=4, label=town)
    axes.set_ylim(bottom=0)
    axes.set_ylabel("acteurs déjà là")
    axes.set_title("Depuis quand : les acteurs d’aujourd’hui, par année de création", loc="left")
    if shown:
        axes.legend(loc="upper left", frameon=False)
    _finish(figure, axes, path)


def _finish(figure: Any, axes: Any, path: Path) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)
    plt.close(figure)
    print(path)


def main() -> None:
    """Draw both figures of the folders named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", type=Path, nargs="+", help="folders that `convergences export --format parquet` made")
    parser.add_argument("--to", type=Path, default=Path(), help="where to put the figures (default: here)")
    asked = parser.parse_args()
    asked.to.mkdir(parents=True, exist_ok=True)
    with opened(asked.tables) as db:
        draw_held(db, asked.to / "held.png")
        draw_founded(db, asked.to / "founded.png")


if __name__ == "__main__":
    main()
