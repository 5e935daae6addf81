# SPDX-License-Identifier: AGPL-3.0-or-later
"""https beside http on the machine: Debian's own Caddy under its unit, asked from outside as a browser asks."""

from __future__ import annotations

import hashlib
import http.client
import re
import socket
import ssl
from dataclasses import dataclass

import image
from drilled import ANSWER_SECONDS_MAX, FOLDER, SERVICE, Drill
from machine import DrillError
from sticks import let_go

COMMAND = "convergences-https"
UNIT = "convergences-https.service"
DEBIANS = "caddy.service"
HELD = "/var/lib/private/convergences-https"
"""Where the key is: the unit's own folder, below what systemd lets no other user into."""
STICK_MIB = 64
WITHIN_S = 600
BIND_ALONE = 1 << 10
"""CAP_NET_BIND_SERVICE, of capabilities(7): port 443, and nothing else."""
RESIDENT_MIB_MAX = 80
"""What the unit is held to (MemoryHigh)."""
EXPOSURE_MAX = 1.6
"""A tenth more than the node's own: it holds port 443, and so a capability."""
FINGERPRINT = re.compile(r"SHA-256 ((?:[0-9A-F]{2}:){31}[0-9A-F]{2})")
KEPT_FOR_LATER = re.compile(r"/static/away\.[0-9a-f]+\.js")
"""The script that only a page by https has."""


def https(drill: Drill) -> None:
    """https is switched on beside http, outlives a pulled plug, and is switched off"""
    machine = drill.machine
    _bring_caddy(drill)
    drill.expect(machine.tell(f"{COMMAND} status") == "off", "with Caddy installed, https is off until somebody asks")
    drill.expect(_answer(drill, "certificat").status == 404, "and there is no page of a certificate")
    trust = switched_on(drill)
    is_on(drill, trust)
    _unit(drill)
    machine.cut_power()
    drill.switch_on()
    drill.wait_for_node()
    machine.until(f"systemctl is-active --quiet {UNIT}", WITHIN_S)
    is_on(drill, trust)
    drill.expect(machine.tell(f"{COMMAND} off", WITHIN_S), "after a pulled plug it was there by itself; switched off")
    _is_off(drill)


def switched_on(drill: Drill) -> ssl.SSLContext:
    """Switch it on; what a device trusts that has taken the certificate."""
    if drill.machine.run("command -v caddy").code:
        _bring_caddy(drill)
    said = drill.machine.tell(f"{COMMAND} on", WITHIN_S)
    drill.wait_for_node()
    return _trust(drill, said)


def _bring_caddy(drill: Drill) -> None:
    """Debian's packages come on a stick, for the machine has no internet; its own postinst starts what it likes."""
    machine, shelf = drill.machine, drill.machine.folder / "caddy"
    shelf.mkdir(exist_ok=True)
    for path in image.packages(drill.suite, machine.arch, drill.cache, "caddy"):
        # The colon of an epoch is no character for a FAT file system.
        (shelf / path.name.replace("%3a", "-")).write_bytes(path.read_bytes())
    stick = image.stick(machine.folder / "caddy.img", STICK_MIB)
    image.into_fat(stick, shelf)
    machine.plug_in(stick)
    machine.until("systemctl is-active --quiet media-stick.automount", WITHIN_S)
    machine.tell("DEBIAN_FRONTEND=noninteractive dpkg --install /media/stick/*.deb", WITHIN_S)
    drill.note("Caddy", machine.tell("dpkg-query -W -f '${Version}' caddy"))
    drill.expect(_answer(drill, "").status == 200, "Debian's own caddy.service has not taken the node's port")
    let_go(drill)
    machine.pull_out()


# ------------------------------------------------------------------------------------- asking
@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")


def _answer(drill: Drill, path: str, trust: ssl.SSLContext | None = None) -> _Answer:
    """What a reader gets who follows no redirection: by https if something is trusted, else by http."""
    host, port = f"{drill.name}.local", drill.machine.port if trust is None else drill.machine.tls_port
    with socket.create_connection(("127.0.0.1", port), ANSWER_SECONDS_MAX) as plain:
        held = plain if trust is None else trust.wrap_socket(plain, server_hostname=host)
        with held:
            connection = http.client.HTTPConnection(host)
            connection.sock = held
            connection.request("GET", f"/{path}", headers={"Accept-Language": "fr"})
            found = connection.getresponse()
            return _Answer(found.status, found.headers, found.read())


