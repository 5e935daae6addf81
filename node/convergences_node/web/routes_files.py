# SPDX-License-Identifier: AGPL-3.0-or-later
"""The addresses of files: the signed logs as tiles and bundles, files by their digest, the newer program on offer."""

from __future__ import annotations

from convergences_node.web import blob_files, logs, media_files, update_files
from convergences_node.web.parameters import BUNDLE, DIGEST, LEVEL, LOG, TILE
from convergences_node.web.route import BYTES, NOTE, Route

FILE = ("log-unknown", "tile-absent")
IN_RANGES = ((206, "The range that was asked for."), (416, "There is nothing in that range."))
"""What is said besides where a file is given by ranges (RFC 9110 section 14)."""
STREAM_SECONDS_MAX = 360.0
"""A bundle of bodies may hold 16 MiB, on a line that carries 50 kB a second."""

FILES: tuple[Route, ...] = (
    # The signed logs
    Route(
        "/log/{territory}/{epoch}/checkpoint",
        logs.log_checkpoint,
        None,
        NOTE,
        group="log",
        path_parameters=LOG,
        problems=FILE,
        whole=False,
    ),
    Route(
        "/log/{territory}/{epoch}/tile/entries/{bundle}",
        logs.log_entries,
        None,
        BYTES,
        group="log",
        path_parameters=(*LOG, BUNDLE),
        problems=FILE,
        whole=False,
    ),
    Route(
        "/log/{territory}/{epoch}/tile/{level}/{tile}",
        logs.log_tile,
        None,
        BYTES,
        group="log",
        path_parameters=(*LOG, LEVEL, TILE),
        problems=FILE,
        whole=False,
    ),
    Route(
        "/log/{territory}/{epoch}/bodies/{bundle}",
        logs.log_bodies,
        None,
        BYTES,
        group="log",
        path_parameters=(*LOG, BUNDLE),
        problems=FILE,
        whole=False,
        seconds_max=STREAM_SECONDS_MAX,
    ),
    Route(
        "/media/{digest}",
        media_files.media_show,
        None,
        "*/*",
        group="take",
        path_parameters=(DIGEST,),
        other_statuses=IN_RANGES,
        problems=("not-found",),
        whole=False,
        seconds_max=STREAM_SECONDS_MAX,
    ),
    # Files by their digest
    Route(
        "/blobs/{digest}",
        blob_files.blob_show,
        None,
        BYTES,
        group="log",
        path_parameters=(DIGEST,),
        other_statuses=IN_RANGES,
        problems=("not-found",),
        whole=False,
        seconds_max=STREAM_SECONDS_MAX,
    ),
    Route(
        "/update/release",
        update_files.release_show,
        None,
        NOTE,
        group="log",
        problems=("not-found",),
        whole=False,
    ),
)
