# SPDX-License-Identifier: AGPL-3.0-or-later
"""A blank machine's card: Debian with systemd, cloud-init and avahi, laid out as Raspberry Pi Imager leaves a card.

One disk image: a FAT partition `bootfs`, mounted at /boot/firmware, and an ext4 root. Nothing of Convergences is on it.
It is made once for a release and a processor, from Debian's own packages by mmdebstrap, and copied for each drill.
What a real card has besides, and this one has a stand-in for, is in `files/`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
FILES = HERE / "files"

KERNELS = {"amd64": "linux-image-amd64", "arm64": "linux-image-arm64"}
PACKAGES = (
    *("systemd-sysv", "udev", "dbus", "kmod", "initramfs-tools", "systemd-timesyncd", "init-system-helpers"),
    *("openssh-server", "e2fsprogs", "cloud-guest-utils"),
    *("avahi-daemon", "avahi-utils", "libnss-mdns", "iproute2", "netbase", "curl", "procps"),
    *("python3", "adduser", "sudo", "locales", "libstdc++6", "console-setup", "keyboard-configuration", "dosfstools"),
)
"""What Raspberry Pi OS Lite has of all that matters here, and the tools that the drill asks with."""
FIRST_BOOT = {"trixie": ("cloud-init",), "bookworm": ()}
"""What makes of a blank card this town's own: Debian 12's has a script for that."""

NAME = "raspberrypi"
"""Of a machine that nobody has named yet."""
SECTOR = 512
BOOT_START, BOOT_MIB = 2048, 512
ROOT_START = BOOT_START + BOOT_MIB * 1024 * 1024 // SECTOR
CARD_MIB = 3_072


@dataclass(frozen=True, slots=True)
class Blank:
    """A blank machine: its card, and what its firmware would load from it."""

    card: Path
    kernel: Path
    initrd: Path


def blank(suite: str, arch: str, cache: Path) -> Blank:
    """The blank machine of a Debian release, built if it is not in the cache."""
    folder = cache / f"{suite}-{arch}"
    card = folder / "card.img"
    if not card.exists():
        folder.mkdir(parents=True, exist_ok=True)
        root = folder / "root"
        _bootstrap(suite, arch, root)
        _furnish(root)
        for name in ("vmlinuz", "initrd.img"):
            (found,) = root.glob(f"boot/{name}-*")
            shutil.copyfile(found, folder / name)
        _lay_out(root, card)
    return Blank(card, folder / "vmlinuz", folder / "initrd.img")


def packages(suite: str, arch: str, cache: Path, name: str) -> list[Path]:
    """Debian's package of this name for a blank machine that was built, and all it needs that the machine has not."""
    folder = cache / f"{suite}-{arch}"
    root, kept = folder / "root", folder / name
    if not kept.exists():
        part = folder / f"{name}.part"
        shutil.rmtree(part, ignore_errors=True)
        for each in ("state/lists/partial", "cache/archives/partial"):
            (part / each).mkdir(parents=True)
        told = {
            "Dir::Etc": root / "etc/apt",
            "Dir::Etc::trustedparts": root / "etc/apt/trusted.gpg.d",
            "Dir::State": part / "state",
            "Dir::State::status": root / "var/lib/dpkg/status",
            "Dir::Cache": part / "cache",
            "APT::Architecture": arch,
            "APT::Sandbox::User": "root",
        }
        apt = ["apt-get", "-qq", *(word for key, value in told.items() for word in ("-o", f"{key}={value}"))]
        subprocess.run([*apt, "update"], check=True)
        subprocess.run([*apt, "--yes", "--no-install-recommends", "--download-only", "install", name], check=True)
        part.rename(kept)
    return sorted(kept.glob("cache/archives/*.deb"))


def _bootstrap(suite: str, arch: str, root: Path) -> None:
    """Debian's packages in a folder. For another processor, this system must run its programs (binfmt_misc)."""
    if root.exists():
        return
    part = root.with_name("root.part")
    # What an interrupted run left may still have this machine's /proc and /sys mounted in it.
    subprocess.run(["rm", "-rf", "--one-file-system", str(part)], check=True)
    names = ",".join((*PACKAGES, *FIRST_BOOT[suite], KERNELS[arch]))
    command = ["mmdebstrap", "--quiet", f"--arch={arch}", "--variant=minbase", f"--include={names}", suite, str(part)]
    subprocess.run(command, check=True)
    part.rename(root)


