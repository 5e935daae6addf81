# SPDX-License-Identifier: AGPL-3.0-or-later
"""Datasette as the reference of search by HTTP: installed in a scratch environment of its own, and asked in SQL.

Its settings are those of the peers' measurements (`peers/datasette/serve.sh`): time limits that never bite, and nothing
cached between two questions.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlencode

WANTED = ("datasette==0.65.5", "httpx==0.28.1")
INSTALL_SECONDS_MAX = 300
SETTINGS = {
    "sql_time_limit_ms": 20_000,
    "facet_time_limit_ms": 20_000,
    "facet_suggest_time_limit_ms": 50,
    "num_sql_threads": 3,
    "default_cache_ttl": 0,
}


def install(folder: Path) -> str | None:
    """Make the environment in `folder`, unless it is there; why that failed, in a sentence, or None."""
    program = _program(folder)
    if program.exists():
        return None
    pip = [str(program.with_name("python")), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    for command in ([sys.executable, "-m", "venv", str(folder)], [*pip, *WANTED]):
        try:
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=INSTALL_SECONDS_MAX)
        except subprocess.CalledProcessError as error:
            last = (error.stderr or error.stdout).strip().splitlines()[-1:]
            return f"Datasette could not be installed by pip: {''.join(last)}"
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"Datasette could not be installed by pip: {error}"
    return None


def command(folder: Path, database: Path, port: int) -> list[str]:
    """What serves this database on 127.0.0.1."""
    settings = [part for name, value in SETTINGS.items() for part in ("--setting", name, str(value))]
    return [str(_program(folder)), "serve", "-i", str(database), "-p", str(port), "-h", "127.0.0.1", *settings]


def path(database: Path, sql: str, values: Mapping[str, object]) -> str:
    """The address of this question."""
    return f"/{database.stem}.json?{urlencode({'sql': sql, '_shape': 'array', **values})}"


def _program(folder: Path) -> Path:
    return folder / "bin" / "datasette"
