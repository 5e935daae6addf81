# SPDX-License-Identifier: AGPL-3.0-or-later
"""https beside http: a certificate that vouches for the local network alone, and a node that believes its own proxy."""

from __future__ import annotations

import os
import re
import ssl
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import ClientSession, CookieJar, TCPConnector, web
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_exceptions import ClientConnectorCertificateError
from convergences_node.certificate.reading import BYTES_MAX, LOOPBACK, PUBLISHED, read_certificate
from convergences_node.certificate.root import make_root
from convergences_node.web.app import make_app
from convergences_node.web.operator.forms import give_cookie
from convergences_node.web.security import client_of, is_trusted
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.awkward.read_only import rights_taken, skip_unless_mountable

from .proxied import HOST, Proxied, caddy, listening, needs_caddy
from .small_town import small_town

READER = "127.0.0.2"
NOW = datetime(2026, 11, 20, tzinfo=UTC)
DATA = Path(__file__).parents[2] / "deploy" / "package" / "files"


class Loopback(AbstractResolver):
    """Every name is this machine."""

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        return [ResolveResult(hostname=host, host="127.0.0.1", port=port, family=2, proto=0, flags=0)]

    async def close(self) -> None:
        pass


async def probe(request: web.Request) -> web.Response:
    """What the node thinks of who asks."""
    response = web.Response(text=client_of(request, LOOPBACK))
    give_cookie(request, response, "session", "x")
    return response


def asking(trust: ssl.SSLContext | None = None) -> ClientSession:
    # From an address of this machine that is not the proxy's.
    connector = TCPConnector(resolver=Loopback(), local_addr=(READER, 0), ssl=trust or True)
    return ClientSession(connector=connector, cookie_jar=CookieJar(unsafe=True))


# ------------------------------------------------------------------------------------- the root
def test_a_root_is_made_once_and_its_key_is_its_owners(tmp_path: Path) -> None:
    assert make_root(tmp_path, HOST, NOW)
    assert (tmp_path / "root.key").stat().st_mode & 0o777 == 0o600
    before = (tmp_path / "root.crt").read_bytes()
    assert not make_root(tmp_path, HOST, NOW)
    assert (tmp_path / "root.crt").read_bytes() == before
    assert b"PRIVATE" not in before


def test_a_root_of_a_machine_without_a_clock_is_good_today(tmp_path: Path) -> None:
    make_root(tmp_path, HOST, datetime(1970, 1, 1, tzinfo=UTC))
    found = x509.load_pem_x509_certificate((tmp_path / "root.crt").read_bytes())
    assert found.not_valid_before_utc < NOW < found.not_valid_after_utc


def test_a_root_vouches_for_names_of_the_local_network_and_for_no_address(tmp_path: Path) -> None:
    make_root(tmp_path, HOST, NOW)
    found = x509.load_pem_x509_certificate((tmp_path / "root.crt").read_bytes())
    limits = found.extensions.get_extension_for_class(x509.NameConstraints)
    assert limits.critical
    assert limits.value.permitted_subtrees == [x509.DNSName("local")]
    assert len(limits.value.excluded_subtrees or ()) == 2


@pytest.mark.parametrize(("name", "believed"), [(f"{HOST}.local", True), ("bank.example", False)])
def test_whoever_steals_the_key_is_believed_on_the_local_network_alone(
    tmp_path: Path, name: str, believed: bool
) -> None:
    make_root(tmp_path, HOST, NOW)
    signed = _leaf(tmp_path, name)
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context(cafile=tmp_path / "root.crt")
    server.load_cert_chain(signed)
    if believed:
        _greet(server, client, name)
    else:
        with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree violation"):
            _greet(server, client, name)


