# SPDX-License-Identifier: AGPL-3.0-or-later
"""Where the pages are served and what maps are drawn on: the `[http]` and `[map]` tables of `convergences.toml`."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from convergences_node.section import Port, Section


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
    contact: Annotated[
        str,
        Meta(
            max_length=300,
            description="Where a reader asks for a mistake to be mended or an entry erased: an e-mail address, or the"
            " `https://` address of a page; shown on the pages that speak of it; empty: they say to ask at the desk.",
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
