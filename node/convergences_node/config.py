# SPDX-License-Identifier: AGPL-3.0-or-later
"""The one configuration file of a node, `convergences.toml`, in the node's folder.

Few choices. Each is described where it is declared, and `docs/configuration.md` is generated from here. A wrong value
or an unknown setting is refused with one sentence that names the setting; nothing is guessed and nothing is ignored.
What a node learns while it lives (its agglomeration, the logs it keeps, the addresses of peers) is in its archive,
not here.
"""

from __future__ import annotations

import ipaddress
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_type_hints

import msgspec
from convergences_protocol.errors import Fault, LocalError
from msgspec import Meta

from convergences_node.blobs.settings import BlobsSection
from convergences_node.relay.settings import RelaySection
from convergences_node.section import Section
from convergences_node.vault.settings import VaultSection

CONFIG_NAME = "convergences.toml"
CONFIG_BYTES_MAX = 65_536
"""A person writes this file; one that is larger is not ours."""

MENDED = "mend it by hand, or take it from the backup; nothing that was written is in it"
"""The next step for a settings file that was torn."""

_PUBLIC_URL = re.compile(r"https?://([A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?/?")
ADDRESSES_MAX = 64
"""Enough for every way to reach a cluster's nodes that a person would type by hand."""

Port = Annotated[int, Meta(ge=0, le=65_535)]
Addresses = Annotated[list[str], Meta(max_length=ADDRESSES_MAX)]


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


class HttpSection(Section):
    """The pages, the API and the log tiles, all on one port."""

    host: Annotated[str, Meta(description="Address to listen on; `0.0.0.0` serves the local network.")] = "127.0.0.1"
    port: Annotated[Port, Meta(description="Port to listen on; 0 takes a free one.")] = 8750
    public_url: Annotated[
        str,
        Meta(
            max_length=500,
            description="Address under which the world reaches these pages, such as `https://stains.example`: put in"
            " invitations, calendars, feeds, embeds, the sitemap; empty: the address that each reader came by.",
        ),
    ] = ""
    language: Annotated[
        Literal["fr", "en"],
        Meta(description="Language of a page for a reader whose browser asks for none that exists."),
    ] = "fr"
    timezone: Annotated[
        str, Meta(max_length=60, description="Hours on the pages, for records that name no time zone of their own.")
    ] = "Europe/Paris"
    proxies_trusted: Annotated[
        list[str],
        Meta(
            max_length=16, description="Addresses of proxies in front of the node, whose `X-Forwarded-For` is believed."
        ),
    ] = msgspec.field(default_factory=list)


class MapSection(Section):
    """What maps are drawn on. Without a file they show the outlines of the communes, which every node has."""

    tiles: Annotated[
        str,
        Meta(
            max_length=200,
            pattern=r"^([A-Za-z0-9][A-Za-z0-9._-]*\.pmtiles)?$",
            description="A `.pmtiles` file in the node's folder (a basemap of Protomaps), for everyone; empty if none.",
        ),
    ] = ""


class P2pSection(Section):
    """The peer to peer network (libp2p)."""

    enabled: Annotated[bool, Meta(description="Without it, the node exchanges with its peers over HTTP only.")] = True
    listen: Annotated[
        Addresses, Meta(description="Multiaddresses to listen on; a port of 0 takes a free one; empty: dial out only.")
    ] = msgspec.field(default_factory=lambda: ["/ip4/0.0.0.0/tcp/4750"])
    announce: Annotated[
        Addresses,
        Meta(description="Multiaddresses under which others reach this node, put in invitations; empty: as listened."),
    ] = msgspec.field(default_factory=list)


class PeersSection(Section):
    """Where to look for peers, besides what invitations and the local network teach."""

    addresses: Annotated[
        Addresses,
        Meta(description="Peers to keep a link with: multiaddresses ending in `/p2p/<id>`, or `http(s)://` addresses."),
    ] = msgspec.field(default_factory=list)


class DiscoverySection(Section):
    """Finding peers on the local network."""

    zeroconf: Annotated[
        bool, Meta(description="Announce this node on the local network as `_convergences._tcp`, and look for others.")
    ] = True


class BackupSection(Section):
    """Where the encrypted backup of every night goes; only the recovery sheet opens it."""

    folder: Annotated[
        str,
        Meta(max_length=500, description="Folder of the nightly backup; empty: the stick that is plugged in."),
    ] = ""
    hour: Annotated[int, Meta(ge=0, le=23, description="Hour of the night, in the time zone of the pages.")] = 3
    keep: Annotated[int, Meta(ge=1, le=1_000, description="Backups kept in that folder; the oldest go.")] = 7
    archive: Annotated[
        Literal["own", "all"],
        Meta(description="Which logs are in it: the node's `own`, or `all` that it keeps, for want of peers."),
    ] = "own"


