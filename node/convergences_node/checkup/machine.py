# SPDX-License-Identifier: AGPL-3.0-or-later
"""The machine: room and wear of the card, temperature, power, clock. What a machine does not tell is left out.

`root` stands before the paths of the system, for a test that pretends to be a Pi.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from convergences_node.checkup.sign import BAD, CARE, GOOD, Sign, sign
from convergences_node.clock import clock_plausible
from convergences_node.read_only import why_read_only

MIB = 1024 * 1024
FREE_BAD_MIB, FREE_CARE_MIB = 300, 1_500
"""A backup, a reindex and an update each need some hundred MiB beside what is there."""
FREE_CARE_PERCENT = 10
TEMPERATURE_CARE, TEMPERATURE_BAD = 70, 80
"""Degrees Celsius. A Pi slows down by itself from 80 on."""
WEAR_CARE, WEAR_BAD = 8, 10
"""Tenths of its life that an eMMC says it has spent (JESD84-B51, DEVICE_LIFE_TIME_EST). An SD card does not
say; its file system knows how much was written to it since it was made, and nobody how much more it will take."""
UNDER_VOLTAGE_NOW, UNDER_VOLTAGE_BEFORE = 1 << 0, 1 << 16
"""Bits of the Raspberry Pi firmware's `get_throttled`."""
FILE_BYTES_MAX = 64

TEMPERATURE = "sys/class/thermal/thermal_zone0/temp"
WEAR = "sys/block/mmcblk*/device/life_time"
BLOCK, EXT4 = "sys/dev/block", "sys/fs/ext4"
"""By a file system's device number, its name; below that, what ext4 says of itself (ABI/testing/sysfs-fs-ext4)."""
WRITTEN_KIB, ERRORS = "lifetime_write_kbytes", "errors_count"
THROTTLED = "sys/devices/platform/soc*/soc*:firmware/get_throttled"
"""`soc` up to a Pi 4; a Pi 5's has its address in its name, and may have no such file at all."""
VOLTAGE_NAME, VOLTAGE_ALARM = "sys/class/hwmon/hwmon*/name", "in0_lcrit_alarm"
"""Of the kernel's own `rpi_volt`, beside its name: 1 while there is too little current. On every Pi."""
SYNCHRONISED = "run/systemd/timesync/synchronized"
CHRONY = "run/chrony/chronyd.pid"


def machine_signs(folder: Path, now: float, root: Path = Path("/"), refused: str | None = None) -> list[Sign]:
    """Everything that this machine tells. `refused`: why its card took no write when that was last tried."""
    return [*_card(folder, root, refused), *_wear(folder, root), *_temperature(root), *_power(root), _clock(now, root)]


def _card(folder: Path, root: Path, refused: str | None) -> Iterator[Sign]:
    found = os.statvfs(folder)
    free, whole = found.f_bavail * found.f_frsize // MIB, found.f_blocks * found.f_frsize // MIB
    percent = 100 * free // max(1, whole)
    if why_read_only(folder) is not None:
        yield sign("card", BAD, "read_only")
        return
    level = BAD if free < FREE_BAD_MIB else CARE if free < FREE_CARE_MIB or percent < FREE_CARE_PERCENT else GOOD
    if refused is not None and level != BAD:  # one that is full says so itself
        yield sign("card", BAD, "failing", reason=refused)
        return
    if (count := _number(_ext4(folder, root) / ERRORS)) and level != BAD:
        yield sign("card", BAD, "errors", count=count)
        return
    yield sign("card", level, free=round(free * MIB / 1e9, 1), percent=percent)


def _wear(folder: Path, root: Path) -> Iterator[Sign]:
    for path in sorted(root.glob(WEAR))[:1]:
        spent = max((int(part, 16) for part in _text(path).split() if part.startswith("0x")), default=0)
        if spent:
            level = BAD if spent >= WEAR_BAD else CARE if spent >= WEAR_CARE else GOOD
            yield sign("wear", level, percent=min(100, 10 * spent))
            return
    if written := _number(_ext4(folder, root) / WRITTEN_KIB) * 1024:
        found = os.statvfs(folder)
        times = written // max(1, found.f_blocks * found.f_frsize)
        form = "written" if times else "little_written"
        yield sign("wear", GOOD, form, written=round(written / 1e9), times=times)


def _ext4(folder: Path, root: Path) -> Path:
    """Where the file system of a folder says how it is, if it is one of that sort."""
    device = folder.stat().st_dev
    return root / EXT4 / (root / BLOCK / f"{os.major(device)}:{os.minor(device)}").resolve().name


def _temperature(root: Path) -> Iterator[Sign]:
    text = _text(root / TEMPERATURE)
    if text.lstrip("-").isdigit():
        degrees = int(text) // 1000
        level = BAD if degrees >= TEMPERATURE_BAD else CARE if degrees >= TEMPERATURE_CARE else GOOD
        yield sign("temperature", level, degrees=degrees)


def _power(root: Path) -> Iterator[Sign]:
    text = next(map(_text, root.glob(THROTTLED)), "")
    try:
        bits = int(text, 16)
    except ValueError:
        alarms = [_text(path.with_name(VOLTAGE_ALARM)) for path in root.glob(VOLTAGE_NAME) if _text(path) == "rpi_volt"]
        if not set(alarms) & {"0", "1"}:
            return
        bits = UNDER_VOLTAGE_NOW if "1" in alarms else 0
    level = BAD if bits & UNDER_VOLTAGE_NOW else CARE if bits & UNDER_VOLTAGE_BEFORE else GOOD
    yield sign("power", level)


def _clock(now: float, root: Path) -> Sign:
    if not clock_plausible(now):
        return sign("clock", BAD)
    told = (root / SYNCHRONISED).exists() or (root / CHRONY).exists()
    return sign("clock", GOOD if told else CARE)


def _number(path: Path) -> int:
    """What such a file counts; 0 without one."""
    text = _text(path)
    return int(text) if text.isdecimal() else 0


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(FILE_BYTES_MAX).decode(errors="replace").strip("\0 \n")
    except OSError:
        return ""
