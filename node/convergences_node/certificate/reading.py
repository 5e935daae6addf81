# SPDX-License-Identifier: AGPL-3.0-or-later
"""The public half of the town hall's certificate, read from the node's folder: that it is there says that https is on.

Promises: what is handed on is a certificate that was parsed and written anew, never a file's bytes, so that a key which
somebody has put into that file goes nowhere; a file that is none is told in the log, and the town is served without.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path

log = logging.getLogger(__name__)

PUBLISHED = "https/root.crt"
"""In the node's folder; `deploy/package/files/convergences-https` puts it there, and takes it away."""
BYTES_MAX = 16 * 1024
"""A root is about one kilobyte."""
LOOPBACK = ("127.0.0.1", "::1")
"""Where the proxy that holds the certificate asks from: it runs on the same machine."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """What the pages say of it, and give away."""

    name: str
    """Under which a telephone lists it."""
    der: bytes
    """The certificate itself (RFC 5280)."""
    until: int
    """Unix seconds of its last moment."""

    @property
    def host(self) -> str:
        """What this machine was called when the certificate was made, which the certificate's own name ends with. It
        may be called otherwise by now: `network/local_name.py`."""
        return self.name.rpartition(" ")[2]

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of the certificate as browsers show it: pairs of hexadecimal digits."""
        return hashlib.sha256(self.der).digest().hex(":").upper()


def read_certificate(folder: Path) -> Certificate | None:
    """The certificate that was published in this node's folder; None where https is off."""
    path = folder / PUBLISHED
    try:
        with path.open("rb") as file:
            data = file.read(BYTES_MAX + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        log.error("%s cannot be read, and the pages say nothing of https: %s", path, error)
        return None
    try:
        return _parsed(data)
    except ValueError as error:
        log.error("%s is no certificate, and the pages say nothing of https: %s", path, error)
        return None


def _parsed(data: bytes) -> Certificate:
    if len(data) > BYTES_MAX:
        raise ValueError(f"more than {BYTES_MAX} bytes")
    from cryptography import x509  # most nodes have none
    from cryptography.hazmat.primitives.serialization import Encoding

    found = x509.load_pem_x509_certificate(data)
    names = found.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return Certificate(
        name=str(names[0].value) if names else "",
        der=found.public_bytes(Encoding.DER),
        until=int(found.not_valid_after_utc.timestamp()),
    )
