# SPDX-License-Identifier: AGPL-3.0-or-later
"""The one configuration file of a node, `convergences.toml`, in the node's folder.

Few choices. Each is described where it is declared: here what concerns the whole node, in a room's `settings.py` what
concerns that room. A wrong value or an unknown setting is refused with one sentence that names the setting; nothing is
guessed and nothing is ignored. How the choices are written down for a person is `config_text.py`.
What a node learns while it lives (its agglomeration, the logs it keeps, the addresses of peers) is in its archive,
not here.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from convergences_protocol.errors import Fault, LocalError
from msgspec import Meta

from convergences_node.backup.settings import BackupSection
from convergences_node.blobs.settings import BlobsSection
from convergences_node.linked.settings import LinkedSection
from convergences_node.network.settings import DiscoverySection, P2pSection, PeersSection
from convergences_node.relay.settings import RelaySection
from convergences_node.section import PORT_MAX, Port, Section
from convergences_node.toml_file import read_toml, tables_of
from convergences_node.vault.settings import VaultSection
from convergences_node.web.settings import HttpSection, MapSection

CONFIG_NAME = "convergences.toml"
CONFIG_BYTES_MAX = 65_536
"""A person writes this file; one that is larger is not ours."""

MENDED = "mend it by hand, or take it from the backup; nothing that was written is in it"
"""The next step for a settings file that was torn."""

_LIBP2P = re.compile(r"/(?P<how>ip4|ip6|dns|dns4|dns6)/(?P<host>[^/]+)/tcp/(?P<port>[0-9]{1,5})(?P<peer>/p2p/\w+)?")
_HTTP = re.compile(r"https?://\S+")
_CONTACT = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(\.[\w-]{1,63}){1,8}|https://[\w-][^\s<>\"]{2,290}", re.ASCII)
_PUBLIC_URL = re.compile(r"https?://([A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?/?")


class NodeSection(Section):
    """Who this node is."""

    name: Annotated[
        str, Meta(min_length=1, max_length=200, description="Name shown to people, such as the town's own name.")
    ]
    territory: Annotated[
        str,
        Meta(
            min_length=5,
            max_length=20,
            description="Territory this node answers for: `FR-` and an INSEE code, or a SIREN number.",
        ),
    ]
    kind: Annotated[
        Literal["town", "agglomeration"],
        Meta(
            description="`agglomeration` if this node holds a cluster's charter and keeps its towns' logs; else `town`."
        ),
    ] = "town"
    licence: Annotated[
        str,
        Meta(
            max_length=200,
            pattern=r"^https?://[^\s<>\"]+$",
            description="Licence of what is taken from here, by its address; a record that names its own keeps that.",
        ),
    ] = "https://opendatacommons.org/licenses/odbl/"


class AlertsSection(Section):
    """Letters to the operator when something needs a person now."""

    to: Annotated[
        list[Annotated[str, Meta(pattern=r"^[^@\s]{1,64}@[^@\s]{1,190}$")]],
        Meta(max_length=8, description="Who is written to; empty: nobody."),
    ] = msgspec.field(default_factory=list)
    sender: Annotated[
        str,
        Meta(
            pattern=r"^([^@\s]{1,64}@[^@\s]{1,190})?$",
            description="Whom the letters are from; empty: the first who is written to.",
        ),
    ] = ""
    host: Annotated[str, Meta(max_length=253, description="The mail server that takes them.")] = "localhost"
    port: Annotated[Port, Meta(description="Its port: 587 with `starttls`, 465 with `tls`, 25 with `none`.")] = 587
    security: Annotated[
        Literal["starttls", "tls", "none"],
        Meta(description="How the line to the mail server is protected; `none` only for one on this machine."),
    ] = "starttls"
    user: Annotated[str, Meta(max_length=200, description="User name at the mail server; empty: none is asked.")] = ""
    password_file: Annotated[
        str,
        Meta(max_length=200, description="A file with that user's password; a name alone is in the node's folder."),
    ] = ""


class LogsSection(Section):
    """What the node writes about itself, to standard error."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="The least grave event that is written.")
    ] = "info"


class LimitsSection(Section):
    """Bounds that a larger or smaller machine may want to move."""

    connections: Annotated[int, Meta(ge=4, le=10_000, description="Peer to peer connections held at once.")] = 256
    peer_streams: Annotated[int, Meta(ge=2, le=256, description="Streams one peer may hold open towards us.")] = 16
    ping_s: Annotated[int, Meta(ge=1, le=600, description="Seconds between two pings of a silent peer.")] = 45
    requests_per_second: Annotated[
        float, Meta(ge=0, le=100_000, description="Requests a second one reader may make, after a burst; 0: no bound.")
    ] = 50.0
    requests_burst: Annotated[int, Meta(ge=1, le=100_000, description="Requests one reader may make at once.")] = 300
    http_poll_s: Annotated[
        int, Meta(ge=1, le=86_400, description="Seconds between two looks at a peer reached over HTTP only.")
    ] = 60


