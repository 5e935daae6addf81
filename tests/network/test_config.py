# SPDX-License-Identifier: AGPL-3.0-or-later
"""One file, few settings, each described; a wrong value is refused with a sentence that names it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from convergences_node.config import Config, NodeSection, load_config, parse_config
from convergences_node.config_text import describe_settings, write_config
from convergences_node.network.settings import loopback_only
from convergences_protocol.errors import LocalError

MINIMAL = b'[node]\nname = "Saint-Denis"\nterritory = "FR-93066"\n'


def test_the_page_of_settings_is_the_declarations() -> None:
    """Every setting is described, in the docs as in the code."""
    page = Path(__file__).parents[2] / "docs" / "configuration.md"
    assert page.read_text(encoding="utf-8") == describe_settings(), "run docs/make_configuration.py"


def test_what_is_written_is_read_back() -> None:
    """The file that `init` writes says every setting, whatever the name has in it."""
    config = Config(node=NodeSection(name='L\'Île "Saint-Denis" \\ \u2028', territory="FR-93039"))
    assert parse_config(write_config(config).encode()) == config


def test_defaults_need_only_a_name_and_a_territory() -> None:
    config = parse_config(MINIMAL)
    assert (config.node.kind, config.http.port, config.p2p.enabled) == ("town", 8750, True)


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        (b"[http]\nport = 'http'\n", "http.port: expected `int`"),
        (b"[http]\nport = 70000\n", "http.port: expected `int` <= 65535"),
        (b"[http]\nprot = 1\n", "http: object contains unknown field `prot`"),
        (b"[htpp]\n", "object contains unknown field `htpp`"),
        (b"[logs]\nlevel = 'verbose'\n", "logs.level: invalid enum value 'verbose'"),
        (b"[p2p]\nlisten = ['0.0.0.0:4750']\n", "p2p.listen: '0.0.0.0:4750' is not an address"),
        (b"[p2p]\nlisten = ['/ip4/0.0.0.0/tcp/70000']\n", "p2p.listen"),
        (b"[p2p]\nlisten = ['/ip4/192.0.2.256/tcp/4750']\n", "p2p.listen"),
        (b"[p2p]\nannounce = ['/ip6/192.0.2.1/tcp/4750']\n", "p2p.announce"),
        (b"[peers]\naddresses = ['/ip4/192.0.2.1/tcp/4750']\n", "peers.addresses"),
        (b"[http]\npublic_url = 'stains.example'\n", "http.public_url: 'stains.example' is not an address"),
        (b"[http]\npublic_url = 'https://stains.example/archive'\n", "http.public_url"),
        (b"[http]\ntimezone = 'Europe/Pariss'\n", "http.timezone: no time zone is called 'Europe/Pariss'"),
        (b"[http]\ntimezone = 'Europe'\n", "http.timezone"),
        (b"[http]\ntimezone = '../Paris'\n", "http.timezone"),
        (b"[http]\ntimezone = ''\n", "http.timezone"),
        (b"[http]\ncontact = 'au guichet'\n", "http.contact: 'au guichet' is neither an e-mail address nor"),
        (b"[http]\ncontact = 'javascript:alert(1)@x.example'\n", "http.contact"),
        (b"[http]\ncontact = 'http://stains.example/contact'\n", "http.contact"),
        (b"[http\n", "is not TOML"),
        (b"\xff\xfe", "is not UTF-8"),
    ],
)
def test_a_wrong_value_is_refused_with_a_sentence(lines: bytes, sentence: str) -> None:
    with pytest.raises(LocalError) as refused:
        parse_config(MINIMAL + lines)
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_folder_without_a_node_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(LocalError) as refused:
        load_config(tmp_path)
    assert refused.value.hint == "convergences init"


@pytest.mark.parametrize(
    ("host", "listen", "alone"),
    [
        ("127.0.0.1", ["/ip4/127.0.0.1/tcp/0"], True),
        ("::1", [], True),
        ("127.0.0.1", ["/ip4/0.0.0.0/tcp/4750"], False),
        ("0.0.0.0", ["/ip4/127.0.0.1/tcp/0"], False),
        ("noeud.local", ["/dns4/localhost/tcp/1"], False),
    ],
)
def test_nothing_is_said_on_the_network_by_a_node_that_listens_to_itself_alone(
    host: str, listen: list[str], alone: bool
) -> None:
    """Zeroconf stays off for tests and demos, which listen on loopback only."""
    config = parse_config(MINIMAL)
    http = msgspec.structs.replace(config.http, host=host)
    p2p = msgspec.structs.replace(config.p2p, listen=listen)
    assert loopback_only(msgspec.structs.replace(config, http=http, p2p=p2p)) is alone