def _leaf(folder: Path, name: str) -> Path:
    """A certificate for this name and its key, signed with the root's key."""
    root = x509.load_pem_x509_certificate((folder / "root.crt").read_bytes())
    signing = serialization.load_pem_private_key((folder / "root.key").read_bytes(), None)
    assert isinstance(signing, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    today = datetime.now(UTC)
    found = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(root.subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=True)
        .sign(signing, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "leaf.pem"
    path.write_bytes(secret + found.public_bytes(serialization.Encoding.PEM))
    return path


def _greet(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> None:
    """A handshake in memory, no socket."""
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = client.wrap_bio(down, up, server_hostname=name), server.wrap_bio(up, down, server_side=True)
    done: set[int] = set()
    for _ in range(10):
        for number, end in enumerate(ends):
            try:
                end.do_handshake()
                done.add(number)
            except ssl.SSLWantReadError:
                pass
    assert done == {0, 1}


# ------------------------------------------------------------------------------------- what the node sees of it
def published(folder: Path, data: bytes) -> Path:
    (folder / PUBLISHED).parent.mkdir()
    (folder / PUBLISHED).write_bytes(data)
    return folder


def test_what_is_published_is_read_and_nothing_else_of_that_file(tmp_path: Path) -> None:
    assert read_certificate(tmp_path) is None
    make_root(tmp_path, HOST, NOW)
    both = (tmp_path / "root.key").read_bytes() + (tmp_path / "root.crt").read_bytes()
    found = read_certificate(published(tmp_path, both))
    assert found is not None
    assert found.name == f"Convergences {HOST}.local"
    openssl = x509.load_der_x509_certificate(found.der)
    assert len(found.fingerprint) == 95
    assert openssl.subject.rfc4514_string() == "CN=Convergences stains.local,O=Convergences"


@pytest.mark.parametrize("data", [b"", b"nothing", b"-----BEGIN CERTIFICATE-----\n" + b"A" * BYTES_MAX, b"\xff" * 99])
def test_what_is_no_certificate_is_as_if_there_was_none(tmp_path: Path, data: bytes) -> None:
    assert read_certificate(published(tmp_path, data)) is None


def test_the_proxy_on_this_machine_is_believed_on_a_socket_of_both_families() -> None:
    assert is_trusted("127.0.0.1", LOOPBACK)
    assert is_trusted("::ffff:127.0.0.1", LOOPBACK)
    assert is_trusted("::FFFF:127.0.0.1", LOOPBACK)
    assert is_trusted("::1", LOOPBACK)
    for other in (None, "", "127.0.0.2", "::ffff:192.168.1.1", "192.168.1.1"):
        assert not is_trusted(other, LOOPBACK)


# ------------------------------------------------------------------------------------- behind a real proxy
@needs_caddy
async def test_a_page_comes_by_https_and_the_node_knows_from_whom(tmp_path: Path) -> None:
    """Verified against the root alone; the cookie stays on TLS; what a reader claims of an address is not believed."""
    async with small_town(tmp_path / "node", records=False, proxies_trusted=LOOPBACK) as town:
        app = make_app(town)
        app.router.add_get("/probe", probe)
        async with listening(app) as port, caddy(tmp_path / "https", port) as there:
            await _is_whole(there, port)


@needs_caddy
async def test_a_card_that_refuses_does_not_end_https(tmp_path: Path) -> None:
    """On it is the root alone; what the root signs is in memory."""
    skip_unless_mountable()
    async with small_town(tmp_path / "node", records=False, proxies_trusted=LOOPBACK) as town:
        app = make_app(town)
        app.router.add_get("/probe", probe)
        async with listening(app) as port, caddy(tmp_path / "https", port, card_refuses=True) as there:
            with rights_taken(tmp_path / "https"):
                await _is_whole(there, port)
    assert sorted(path.name for path in (tmp_path / "https").iterdir()) == ["root.crt", "root.key"]


async def _is_whole(there: Proxied, port: int) -> None:
    lies = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "http"}
    async with asking(there.trust()) as reader:
        async with reader.get(f"{there.address}/chiffres?lang=fr") as page:
            assert page.status == 200
            assert f'rel="canonical" href="{there.address}/chiffres"' in await page.text()
        async with reader.get(f"{there.address}/probe", headers=lies) as told:
            assert await told.text() == READER
            assert told.cookies["session"]["secure"]
    async with asking() as plain:
        with pytest.raises(ClientConnectorCertificateError):
            await plain.get(f"{there.address}/chiffres")
        # http is as it was: the page itself, and no way to another one.
        async with plain.get(f"http://{there.node_name}:{port}/chiffres", allow_redirects=False) as page:
            assert page.status == 200
            assert "Strict-Transport-Security" not in page.headers
        async with plain.get(f"http://{there.node_name}:{port}/probe") as told:
            assert not told.cookies["session"]["secure"]
    found = _held_ports(there.pid)
    assert found == {there.port}


def _held_ports(pid: int) -> set[int]:
    """The TCP ports on which a process listens (proc(5))."""
    held = {path.readlink().name for path in Path(f"/proc/{pid}/fd").iterdir() if path.exists() or path.is_symlink()}
    sockets = {name[len("socket:[") : -1] for name in held if name.startswith("socket:[")}
    tables = [Path(f"/proc/{pid}/net/{name}").read_text() for name in ("tcp", "tcp6")]
    rows = [line.split() for table in tables for line in table.splitlines()]
    return {int(row[1].rpartition(":")[2], 16) for row in rows if row[3] == "0A" and row[9] in sockets}


# ------------------------------------------------------------------------------------- the package's command
def run(*arguments: str, language: str = "C") -> subprocess.CompletedProcess[str]:
    command, told = ["sh", str(DATA / "convergences-https"), *arguments], os.environ | {"LC_ALL": f"{language}.UTF-8"}
    return subprocess.run(command, env=told, capture_output=True, text=True, timeout=20)


STANDING_IN = {
    "id": "echo 0",
    "setpriv": 'while [ "${1#--}" != "$1" ]; do case $1 in --re*id) shift 2 ;; *) shift ;; esac; done; exec "$@"',
    "systemctl": 'echo "$*" >>"$CALLS"; case $1 in is-*) exit "$CADDY" ;; esac',
    "dpkg": '[ -z "$CHANGED" ] || echo "??5?????? c /etc/caddy/Caddyfile"',
    "sync": 'echo "sync $*" >>"$CALLS"',
    "mv": 'echo "mv $*" >>"$CALLS"; exec /bin/mv "$@"',
    "caddy": "",
}


class Machine:
    """Where the command may do its work: its places moved, and what only root may call told to write down how."""

    def __init__(self, folder: Path) -> None:
        self.node, self.made, self.calls = folder / "node", folder / "made" / "root.crt", folder / "calls"
        self._bin, self._script = folder / "bin", folder / "command"
        for each in (self.node, self.made.parent, self._bin):
            each.mkdir()
        for name, text in STANDING_IN.items():
            (self._bin / name).write_text(f"#!/bin/sh\n{text}\n")
            (self._bin / name).chmod(0o755)
        text = (DATA / "convergences-https").read_text()
        for ours, here in (
            ("/var/lib/private/convergences-https/root.crt", self.made),
            ("/var/lib/convergences", self.node),
            ("/usr/bin/caddy", self._bin / "caddy"),
            ("/usr/lib/convergences/local-name", DATA / "local-name"),
        ):
            assert str(ours) in text
            text = text.replace(str(ours), str(here))
        self._script.write_text(text)
        self.told = {"CALLS": str(self.calls), "CADDY": "1", "CHANGED": ""}

    def run(self, what: str) -> subprocess.CompletedProcess[str]:
        told = os.environ | {"LC_ALL": "C.UTF-8"} | self.told | {"PATH": f"{self._bin}:{os.environ['PATH']}"}
        command = ["sh", str(self._script), what]
        return subprocess.run(command, env=told, capture_output=True, text=True, timeout=20)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    (tmp_path / "machine").mkdir()
    made = Machine(tmp_path / "machine")
    make_root(made.made.parent, HOST, NOW)
    (made.node / "convergences.toml").touch()
    return made


def test_on_gives_the_node_the_certificate_alone_and_off_takes_it_back(machine: Machine) -> None:
    done = machine.run("on")
    assert done.returncode == 0, done.stderr
    found = read_certificate(machine.node)
    assert found is not None
    assert found.fingerprint in done.stdout
    assert [path.name for path in (machine.node / PUBLISHED).parent.iterdir()] == ["root.crt"]
    assert "restart convergences-https.service" in machine.calls.read_text()
    done = machine.run("off")
    assert done.returncode == 0, done.stderr
    assert read_certificate(machine.node) is None
    assert machine.made.exists()


def test_the_certificate_is_on_the_card_before_it_has_its_name(machine: Machine) -> None:
    """A plug that is pulled out then leaves all of it or nothing, and nothing is not said to be on."""
    machine.told |= {"CADDY": "0"}
    assert machine.run("on").returncode == 0
    place = (machine.node / PUBLISHED).parent
    calls = machine.calls.read_text().splitlines()
    moved = calls.index(f"mv {place}/root.crt.part {place}/root.crt")
    assert calls.index(f"sync {place}/root.crt.part") < moved < calls.index(f"sync {place}")
    assert machine.run("status").stdout.startswith("on\n")
    (machine.node / PUBLISHED).write_bytes(b"")
    assert machine.run("status").stdout == "off\n"


def test_the_fingerprint_is_of_what_was_made_whatever_the_node_shows(machine: Machine) -> None:
    """It is what the printed page is compared with. A node that was broken into could show a root of its own, which
    every telephone of the town would take."""
    machine.told |= {"CADDY": "0"}
    assert machine.run("on").returncode == 0
    made = machine.run("status")
    assert made.returncode == 0 and made.stderr == ""
    shown = machine.node / PUBLISHED
    (machine.node / "other").mkdir()
    make_root(machine.node / "other", HOST, NOW)
    (machine.node / "other/root.crt").replace(shown)
    other = machine.run("status")
    assert other.stdout == made.stdout
    assert other.returncode == 1 and "the node shows another certificate" in other.stderr
    shown.unlink()
    shown.symlink_to("/dev/zero")  # without an end, for whoever reads it to there
    assert machine.run("on").returncode == 0
    assert machine.run("status").stdout == made.stdout and not shown.is_symlink()


def test_a_town_that_is_not_set_up_yet_is_set_up_first(machine: Machine) -> None:
    """What lay in its folder would keep the setup from beginning."""
    (machine.node / "convergences.toml").unlink()
    assert "set the town up first" in machine.run("on").stderr
    machine.told |= {"LC_ALL": "fr_FR.UTF-8"}
    assert "installez d'abord la ville" in machine.run("on").stderr
    assert list(machine.node.iterdir()) == []


def test_a_caddy_that_somebody_has_set_up_is_left_alone(machine: Machine) -> None:
    machine.told |= {"CADDY": "0", "CHANGED": "yes"}
    refused = machine.run("on")
    assert refused.returncode == 1
    assert "systemctl disable --now caddy" in refused.stderr
    assert "restart" not in machine.calls.read_text()
    machine.told |= {"CHANGED": ""}
    assert machine.run("on").returncode == 0
    calls = machine.calls.read_text()
    assert "disable --quiet --now caddy.service" in calls
    assert "reset-failed caddy.service" in calls, "it had failed at port 80, and nothing is left of that"


def test_the_command_tells_what_it_does_and_refuses_what_it_does_not_know() -> None:
    told = run("--help")
    assert told.returncode == 0
    assert "on|off|status" in told.stdout
    for arguments in ((), ("maybe",), ("on; rm",)):
        refused = run(*arguments)
        assert refused.returncode == 2
        assert "on|off|status" in refused.stderr
    french = run("--help", language="fr_FR")
    assert french.returncode == 0 and french.stderr == ""
    assert "le certificat de la" in french.stdout and french.stdout.count("\n") == told.stdout.count("\n")


def test_the_command_says_everything_in_both_languages() -> None:
    """Whatever it says by `say` or `fail` is said twice: in French, then in English."""
    text = (DATA / "convergences-https").read_text().replace("\\\n", " ")
    said = re.findall(r"^.*\b(?:say|fail) (\".*)$", text, re.MULTILINE)
    assert said
    for line in said:
        assert len(re.findall(r'"[^"]+"', line)) == 2, line
