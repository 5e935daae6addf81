# SPDX-License-Identifier: AGPL-3.0-or-later
"""Addresses as people write them."""

from __future__ import annotations

from convergences_node.network import addresses
from convergences_node.network.libp2p_link import key_of, peer_id_of
from hypothesis import given
from hypothesis import strategies as st


@given(st.binary(min_size=32, max_size=32))
def test_a_peer_id_is_the_librarys_and_leads_back_to_the_key(key: bytes) -> None:
    """We write and read ids without the library; both must say the same."""
    text = addresses.peer_id(key)
    assert text == str(peer_id_of(key))
    assert addresses.key_of_peer_id(text) == key == key_of(peer_id_of(key))


def test_what_is_no_peer_id_names_no_key() -> None:
    for text in ("", "12D3KooW", "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N", "0OIl", "1" * 60, "é"):
        assert addresses.key_of_peer_id(text) is None


def test_addresses_are_gathered_by_the_key_they_name() -> None:
    key = bytes(range(32))
    one = f"/ip4/192.0.2.1/tcp/4750/p2p/{addresses.peer_id(key)}"
    two = f"/dns4/noeud.example/tcp/4750/p2p/{addresses.peer_id(key)}"
    assert addresses.by_key([one, "http://noeud.example", "/ip4/192.0.2.1/tcp/1", two]) == {key: [one, two]}
    assert addresses.merged({key: [one]}, {key: [two, one]}) == {key: [one, two]}


def test_others_are_told_addresses_that_lead_somewhere() -> None:
    """What the operator announces wins; a free port that is not taken yet, and `0.0.0.0`, say nothing."""
    key = bytes(32)
    name = addresses.peer_id(key)
    assert addresses.told_addresses([], ["/ip4/127.0.0.1/tcp/0"], key) == []
    assert addresses.told_addresses(["/ip4/198.51.100.7/tcp/1"], ["/ip4/127.0.0.1/tcp/2"], key) == [
        f"/ip4/198.51.100.7/tcp/1/p2p/{name}"
    ]
    (told,) = addresses.told_addresses([], ["/ip4/0.0.0.0/tcp/4750"], key)
    assert "0.0.0.0" not in told and told.endswith(f"/tcp/4750/p2p/{name}")
