# SPDX-License-Identifier: AGPL-3.0-or-later
"""A session with a source: look, mend, declare, run, see what is held back, accept it."""

from pathlib import Path

from .conftest import Terminal

TABLE = """Nom de l'association;Adresse;Code postal;Commune;Site internet;Courriel;Identifiant
Le 6b;6-10 quai de Seine;93200;Saint-Denis;le6b.fr;bonjour@le6b.fr;W931
Mains d'œuvres;1 rue Charles Garnier;93400;ST OUEN SUR SEINE;mainsdoeuvres.org;;W932
Mal écrite;;;Nulle-Part;;pas un courriel;W933
"""


def test_a_table_is_looked_at_declared_relayed_and_held_back(terminal: Terminal, tmp_path: Path) -> None:
    """What was guessed is not declared before a person has looked at it; what shrinks waits for one too."""
    terminal.done("init 93066 --folder sd --sheet sheet.txt")
    table = tmp_path / "associations.csv"
    table.write_text(TABLE, encoding="cp1252")
    seen = terminal.done(f"source preview {table} --output liste.toml --folder sd")
    assert "Nom de l'association" in seen.out and "FR-93066" in seen.words
    guessed = terminal.type("source add associations liste.toml --folder sd")
    assert guessed.code == 1 and "guessed" in guessed.err
    proposal = (tmp_path / "liste.toml").read_text("utf-8")
    (tmp_path / "liste.toml").write_text(proposal.replace("proposed = true\n", ""), "utf-8")
    terminal.done("source add associations liste.toml --folder sd")
    told = terminal.done("source run associations --folder sd --json").json["sources"][0]
    assert (told["outcome"], told["rows"], told["counts"]["created"]) == ("imported", 3, 3)
    found = terminal.done("search --folder sd --json Garnier").json["items"]
    assert [item["name"] for item in found] == ["Mains d'œuvres"]
    assert "unchanged 3 0 0 0" in terminal.done("source run --folder sd").words, "nothing came in this time"
    table.write_text("\n".join(TABLE.split("\n")[:2]), encoding="cp1252")
    held = terminal.type("source run associations --folder sd")
    assert held.code == 1 and "held back" in held.words and "2 records of 3" in held.words
    assert "held back" in terminal.done("source list --folder sd").words
    assert terminal.done("source run associations --accept --folder sd").code == 0
    status = terminal.done("source status associations --folder sd")
    assert "associations.csv" in status.words
    terminal.done("source remove associations --folder sd")
    assert "no source is declared" in terminal.done("source list --folder sd").out
    assert terminal.type("source status associations --folder sd").code == 3
