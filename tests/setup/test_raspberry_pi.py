# SPDX-License-Identifier: AGPL-3.0-or-later
"""A card is prepared on any computer; the Pi reads it once and installs the package from it."""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

FOLDER = Path(__file__).parents[2] / "deploy" / "raspberry-pi"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA librarian"
EVIL = """L'été "$(reboot)" `id` \\ #: é"""


@pytest.fixture(scope="module")
def prepare() -> ModuleType:
    spec = importlib.util.spec_from_file_location("prepare", FOLDER / "prepare.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def card(tmp_path: Path) -> Path:
    """A boot partition of Debian 12, as Imager leaves it."""
    boot = tmp_path / "bootfs"
    boot.mkdir()
    (boot / "cmdline.txt").write_text("console=tty1 root=PARTUUID=1-02 rootwait quiet\n")
    (tmp_path / "node.deb").write_bytes(b"!<arch>\npackage")
    (tmp_path / "wifi").write_text("correct horse\n")
    (tmp_path / "key.pub").write_text(KEY + "\n")
    return boot


def options(card: Path, *more: str) -> list[str]:
    return [str(card), "--package", str(card.parent / "node.deb"), "--name", "stains", *more]


def wifi(card: Path, name: str) -> list[str]:
    return ["--wifi", name, "--wifi-password-file", str(card.parent / "wifi")]


def loaded(path: Path) -> Any:
    yaml = pytest.importorskip("yaml")
    return yaml.safe_load(path.read_text("utf-8"))


def test_debian_13_reads_cloud_init_s_files(prepare: ModuleType, card: Path) -> None:
    """Whatever the network is called: nothing of it is understood as anything else."""
    (card / "user-data").write_text("#cloud-config\n")
    key = ["--ssh-key", str(card.parent / "key.pub")]
    assert prepare.main(options(card, *wifi(card, 'Mairie "d\'été" #1'), *key)) == 0
    assert (card / "user-data").read_text().startswith("#cloud-config\n")
    found = loaded(card / "user-data")
    assert (found["hostname"], found["keyboard"]) == ("stains", {"layout": "fr"})
    language, again, install = found["runcmd"]
    assert install == ["sh", "/boot/firmware/convergences-install.sh"], "last, for it shows the code"
    assert again == ["systemctl", "enable", "convergences-install.service"], "what cloud-init runs, it runs once"
    (unit,) = found["write_files"]
    assert unit["path"] == "/etc/systemd/system/convergences-install.service"
    assert unit["content"] in (FOLDER / "firstrun.sh").read_text()
    assert found["output"] == {"all": ">> /var/log/cloud-init-output.log"}, "and nothing is written below it"
    assert found["ssh_quiet_keygen"] is True and found["ssh"] == {"emit_keys_to_console": False}
    assert language[-1] == "fr_FR.UTF-8" and r"\($0 UTF-8\)" in language[2]
    (user,) = found["users"]
    assert user["lock_passwd"] is True and user["ssh_authorized_keys"] == [KEY.rpartition(" ")[0]]
    network = json.loads((card / "network-config").read_text())["network"]
    point = network["wifis"]["wlan0"]["access-points"]
    assert list(point) == ['Mairie "d\'été" #1'] and len(point['Mairie "d\'été" #1']["password"]) == 64
    assert network["wifis"]["wlan0"]["regulatory-domain"] == "FR"
    assert (card / "convergences.deb").read_bytes() == b"!<arch>\npackage"


@pytest.mark.parametrize("cloud_init", [True, False])
def test_it_writes_as_python_3_9_can_and_linux_reads(
    prepare: ModuleType, card: Path, monkeypatch: pytest.MonkeyPatch, cloud_init: bool
) -> None:
    """Many a computer still has it, and its `write_text` takes no `newline`. On Windows lines end in another way."""
    write = Path.write_bytes

    def as_on_windows(path: Path, text: str, encoding: str | None = None, errors: str | None = None) -> int:
        return write(path, text.replace("\n", "\r\n").encode(encoding or "utf-8", errors or "strict"))

    if cloud_init:
        (card / "user-data").write_text("#cloud-config\n")
    monkeypatch.setattr(Path, "write_text", as_on_windows)
    assert prepare.main(options(card)) == 0
    written = [path for path in card.iterdir() if path.name not in ("convergences.deb", "convergences-install.sh")]
    assert len(written) == (3 if cloud_init else 2)
    assert not any(b"\r" in path.read_bytes() for path in written)


def test_the_wifi_key_is_the_one_that_every_router_derives(prepare: ModuleType, card: Path) -> None:
    """IEEE 802.11, annex J.4.2, first vector: `password` and `IEEE`. The password itself is nowhere on the card."""
    (card.parent / "wifi").write_text("password")
    (card / "user-data").touch()
    assert prepare.main(options(card, *wifi(card, "IEEE"))) == 0
    written = (card / "network-config").read_text()
    assert "f42c6fc52df0ebef9ebb4b90b38a5f902e83fe1b135a70e23aed762e9710a12e" in written
    assert '"password": "password"' not in written


def test_debian_12_runs_a_script_once(prepare: ModuleType, card: Path) -> None:
    """Run with the tools of the Pi pretended: it says what it was told, word for word, and does not come back."""
    assert prepare.main(options(card, *wifi(card, EVIL[:28]))) == 0
    assert prepare.main(options(card, *wifi(card, EVIL[:28]))) == 0, "twice is as once"
    line = (card / "cmdline.txt").read_text()
    assert line.count("systemd.run=") == 1 and line.count("\n") == 1
    script = (card / "firstrun.sh").read_text()
    root = card.parent / "root"
    (root / "etc/default").mkdir(parents=True)
    (root / "etc/systemd/system").mkdir(parents=True)
    told = pretended(root, "imager_custom", "systemctl")
    script = script.replace("/usr/lib/raspberrypi-sys-mods/imager_custom", str(root / "bin" / "imager_custom"))
    script = script.replace("boot=/boot/firmware", f"boot={card}").replace(">/etc/", f">{root}/etc/")
    subprocess.run(["sh", "-c", script], check=True, env=environment(root), timeout=20)
    said = calls(told)
    assert ["imager_custom", "set_hostname", "stains"] in said
    (wlan,) = (words for words in said if words[1] == "set_wlan")
    assert wlan[2] == EVIL[:28] and len(wlan[3]) == 64 and wlan[4] == "FR"
    assert not any("enable_ssh" in words for words in said), "nobody asked for it"
    assert (root / "etc/default/locale").read_text() == "LANG=fr_FR.UTF-8\n"
    assert not (card / "firstrun.sh").exists()
    assert "systemd.run" not in (card / "cmdline.txt").read_text()


def test_debian_12_lets_the_key_in_under_the_name_of_the_guides(prepare: ModuleType, card: Path) -> None:
    """`ssh entretien@…`, as on Debian 13; the image's own first user is called otherwise."""
    assert prepare.main(options(card, "--ssh-key", str(card.parent / "key.pub"))) == 0
    root = card.parent / "root"
    for folder in ("etc/default", "etc/systemd/system", "etc/sudoers.d", "home"):
        (root / folder).mkdir(parents=True)
    told = pretended(root, "imager_custom", "systemctl", "useradd", "chown")
    script = (card / "firstrun.sh").read_text()
    script = script.replace("/usr/lib/raspberrypi-sys-mods/imager_custom", str(root / "bin" / "imager_custom"))
    script = script.replace("boot=/boot/firmware", f"boot={card}").replace(">/etc/", f">{root}/etc/")
    script = script.replace(" /home/", f" {root}/home/").replace(">/home/", f">{root}/home/")
    (root / "home/entretien").mkdir()
    subprocess.run(["sh", "-c", script], check=True, env=environment(root), timeout=20)
    said = calls(told)
    assert ["imager_custom", "enable_ssh", "-k"] in said
    (made,) = (words for words in said if words[0] == "useradd")
    home = root / "home/entretien"
    assert made[-1] == "entretien" and "--create-home" in made
    assert (home / ".ssh/authorized_keys").read_text() == KEY.removesuffix(" librarian") + "\n"
    assert (home / ".ssh").stat().st_mode & 0o777 == 0o700
    assert ["chown", "-R", "entretien:", str(home / ".ssh")] in said
    rule = root / "etc/sudoers.d/010_entretien"
    assert rule.read_text() == "entretien ALL=(ALL) NOPASSWD:ALL\n" and rule.stat().st_mode & 0o777 == 0o440
    assert "ssh entretien@" in (FOLDER / "README.md").read_text()


@pytest.mark.parametrize(
    "wrong",
    [
        ["--name", "Stains mairie"],
        ["--name=-x"],
        ["--timezone", "Europe/Paris; reboot"],
        ["--country", "fr"],
        ["--package", "absent.deb"],
    ],
)
def test_what_would_not_work_is_said_before_the_card_is_in_the_pi(
    prepare: ModuleType,
    card: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    wrong: list[str],
) -> None:
    for locale, error in (("fr_FR.UTF-8", "erreur\u00a0: "), ("C.UTF-8", "error: ")):
        monkeypatch.setenv("LC_ALL", locale)
        assert prepare.main([*options(card), *wrong]) == 1
        assert capsys.readouterr().err.startswith(error)
    assert sorted(path.name for path in card.iterdir()) == ["cmdline.txt"]


def test_it_speaks_french_to_who_reads_french(
    prepare: ModuleType, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its help, line by line, is in one language and the other, but for what is typed; and each sentence is in both."""
    shown = []
    for locale in ("fr_FR.UTF-8", "C.UTF-8"):
        monkeypatch.setenv("LC_ALL", locale)
        with pytest.raises(SystemExit):
            prepare.main(["--help"])
        shown.append(set(capsys.readouterr().out.splitlines()))
    assert {line.strip() for line in shown[0] & shown[1]} <= {""}
    text = (FOLDER / "prepare.py").read_text("utf-8")
    asked = set(re.findall(r'\b(?:said|_wrong)\(\s*"([^"]+)"', text))
    by_argparse = Path(argparse.__file__).read_text("utf-8").replace("\\n", "\n")
    assert len(asked) > 20 and asked <= prepare.FRENCH.keys()
    older = {"optional arguments", "options"}
    assert all(each in by_argparse for each in prepare.FRENCH.keys() - asked - older)
    for english, french in prepare.FRENCH.items():
        assert english != french and not re.search(r" [:;!?»]|« |\w'\w", french), english


@pytest.mark.parametrize("debian", [12, 13])
def test_all_of_it_is_on_the_card_when_it_is_said_to_be_ready(
    prepare: ModuleType, card: Path, monkeypatch: pytest.MonkeyPatch, debian: int
) -> None:
    """Who reads that pulls it out: what the computer has kept back until then would be missing."""
    if debian == 13:
        (card / "user-data").touch()
    settled = {}

    def fsync(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        settled[path] = path.read_bytes()

    monkeypatch.setattr(os, "fsync", fsync)
    before = {path: path.read_bytes() for path in card.iterdir()}
    assert prepare.main(options(card)) == 0
    written = {path: path.read_bytes() for path in card.iterdir()}
    assert settled == {path: data for path, data in written.items() if before.get(path) != data}
    assert card / "convergences.deb" in settled


def test_another_disk_is_left_alone(prepare: ModuleType, card: Path, tmp_path: Path) -> None:
    assert prepare.main([str(tmp_path), "--package", str(tmp_path / "node.deb")]) == 1
    assert not (tmp_path / "convergences.deb").exists()


@pytest.mark.parametrize("works", [True, False])
def test_the_package_is_installed_from_the_card_once(tmp_path: Path, works: bool) -> None:
    """And what happened can be read on any computer; what failed is tried again at the next start."""
    boot = tmp_path / "boot" / "firmware"
    boot.mkdir(parents=True)
    (boot / "convergences.deb").write_bytes(b"!<arch>\n")
    told = pretended(tmp_path, "systemctl", "dpkg", fails=() if works else ("dpkg",))
    command = ["sh", str(FOLDER / "install.sh"), str(tmp_path)]
    done = subprocess.run(command, env=environment(tmp_path), timeout=20)
    assert (done.returncode == 0) is works
    assert ["dpkg", "--install", f"{boot}/convergences.deb"] in calls(told)
    assert ("NOT installed" in (boot / "convergences-install.log").read_text()) is not works
    assert (boot / "convergences.deb").exists() is not works
    journal = tmp_path / "etc/systemd/journald.conf.d/convergences.conf"
    assert "Storage=volatile" in journal.read_text()
    clock = tmp_path / "etc/systemd/timesyncd.conf.d/convergences.conf"
    assert clock.read_text() == "[Time]\nSaveIntervalSec=600\n", "once a minute otherwise, on the card"
    if works:
        told.unlink()
        subprocess.run(command, env=environment(tmp_path), timeout=20, check=True)
        assert not told.exists()


def pretended(root: Path, *names: str, fails: tuple[str, ...] = ()) -> Path:
    """Programs that only note how they were called."""
    (root / "bin").mkdir(parents=True, exist_ok=True)
    for name in names:
        path = root / "bin" / name
        note = f"json.dump([{name!r}, *sys.argv[1:]], file); file.write('\\n')"
        opened = f"with open({str(root / 'told')!r}, 'a') as file:"
        program = f"import json, sys\n{opened}\n    {note}\nsys.exit({name in fails})\n"
        path.write_text(f"#!{sys.executable}\n{program}")
        path.chmod(0o755)
    return root / "told"


def calls(told: Path) -> list[list[str]]:
    return [json.loads(line) for line in told.read_text().splitlines()]


def environment(root: Path) -> dict[str, str]:
    return {"PATH": f"{root / 'bin'}:{os.environ['PATH']}"}
