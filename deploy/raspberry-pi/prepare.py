#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Make a card that Raspberry Pi Imager has just written install a town's node by itself, when the Pi first starts.

    python3 prepare.py /media/…/bootfs --package convergences_0.1.0_arm64.deb --name stains --wifi Mairie

Everything goes onto the card's boot partition, which any computer can open: the package, and what the system reads
once: cloud-init's `user-data` and `network-config` (Raspberry Pi OS from Debian 13 on), or a `firstrun.sh` (Debian 12).
Needs Python 3.9 or later and nothing else. A Wi-Fi password is asked for, and stands on the card as the key that is
derived from it. Run twice, it does the same as once. It speaks the computer's language, French or else English.
"""

from __future__ import annotations

import argparse
import getpass
import hashlib
import json
import locale
import os
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
    argparse._ = said  # type: ignore[attr-defined]  # by that name it asks gettext, which reads compiled catalogues
    options = _options(arguments)
    try:
        values = _values(options)
        _prepare(options.boot, options.package, values)
    except (OSError, ValueError) as error:
        print(said("error: {what}").format(what=error), file=sys.stderr)
        return 1
    ready = said("ready. Put the card into the Pi; after some minutes open {address}")
    print(ready.format(address=f"http://{options.name}.local/"))
    return 0


def said(english: str) -> str:
    """The sentence in the computer's language, chosen as by the command `convergences`; on Windows, Windows says it."""
    given = (os.environ.get(variable) for variable in ("LC_ALL", "LC_MESSAGES", "LANG"))
    asked = next(filter(None, given), "") or locale.getlocale()[0] or ""
    return FRENCH.get(english, english) if asked.lower().startswith("fr") else english


def _options(arguments: list[str] | None) -> argparse.Namespace:
    does = said("Make a card that Raspberry Pi Imager has just written install a town's node when the Pi first starts.")
    parser = argparse.ArgumentParser(description=does)
    add, file, name = parser.add_argument, said("FILE"), said("NAME")
    add("boot", type=Path, metavar=said("CARD"), help=said("the card's boot partition, as this computer shows it"))
    add("--package", type=Path, metavar=file, required=True, help="convergences_…_arm64.deb")
    add("--name", metavar=name, default="convergences", help=said("the Pi's name: its address is http://NAME.local/"))
    add("--language", choices=sorted(LOCALES), default="fr", help=said("the Pi's language; French if none is said"))
    add("--timezone", metavar=said("ZONE"), default="Europe/Paris", help=said("its time zone, such as Europe/Paris"))
    add("--wifi", metavar=name, help=said("name of the Wi-Fi network; without it, the Pi is on a cable"))
    add("--wifi-password-file", type=Path, metavar=file, help=said("a file with its password; else it is asked for"))
    add("--country", metavar=said("COUNTRY"), default="FR", help=said("country whose Wi-Fi rules hold, such as FR"))
    add("--ssh-key", type=Path, metavar=file, help=said("a public key that may log in over SSH; without it nobody can"))
    return parser.parse_args(arguments)


def _values(options: argparse.Namespace) -> dict[str, str]:
    """What the templates are filled with, checked."""
    if not HOST_NAME.fullmatch(options.name):
        raise _wrong("{given} is no name for a machine: letters a to z, digits and hyphens", options.name)
    if not re.fullmatch(r"[A-Za-z]+(/[A-Za-z_+-]+)*", options.timezone):
        raise _wrong("{given} is no time zone such as Europe/Paris", options.timezone)
    if not re.fullmatch(r"[A-Z]{2}", options.country):
        raise _wrong("{given} is no country such as FR", options.country)
    locale, keyboard = LOCALES[options.language]
    values = {"name": options.name, "locale": locale, "keyboard": keyboard, "timezone": options.timezone}
    return values | {"country": options.country, "ssh_key": _ssh_key(options.ssh_key)} | _wifi(options)


def _wrong(sentence: str, given: object = "") -> ValueError:
    return ValueError(said(sentence).format(given=given))


def _ssh_key(path: Path | None) -> str:
    if path is None:
        return ""
    key = path.read_text("utf-8").strip()
    if not re.fullmatch(r"(ssh|ecdsa|sk)-[a-z0-9@.-]+ [A-Za-z0-9+/=]+( [^\n]*)?", key):
        raise _wrong("{given} is no public SSH key", path)
    return " ".join(key.split()[:2])


def _wifi(options: argparse.Namespace) -> dict[str, str]:
    if not options.wifi:
        return {"ssid": "", "psk": ""}
    name = options.wifi.encode()
    if not 0 < len(name) <= SSID_BYTES_MAX or not options.wifi.isprintable():
        raise _wrong("{given} is no name of a Wi-Fi network", options.wifi)
    given = options.wifi_password_file
    asked = said("password of {network}: ").format(network=options.wifi)
    password = given.read_text("utf-8").rstrip("\n") if given else getpass.getpass(asked)
    if not 8 <= len(password.encode()) <= 63:
        raise _wrong("a Wi-Fi password has 8 to 63 characters")
    # IEEE 802.11, annex J: the key of WPA2 that everybody else derives too. The password itself stays off the card.
    return {"ssid": options.wifi, "psk": hashlib.pbkdf2_hmac("sha1", password.encode(), name, 4096, 32).hex()}


