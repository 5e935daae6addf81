# SPDX-License-Identifier: AGPL-3.0-or-later
"""Builds the scripts of the pages: by hand (`python front/hatch_build.py`), and when a wheel or an sdist is made.

Promises:
- What is built lies in `node/convergences_node/web/built`, is never committed, and goes into both the sdist and the
  wheel: whoever installs one of these needs neither node nor npm.
- What was built from these very sources is not built again; an sdist, which carries the result, never is.
- By hand, whatever is missing (node, npm, a registry that answers) is said in one sentence and is no failure: pages
  read without their scripts, and the tests of these say that they were skipped. A wheel or sdist is refused instead.
- Sources of ours that cannot be bundled are a failure. What was built of older sources is never left in their place.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

FRONT = Path(__file__).resolve().parent
BUILT = FRONT.parent / "node" / "convergences_node" / "web" / "built"
MARK = "built.json"
"""Says which sources the files beside it were built from."""
ATTEMPTS = 3
"""A registry that does not answer is asked again, after WAIT_SECONDS and then twice that."""
WAIT_SECONDS = 5
COMMAND_SECONDS_MAX = 180


class CannotBuildError(Exception):
    """Why there are no scripts, in a sentence."""


class CannotFetchError(CannotBuildError):
    """What is missing is not ours."""


def sources_digest() -> str:
    """The digest of all that the result depends on."""
    digest = hashlib.sha256()
    named = [FRONT / "package.json", FRONT / "package-lock.json", FRONT / "build.mjs"]
    for path in [*named, *sorted((FRONT / "src").rglob("*.*"))]:
        digest.update(path.relative_to(FRONT).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def is_built() -> bool:
    """Whether the result is there, and of these sources."""
    try:
        return bool(json.loads((BUILT / MARK).read_text("utf-8"))["sources"] == sources_digest())
    except (OSError, ValueError, KeyError):
        return False


def build() -> None:
    """Fetch the locked packages and bundle them with our sources."""
    missing = [name for name in ("node", "npm") if shutil.which(name) is None]
    if missing:
        raise CannotFetchError(f"{' and '.join(missing)} not found (on Debian: sudo apt install nodejs npm)")
    _fetch()
    with tempfile.TemporaryDirectory(dir=FRONT) as folder:
        _run(["node", "build.mjs", folder])
        (Path(folder) / MARK).write_text(json.dumps({"sources": sources_digest()}) + "\n", "utf-8")
        shutil.rmtree(BUILT, ignore_errors=True)
        shutil.copytree(folder, BUILT)
        BUILT.chmod(0o755)  # a temporary folder is for its owner alone


def _fetch() -> None:
    """`npm ci`: the packages of the lock, checked by their digests, none of their scripts run."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            _run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        except CannotBuildError as error:
            if attempt == ATTEMPTS:
                raise CannotFetchError(str(error)) from None
            time.sleep(WAIT_SECONDS * attempt)
        else:
            return


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, cwd=FRONT, capture_output=True, text=True, timeout=COMMAND_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        raise CannotBuildError(f"{command[0]} gave no answer in {COMMAND_SECONDS_MAX} seconds") from None
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise CannotBuildError(f"{' '.join(command[:2])} failed: {' / '.join(said[:3])[:400]}")


def main() -> int:
    """Build if that is needed and possible."""
    try:
        if not is_built():
            build()
    except CannotBuildError as error:
        shutil.rmtree(BUILT, ignore_errors=True)
        print(f"convergences: the pages go without their scripts (map, ribbon, drawing): {error}", file=sys.stderr)
        return 0 if isinstance(error, CannotFetchError) else 1
    (BUILT / MARK).touch()  # for make, which compares times
    return 0


try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # by hand, before anything is installed
    pass
else:

    class FrontHook(BuildHookInterface):  # type: ignore[type-arg, misc, unused-ignore]
        """Called by hatchling before it gathers the files of a wheel or an sdist."""

        def initialize(self, version: str, build_data: dict[str, Any]) -> None:
            """An editable install is of a developer's tree, where `make setup` builds."""
            if version != "editable" and not is_built():
                try:
                    build()
                except CannotBuildError as error:
                    raise SystemExit(f"a wheel or sdist without the pages' scripts is not made: {error}") from None


if __name__ == "__main__":
    sys.exit(main())
