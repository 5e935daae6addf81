#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Make a card that Raspberry Pi Imager has just written install a town's node by itself, when the Pi first starts.

    python3 prepare.py /media/…/bootfs --package convergences_0.1.0_arm64.deb --name stains --wifi Mairie

Everything goes onto the card's boot partition, which any computer can open: the package, and what the system reads
once: cloud-init's `user-data` and `network-config` (Raspberry Pi OS from Debian 13 on), or a `firstrun.sh` (Debian 12).
Needs Python 3.9 or later and nothing else. A Wi-Fi password is asked for, and stands on the card as the key that is
derived from it. Run twice, it does the same as once.
"""

from __future__ import annotations

import argparse
import getpass
import hashlib
import json
import re
import shlex
import shutil
import sys
from pathlib import Path
from string import Template

HERE = Path(__file__).resolve().parent
PACKAGE_NAME = "convergences.deb"
INSTALL_NAME = "convergences-install.sh"
FIRST_RUN = "firstrun.sh"
RUN_ONCE = (
    " systemd.run=/boot/firmware/firstrun.sh systemd.run_success_action=reboot systemd.unit=kernel-command-line.target"
)
HOST_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
"""RFC 1123, section 2.1; small letters, for it is typed."""
SSID_BYTES_MAX = 32
LOCALES = {"fr": ("fr_FR.UTF-8", "fr"), "en": ("en_GB.UTF-8", "gb")}
"""Locale and keyboard of a language."""


def main(arguments: list[str] | None = None) -> int:
    """Prepare the card; 0 if it is ready, 1 with a sentence if not."""
    options = _options(arguments)
    try:
        values = _values(options)
        kind = _prepare(options.boot, options.package, values)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"ready ({kind}). Put the card into the Pi; after some minutes open http://{options.name}.local/")
    return 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("boot", type=Path, help="the card's boot partition, as this computer shows it")
    parser.add_argument("--package", type=Path, required=True, help="convergences_…_arm64.deb")
    parser.add_argument("--name", default="convergences", help="the Pi's name: its address is http://NAME.local/")
    parser.add_argument("--language", choices=sorted(LOCALES), default="fr")
    parser.add_argument("--timezone", default="Europe/Paris")
    parser.add_argument("--wifi", help="name of the Wi-Fi network; without it, the Pi is on a cable")
    parser.add_argument("--wifi-password-file", type=Path, help="a file with its password; else it is asked for")
    parser.add_argument("--country", default="FR", help="country whose Wi-Fi rules hold, such as FR")
    parser.add_argument("--ssh-key", type=Path, help="a public key that may log in over SSH; without it nobody can")
    return parser.parse_args(arguments)


def _values(options: argparse.Namespace) -> dict[str, str]:
    """What the templates are filled with, checked."""
    if not HOST_NAME.fullmatch(options.name):
        raise ValueError(f"{options.name!r} is no name for a machine: letters a to z, digits and hyphens")
    if not re.fullmatch(r"[A-Za-z]+(/[A-Za-z_+-]+)*", options.timezone):
        raise ValueError(f"{options.timezone!r} is no time zone such as Europe/Paris")
    if not re.fullmatch(r"[A-Z]{2}", options.country):
        raise ValueError(f"{options.country!r} is no country such as FR")
    locale, keyboard = LOCALES[options.language]
    values = {"name": options.name, "locale": locale, "keyboard": keyboard, "timezone": options.timezone}
    return values | {"country": options.country, "ssh_key": _ssh_key(options.ssh_key)} | _wifi(options)


def _ssh_key(path: Path | None) -> str:
    if path is None:
        return ""
    key = path.read_text("utf-8").strip()
    if not re.fullmatch(r"(ssh|ecdsa|sk)-[a-z0-9@.-]+ [A-Za-z0-9+/=]+( [^\n]*)?", key):
        raise ValueError(f"{path} is no public SSH key")
    return " ".join(key.split()[:2])


def _wifi(options: argparse.Namespace) -> dict[str, str]:
    if not options.wifi:
        return {"ssid": "", "psk": ""}
    name = options.wifi.encode()
    if not 0 < len(name) <= SSID_BYTES_MAX or not options.wifi.isprintable():
        raise ValueError(f"{options.wifi!r} is no name of a Wi-Fi network")
    given = options.wifi_password_file
    password = given.read_text("utf-8").rstrip("\n") if given else getpass.getpass(f"password of {options.wifi}: ")
    if not 8 <= len(password.encode()) <= 63:
        raise ValueError("a Wi-Fi password has 8 to 63 characters")
    # IEEE 802.11, annex J: the key of WPA2 that everybody else derives too. The password itself stays off the card.
    return {"ssid": options.wifi, "psk": hashlib.pbkdf2_hmac("sha1", password.encode(), name, 4096, 32).hex()}


# ------------------------------------------------------------------------------------- the card
def _prepare(boot: Path, package: Path, values: dict[str, str]) -> str:
    """Write everything; the name of the system's way to read it."""
    command_line = boot / "cmdline.txt"
    if not command_line.is_file():
        raise ValueError(f"{boot} is not the boot partition of a Raspberry Pi's card: there is no cmdline.txt")
    if package.read_bytes()[:8] != b"!<arch>\n":
        raise ValueError(f"{package} is no Debian package")
    shutil.copyfile(package, boot / PACKAGE_NAME)
    shutil.copyfile(HERE / "install.sh", boot / INSTALL_NAME)
    if (boot / "user-data").exists():
        (boot / "user-data").write_text(_filled("user-data", _quoted_yaml(values)), "utf-8")
        (boot / "network-config").write_text(_network(values), "utf-8")
        return "cloud-init"
    (boot / FIRST_RUN).write_text(_filled(FIRST_RUN, _quoted_shell(values)), "utf-8", newline="\n")
    before = command_line.read_text("utf-8").strip()
    if "systemd.run=" not in before:
        command_line.write_text(f"{before}{RUN_ONCE}\n", "utf-8", newline="\n")
    return "first run"


def _filled(name: str, values: dict[str, str]) -> str:
    return Template((HERE / name).read_text("utf-8")).substitute(values)


def _quoted_yaml(values: dict[str, str]) -> dict[str, str]:
    """Each value as a string of YAML 1.2, of which JSON is a part."""
    quoted = {name: json.dumps(value) for name, value in values.items()}
    quoted["ssh_keys"] = json.dumps([values["ssh_key"]] if values["ssh_key"] else [])
    quoted["ssh"] = "true" if values["ssh_key"] else "false"
    return quoted


def _quoted_shell(values: dict[str, str]) -> dict[str, str]:
    return {name: shlex.quote(value) for name, value in values.items()}


def _network(values: dict[str, str]) -> str:
    """netplan's version 2, as cloud-init reads it; JSON is YAML."""
    interfaces: dict[str, object] = {"version": 2, "ethernets": {"eth0": {"dhcp4": True, "optional": True}}}
    if values["ssid"]:
        point = {values["ssid"]: {"password": values["psk"]}}
        wifi = {"dhcp4": True, "optional": True, "regulatory-domain": values["country"], "access-points": point}
        interfaces["wifis"] = {"wlan0": wifi}
    return json.dumps({"network": interfaces}, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.exit(main())
