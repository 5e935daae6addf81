# SPDX-License-Identifier: AGPL-3.0-or-later
"""One connection out of the emulated machine, to a port of this machine's loopback: from stdin and to stdout.

The emulator starts it for each connection to an address that it was told of (QEMU, `guestfwd=…-cmd:…`).
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import threading

PIECE_BYTES = 65_536


def main() -> None:
    """Carry bytes both ways until both sides have said all."""
    with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as there:
        inwards = threading.Thread(target=_inwards, args=(there,), daemon=True)
        inwards.start()
        while piece := there.recv(PIECE_BYTES):
            while piece:
                piece = piece[os.write(1, piece) :]


def _inwards(there: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := os.read(0, PIECE_BYTES):
            there.sendall(piece)
        there.shutdown(socket.SHUT_WR)


if __name__ == "__main__":
    with contextlib.suppress(OSError):  # nobody there, or gone: whoever called sees it
        main()
