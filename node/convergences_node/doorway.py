# SPDX-License-Identifier: AGPL-3.0-or-later
"""Where pages listen: a socket that systemd gives, or one of our own, kept open from the first page to the last.

The setup's pages and then the town's stand behind the same socket, each with a copy of it; between the two, and while
a node starts again, whoever asks waits in the socket's queue and is refused by nobody. systemd gives a socket to a
service that may not open port 80 itself (sd_listen_fds(3)).
"""

from __future__ import annotations

import os
import socket

FIRST_GIVEN = 3
"""SD_LISTEN_FDS_START."""
QUEUE = 128


HANDED_OVER = "handed-over"
"""The name (LISTEN_FDNAMES) of a socket that this program gave to itself."""


def given_socket() -> socket.socket | None:
    """The listening socket that this process was started with, if any. One of systemd's is left open for the next
    program that this process becomes; one that was handed over serves this one alone."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()) or os.environ.get("LISTEN_FDS", "0") == "0":
        return None
    given = socket.socket(fileno=os.dup(FIRST_GIVEN))
    if os.environ.get("LISTEN_FDNAMES") == HANDED_OVER:
        for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"):
            del os.environ[name]
        os.close(FIRST_GIVEN)
    else:
        os.set_inheritable(FIRST_GIVEN, True)
    return given


def hand_over(listening: socket.socket) -> None:
    """Leave this socket to the program that this process is about to become, unless it has one of systemd's."""
    if os.environ.get("LISTEN_PID") == str(os.getpid()):
        return
    os.dup2(listening.fileno(), FIRST_GIVEN)
    os.set_inheritable(FIRST_GIVEN, True)  # not by dup2, which does nothing where it is that number already
    os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1", "LISTEN_FDNAMES": HANDED_OVER}


def own_socket(host: str, port: int) -> socket.socket:
    """A socket of our own; raises `OSError` if the address is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=QUEUE)


def address_of(host: str, port: int) -> str:
    """What leads to a page that is served there (RFC 3986, section 3.2.2: an IPv6 address stands in brackets)."""
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"
