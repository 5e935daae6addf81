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


def given_socket() -> socket.socket | None:
    """The listening socket that systemd passed to this process, if any. It is left open for the next program that
    this process becomes."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()) or not os.environ.get("LISTEN_FDS", "0").isdigit():
        return None
    if int(os.environ.get("LISTEN_FDS", "0")) < 1:
        return None
    os.set_inheritable(FIRST_GIVEN, True)
    return socket.socket(fileno=os.dup(FIRST_GIVEN))


def own_socket(host: str, port: int) -> socket.socket:
    """A socket of our own; raises `OSError` if the address is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=QUEUE)