class LinkedSection(Section):
    """The records as a graph that can be asked in SPARQL, kept in a folder beside the index."""

    sparql: Annotated[
        Literal["auto", "on", "off"],
        Meta(description="Answer queries at `/sparql`; `auto`: an agglomeration does, a town does not."),
    ] = "auto"


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
    try:
        with path.open("rb") as file:
            data = file.read(CONFIG_BYTES_MAX + 1)
    except FileNotFoundError:
        raise LocalError(
            f"no node in {folder}: {CONFIG_NAME} is not there",
            hint="convergences init",
            fault=Fault("", "folder_without_node", {"folder": str(folder), "file": CONFIG_NAME}),
        ) from None
    except OSError as error:
        raise LocalError(
            f"{path} cannot be read: {error.strerror}",
            fault=Fault("", "file_unreadable", {"file": str(path), "reason": error.strerror}),
        ) from error
    if len(data) > CONFIG_BYTES_MAX:
        raise LocalError(
            f"{path} is larger than {CONFIG_BYTES_MAX} bytes",
            fault=Fault("", "file_large", {"file": str(path), "bytes_max": CONFIG_BYTES_MAX}),
        )
    return parse_config(data, str(path))


def parse_config(data: bytes, path: str = CONFIG_NAME) -> Config:
    """Turn the file's bytes into a `Config`; `path` is only for the sentence of a refusal."""
    try:
        tables = tomllib.loads(data.decode("utf-8"))
    except UnicodeDecodeError:
        raise LocalError(
            f"{path} is not UTF-8 text", hint=MENDED, fault=Fault("", "file_not_text", {"file": path})
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise LocalError(
            f"{path} is not TOML: {error}",
            hint=MENDED,
            fault=Fault("", "file_not_toml", {"file": path, "reason": str(error)}),
        ) from None
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
            if not re.fullmatch(r"/(ip4|ip6|dns|dns4|dns6)/[^/]+/tcp/\d{1,5}(/p2p/\w+)?", address):
                raise LocalError(
                    f"{path}: {name}: {address!r} is not an address such as /ip4/0.0.0.0/tcp/4750",
                    fault=Fault("", "setting_address", {"file": path, "setting": name, "given": address}),
                )
    for address in config.peers.addresses:
        if not re.fullmatch(r"/(ip4|ip6|dns|dns4|dns6)/[^/]+/tcp/\d{1,5}/p2p/\w+|https?://[^\s]+", address):
            raise LocalError(
                f"{path}: peers.addresses: {address!r} is neither /ip4/…/tcp/…/p2p/<id> nor http://…",
                hint="convergences status, run at the peer, shows its addresses",
                fault=Fault("", "setting_peer_address", {"file": path, "given": address}),
            )


def _check_public_url(config: Config, path: str) -> None:
    """The pages begin at the root of their host: an address with a path would lead to pages that are not there."""
    url = config.http.public_url
    if url and not _PUBLIC_URL.fullmatch(url):
        raise LocalError(
            f"{path}: http.public_url: {url!r} is not an address such as https://stains.example",
            fault=Fault("", "setting_public_url", {"file": path, "given": url}),
        )


def loopback_only(config: Config) -> bool:
    """Whether the node listens on this machine alone, so that nothing should be said on the local network."""
    hosts = [config.http.host] + [address.split("/")[2] for address in config.p2p.listen if config.p2p.enabled]
    return all(_is_loopback(host) for host in hosts)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def write_config(config: Config) -> str:
    """Return the text of a configuration file, each setting under its description."""
    lines: list[str] = ["# Settings of this node. Every setting is described in docs/configuration.md."]
    for section_name, section in _sections():
        values = getattr(config, section_name)
        lines += ["", f"# {section.__doc__}", f"[{section_name}]"]
        for name, description, _default in settings_of(section):
            lines += [f"# {description}", f"{name} = {_toml(getattr(values, name))}"]
    return "\n".join(lines) + "\n"


def settings_of(section: type[Section]) -> Iterator[tuple[str, str, object]]:
    """Each setting of a section: its name, description and default (`msgspec.NODEFAULT` where one must be given)."""
    hints = get_type_hints(section, include_extras=True)
    for field in msgspec.structs.fields(section):
        default = field.default_factory() if field.default_factory is not msgspec.NODEFAULT else field.default
        yield field.name, _description(hints[field.name]), default


def describe_settings() -> str:
    """Return `docs/configuration.md`, generated from the declarations above."""
    lines = [
        "# Configuration",
        "",
        f"One file, `{CONFIG_NAME}`, in the node's folder. `convergences init` writes it with every setting and what",
        "it is; a wrong value or an unknown name is refused when the node starts. What a node learns while it lives",
        "(its agglomeration, the logs it keeps, its peers' addresses) is in its archive, not here.",
        "",
        "This page is generated by `python docs/make_configuration.py`.",
    ]
    for section_name, section in _sections():
        lines += [
            "",
            f"## `[{section_name}]`",
            "",
            str(section.__doc__),
            "",
            "| setting | default | what it is |",
            "|---|---|---|",
        ]
        for name, description, default in settings_of(section):
            shown = "(required)" if default is msgspec.NODEFAULT else f"`{_toml(default)}`"
            lines.append(f"| `{name}` | {shown} | {description} |")
    return "\n".join(lines) + "\n"


def _sections() -> Iterator[tuple[str, type[Section]]]:
    yield from get_type_hints(Config).items()


def _description(hint: Any) -> str:
    for meta in get_args(hint)[1:]:
        if isinstance(meta, Meta) and meta.description:
            return meta.description
    raise AssertionError(f"a setting of type {hint} has no description")


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(one) for one in value) + "]"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return '"' + "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in escaped) + '"'
    return str(value)