def _furnish(root: Path) -> None:
    """What an image of Raspberry Pi OS brings that Debian's packages do not; each file says which."""
    shutil.copytree(FILES, root, dirs_exist_ok=True)
    for folder, _, names in os.walk(FILES):
        for name in names:
            inside = root / Path(folder, name).relative_to(FILES)
            os.chown(inside, 0, 0)
            inside.chmod(0o755 if inside.read_bytes()[:2] == b"#!" else 0o644)
    (root / "boot/firmware").mkdir(exist_ok=True)
    (root / "etc/hostname").write_text(f"{NAME}\n")
    (root / "etc/hosts").write_text(f"127.0.0.1\tlocalhost\n::1\tlocalhost\n\n127.0.1.1\t{NAME}\n")
    (root / "etc/machine-id").write_text("uninitialized\n")  # as on a card that never started (machine-id(5))
    for unit in ("systemd-networkd.service", "drill-hand.service"):
        subprocess.run(["systemctl", f"--root={root}", "--quiet", "enable", unit], check=True)


def _lay_out(root: Path, card: Path) -> None:
    """Both partitions behind a table, as one sparse file."""
    part = card.with_suffix(".part")
    part.unlink(missing_ok=True)
    with part.open("wb") as file:
        file.truncate(CARD_MIB << 20)
    table = f"label: dos\nstart={BOOT_START}, size={BOOT_MIB}MiB, type=c\nstart={ROOT_START}, type=83\n"
    subprocess.run(["sfdisk", "--quiet", str(part)], input=table, text=True, check=True)
    _fat(part, BOOT_START, BOOT_MIB, "bootfs")
    offset = ROOT_START * SECTOR
    size_kib = ((CARD_MIB << 20) - offset) // 1024
    subprocess.run(
        [
            *("mke2fs", "-q", "-t", "ext4", "-L", "rootfs", "-E", f"offset={offset}"),
            "-d",
            str(root),
            str(part),
            f"{size_kib}k",
        ],
        check=True,
    )
    part.rename(card)


def _fat(disk: Path, start: int, size_mib: int, label: str) -> None:
    options = ["-n", label, "--offset", str(start), str(disk), str(size_mib * 1024)]
    subprocess.run(["mkfs.vfat", *options], check=True, stdout=subprocess.DEVNULL)


def stick(path: Path, size_mib: int, label: str = "CLE") -> Path:
    """A USB stick as one buys it: a FAT file system in one partition."""
    with path.open("wb") as file:
        file.truncate(size_mib << 20)
    table = f"label: dos\nstart={BOOT_START}, type=c\n"
    subprocess.run(["sfdisk", "--quiet", str(path)], input=table, text=True, check=True)
    _fat(path, BOOT_START, size_mib - BOOT_START * SECTOR // (1 << 20), label)
    return path


def into_fat(disk: Path, folder: Path) -> None:
    """Copy a folder's files into the first partition."""
    names = [str(path) for path in sorted(folder.iterdir())]
    subprocess.run(["mcopy", "-o", "-i", _first(disk), *names, "::"], check=True, env=_mtools())


def out_of_fat(disk: Path, name: str) -> str:
    """The text of a file of the first partition, or "" if it is not there."""
    command = ["mtype", "-i", _first(disk), f"::{name}"]
    done = subprocess.run(command, capture_output=True, env=_mtools())
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else ""


def names_in_fat(disk: Path, folder: str = "") -> list[str]:
    """The paths of the files of the first partition, below a folder."""
    command = ["mdir", "-b", "-/", "-i", _first(disk), f"::{folder}"]
    done = subprocess.run(command, capture_output=True, env=_mtools(), text=True)
    return [line.removeprefix("::/") for line in done.stdout.splitlines() if line and not line.endswith("/")]


def _first(disk: Path) -> str:
    return f"{disk}@@{BOOT_START * SECTOR}"


def _mtools() -> dict[str, str]:
    return os.environ | {"MTOOLS_SKIP_CHECK": "1"}