def _trust(drill: Drill, said: str) -> ssl.SSLContext:
    """A device that has taken the certificate as the page says: by http, compared with what the command has printed."""
    printed = FINGERPRINT.search(said)
    if printed is None:
        raise DrillError(f"no fingerprint: {said}")
    page, der = _answer(drill, "certificat").text, _answer(drill, "certificat.crt").body
    drill.expect(hashlib.sha256(der).digest().hex(":").upper() == printed[1], "what /certificat.crt gives is that one")
    shown = re.sub(r"<[^>]*>|\s+", " ", page).replace("  ", " ")
    digits = re.findall(r"\b(?:[0-9A-F]{2} ){7}[0-9A-F]{2}\b", shown)
    drill.expect(":".join(digits).replace(" ", ":") == printed[1], "and /certificat shows its fingerprint")
    return ssl.create_default_context(cadata=ssl.DER_cert_to_PEM_cert(der))


# ------------------------------------------------------------------------------------- what is promised
def is_on(drill: Drill, trust: ssl.SSLContext) -> None:
    """It answers who has taken the certificate and nobody else, beside http, which is as it was."""
    secure, plain = _answer(drill, "", trust), _answer(drill, "")
    if secure.status != 200:
        raise DrillError(f"by https: {secure.status} {secure.text[:300]}")
    drill.expect(KEPT_FOR_LATER.search(secure.text), "https answers under the town's own root")
    drill.expect(
        plain.status == 200 and not KEPT_FOR_LATER.search(plain.text), "http is as it was, and leads nowhere else"
    )
    drill.expect(
        not any("Strict-Transport-Security" in each.headers for each in (secure, plain)), "nobody is held to https"
    )
    try:
        _answer(drill, "", ssl.create_default_context())
    except ssl.SSLCertVerificationError:
        pass
    else:
        raise DrillError("a device that has not taken the certificate believes it")
    status = drill.machine.tell(f"{COMMAND} status")
    drill.expect(status.splitlines()[0] == "on" and FINGERPRINT.search(status), "and the command says so")


def _unit(drill: Drill) -> None:
    """Caddy as the decision has it: a user of its own, one port, no reach into the archive, its key out of reach."""
    machine = drill.machine
    pid = machine.properties(UNIT, "MainPID")["MainPID"]
    fields = dict(
        line.split(":\t", 1) for line in machine.tell(f"cat /proc/{pid}/status").splitlines() if ":\t" in line
    )
    user, group = fields["Uid"].split()[0], fields["Gid"].split()[0]
    known = machine.tell("id -u convergences")
    drill.expect(user not in ("0", known), f"Caddy runs as a user of its own: {user}")
    drill.expect(int(fields["CapEff"], 16) == BIND_ALONE, "it may bind a low port, and nothing else that is root's")
    ports = machine.tell(f"ss -Htlnp | grep pid={pid}, | awk '{{print $4}}'").split()
    drill.expect({port.rpartition(":")[2] for port in ports} == {"443"}, f"it listens on 443 alone: {ports}")
    drill.expect(
        machine.run(f"setpriv --reuid {user} --regid {group} --clear-groups ls {FOLDER}").code, "no archive for it"
    )
    drill.expect(machine.run(f"sudo -u convergences cat {HELD}/root.key").code, "and no key for the node")
    drill.expect(machine.tell(f"stat -c %a {HELD}/root.key") == "600", "which its owner alone reads")
    said = machine.tell(f"systemd-analyze security --no-pager {UNIT} | tail -1")
    drill.at_most("systemd-analyze security, of https", float(re.findall(r"\d+\.\d", said)[0]), EXPOSURE_MAX, "of 10")
    drill.at_most("Caddy, resident", int(fields["VmRSS"].split()[0]) / 1024, RESIDENT_MIB_MAX, "MiB")
    drill.expect(
        machine.run(f"systemctl is-active {DEBIANS} || systemctl is-enabled {DEBIANS}").text.split()
        == ["inactive", "disabled"],
        "Debian's own caddy.service is switched off",
    )
    denied = machine.run(f"journalctl -b --no-pager -u {UNIT} | grep -i 'denied\\|not permitted\\|panic'")
    drill.expect(denied.code, f"its sandbox has refused it nothing{denied.text[:600]}")


def _is_off(drill: Drill) -> None:
    machine = drill.machine
    drill.wait_for_node()
    drill.expect(machine.tell(f"{COMMAND} status") == "off", "the command says that it is off")
    drill.expect(machine.run("ss -Htln | grep -q ':443 '").code, "nothing listens on 443")
    drill.expect(machine.run("pgrep -x caddy").code, "no Caddy runs")
    left = machine.run(f"systemctl is-enabled --quiet {UNIT} || test -e {FOLDER}/https/root.crt")
    drill.expect(left.code, "nothing of it begins again, and the node has no certificate any more")
    drill.expect(_answer(drill, "certificat").status == 404, "nor a page of it")
    drill.expect(_answer(drill, "").status == 200, "http goes on")
    drill.expect(machine.tell(f"ls {HELD}/root.key"), "the key is kept, so that nobody has to take another")
    drill.expect(machine.properties(SERVICE, "ActiveState")["ActiveState"] == "active", "the node runs")