# ------------------------------------------------------------------------------------- the card
def _prepare(boot: Path, package: Path, values: dict[str, str]) -> None:
    """Write everything, for cloud-init where the system has it."""
    command_line = boot / "cmdline.txt"
    if not command_line.is_file():
        raise _wrong("{given} is not the boot partition of a Raspberry Pi's card: there is no cmdline.txt", boot)
    if package.read_bytes()[:8] != b"!<arch>\n":
        raise _wrong("{given} is no Debian package", package)
    for source, name in ((package, PACKAGE_NAME), (HERE / "install.sh", INSTALL_NAME)):
        shutil.copyfile(source, boot / name)
        _settle(boot / name)
    if (boot / "user-data").exists():
        _write(boot / "user-data", _filled("user-data", _quoted_yaml(values)))
        _write(boot / "network-config", _network(values))
        return
    _write(boot / FIRST_RUN, _filled(FIRST_RUN, _quoted_shell(values)))
    before = command_line.read_text("utf-8").strip()
    if "systemd.run=" not in before:
        _write(command_line, f"{before}{RUN_ONCE}\n")


def _write(path: Path, text: str) -> None:
    """With the ends of lines that Linux knows, whatever this computer's are. (`write_text` says so from 3.10 on.)"""
    path.write_bytes(text.encode())
    _settle(path)


def _settle(path: Path) -> None:
    """Onto the card itself: it is pulled out as soon as it is said to be ready: a computer may keep some of it back."""
    with path.open("r+b") as file:
        os.fsync(file.fileno())


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


# ------------------------------------------------------------------------------------- in French
FRENCH = {
    # What argparse says by itself.
    "usage: ": "utilisation : ",
    "positional arguments": "arguments ",
    "options": "options ",
    "optional arguments": "options ",
    "show this help message and exit": "montrer cette aide, et s’arrêter là",
    "the following arguments are required: %s": "il manque : %s",
    "unrecognized arguments: %s": "de trop, ou mal écrit : %s",
    "expected one argument": "il faut une valeur",
    "argument %(argument_name)s: %(message)s": "%(argument_name)s : %(message)s",
    "invalid choice: %(value)r (choose from %(choices)s)": "%(value)r n’est pas l’un de ceux-ci : %(choices)s",
    "ambiguous option: %(option)s could match %(matches)s": "%(option)s peut être l’une de celles-ci : %(matches)s",
    "%(prog)s: error: %(message)s\n": "%(prog)s : erreur : %(message)s\n",
    # What stands for a value.
    "CARD": "CARTE",
    "FILE": "FICHIER",
    "NAME": "NOM",
    "ZONE": "FUSEAU",
    "COUNTRY": "PAYS",
    # Help.
    "Make a card that Raspberry Pi Imager has just written install a town's node when the Pi first starts.": (
        "Préparer une carte que Raspberry Pi Imager vient d’écrire : elle installera le nœud d’une ville."
    ),
    "the card's boot partition, as this computer shows it": "la carte, telle que cet ordinateur la montre (bootfs)",
    "the Pi's name: its address is http://NAME.local/": "le nom de l’appareil : son adresse est http://NOM.local/",
    "the Pi's language; French if none is said": "la langue de l’appareil ; le français, sinon",
    "its time zone, such as Europe/Paris": "son fuseau horaire, par exemple Europe/Paris",
    "name of the Wi-Fi network; without it, the Pi is on a cable": "le nom du Wi-Fi ; sans lui, il est sur câble",
    "a file with its password; else it is asked for": "un fichier avec le mot de passe ; sinon, il est demandé",
    "country whose Wi-Fi rules hold, such as FR": "le pays dont les règles valent pour le Wi-Fi, par exemple FR",
    "a public key that may log in over SSH; without it nobody can": (
        "une clé publique qui peut se connecter par SSH ; sans elle, personne ne le peut"
    ),
    # What is said in the end, or asked.
    "ready. Put the card into the Pi; after some minutes open {address}": (
        "c’est prêt. Mettez la carte dans l’appareil ; au bout de quelques minutes, ouvrez {address}"
    ),
    "password of {network}: ": "mot de passe de {network} : ",
    "error: {what}": "erreur : {what}",
    "{given} is no name for a machine: letters a to z, digits and hyphens": (
        "« {given} » ne peut pas être le nom d’un appareil : des lettres de a à z, des chiffres, des traits d’union"
    ),
    "{given} is no time zone such as Europe/Paris": "« {given} » n’est pas un fuseau horaire, comme Europe/Paris",
    "{given} is no country such as FR": "« {given} » n’est pas un pays, comme FR",
    "{given} is no public SSH key": "{given} n’est pas une clé publique SSH",
    "{given} is no name of a Wi-Fi network": "« {given} » ne peut pas être le nom d’un Wi-Fi",
    "a Wi-Fi password has 8 to 63 characters": "le mot de passe d’un Wi-Fi a de 8 à 63 signes",
    "{given} is not the boot partition of a Raspberry Pi's card: there is no cmdline.txt": (
        "{given} n’est pas la carte d’un Raspberry Pi : il n’y a pas de fichier cmdline.txt"
    ),
    "{given} is no Debian package": "{given} n’est pas un paquet Debian",
}


if __name__ == "__main__":
    sys.exit(main())