class Config(Section):
    """The whole of `convergences.toml`."""

    node: NodeSection
    http: HttpSection = msgspec.field(default_factory=HttpSection)
    map: MapSection = msgspec.field(default_factory=MapSection)
    p2p: P2pSection = msgspec.field(default_factory=P2pSection)
    peers: PeersSection = msgspec.field(default_factory=PeersSection)
    discovery: DiscoverySection = msgspec.field(default_factory=DiscoverySection)
    backup: BackupSection = msgspec.field(default_factory=BackupSection)
    blobs: BlobsSection = msgspec.field(default_factory=BlobsSection)
    vault: VaultSection = msgspec.field(default_factory=VaultSection)
    linked: LinkedSection = msgspec.field(default_factory=LinkedSection)
    relay: RelaySection = msgspec.field(default_factory=RelaySection)
    alerts: AlertsSection = msgspec.field(default_factory=AlertsSection)
    logs: LogsSection = msgspec.field(default_factory=LogsSection)
    limits: LimitsSection = msgspec.field(default_factory=LimitsSection)


def load_config(folder: Path) -> Config:
    """Read the folder's configuration, or refuse with the reason and what to do."""
    path = folder / CONFIG_NAME
    absent = LocalError(
        f"no node in {folder}: {CONFIG_NAME} is not there",
        hint="convergences init",
        fault=Fault("", "folder_without_node", {"folder": str(folder), "file": CONFIG_NAME}),
    )
    data = read_toml(path, CONFIG_BYTES_MAX, absent)
    return parse_config(data, str(path))


def parse_config(data: bytes, path: str = CONFIG_NAME) -> Config:
    """Turn the file's bytes into a `Config`; `path` is only for the sentence of a refusal."""
    tables = tables_of(data, path, hint=MENDED)
    try:
        config = msgspec.convert(tables, Config)
    except msgspec.ValidationError as error:
        raise LocalError(
            f"{path}: {_sentence(str(error))}",
            hint="docs/configuration.md lists the settings",
            fault=Fault("", "setting_wrong", {"file": path, "reason": _sentence(str(error))}),
        ) from None
    _check_addresses(config, path)
    _check_public_url(config, path)
    _check_contact(config, path)
    _check_timezone(config, path)
    return config


def _sentence(message: str) -> str:
    """Turn msgspec's message into one that begins with the setting's name."""
    what, _, where = message.partition(" - at `$.")
    where = where.rstrip("`")
    what = what[:1].lower() + what[1:]
    return f"{where}: {what}" if where else what


def _check_addresses(config: Config, path: str) -> None:
    for name, addresses in (("p2p.listen", config.p2p.listen), ("p2p.announce", config.p2p.announce)):
        for address in addresses:
            if not _is_libp2p(address):
                raise LocalError(
                    f"{path}: {name}: {address!r} is not an address such as /ip4/0.0.0.0/tcp/4750",
                    fault=Fault("", "setting_address", {"file": path, "setting": name, "given": address}),
                )
    for address in config.peers.addresses:
        if not (_is_libp2p(address, with_peer=True) or _HTTP.fullmatch(address)):
            raise LocalError(
                f"{path}: peers.addresses: {address!r} is neither /ip4/…/tcp/…/p2p/<id> nor http://…",
                hint="convergences status, run at the peer, shows its addresses",
                fault=Fault("", "setting_peer_address", {"file": path, "given": address}),
            )


def _is_libp2p(address: str, with_peer: bool = False) -> bool:
    """Whether libp2p could make something of it; its own reader takes a fifth of a second to load (multiaddr)."""
    found = _LIBP2P.fullmatch(address)
    if found is None or int(found["port"]) > PORT_MAX or (with_peer and not found["peer"]):
        return False
    try:
        return found["how"].startswith("dns") or f"ip{ip_address(found['host']).version}" == found["how"]
    except ValueError:
        return False


def _check_public_url(config: Config, path: str) -> None:
    """The pages begin at the root of their host: an address with a path would lead to pages that are not there."""
    url = config.http.public_url
    if url and not _PUBLIC_URL.fullmatch(url):
        raise LocalError(
            f"{path}: http.public_url: {url!r} is not an address such as https://stains.example",
            fault=Fault("", "setting_public_url", {"file": path, "given": url}),
        )


def _check_contact(config: Config, path: str) -> None:
    """What a reader is told to write to is a link on a page: an e-mail address or a page's, nothing else."""
    contact = config.http.contact
    if contact and not _CONTACT.fullmatch(contact):
        raise LocalError(
            f"{path}: http.contact: {contact!r} is neither an e-mail address nor one that begins with https://",
            fault=Fault("", "setting_contact", {"file": path, "given": contact}),
        )


def _check_timezone(config: Config, path: str) -> None:
    """Lists and the hour of the backups are by it."""
    name = config.http.timezone
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise LocalError(
            f"{path}: http.timezone: no time zone is called {name!r}",
            fault=Fault("", "setting_timezone", {"file": path, "given": name}),
        ) from None
