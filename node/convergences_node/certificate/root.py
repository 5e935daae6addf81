# SPDX-License-Identifier: AGPL-3.0-or-later
"""Makes the root that a town hall's certificates hang on: once, for ten years, for names of the local network alone.

A device that takes this root believes all that it signs. So the root itself says what it may vouch for, with the name
constraints of RFC 5280 §4.2.1.10: names under `.local` (RFC 6762), and no address of any kind. Whoever steals the key
can pretend to be a device of somebody's own network, and neither a bank nor a mail server.

Run as `python -m convergences_node.certificate.root FOLDER HOST` by the user of the proxy, before the proxy
(`convergences-https.service`). The key never leaves that folder.
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

CERTIFICATE, KEY = "root.crt", "root.key"
LIFE = timedelta(days=3650)
BEGIN = datetime(2020, 1, 1, tzinfo=UTC)
"""Of every root: a Pi makes its own when it may not have the time yet."""
SENSIBLE = datetime(2026, 1, 1, tzinfo=UTC)
"""No clock that says less is right."""
PERMITTED = ("local",)
"""This name and all below it."""
HOST_CHARACTERS_MAX = 40
"""What a certificate's name has room for (64, RFC 5280 appendix A) beside ours."""


def make_root(folder: Path, host: str, now: datetime) -> bool:
    """A root for this host in this folder; False where there is one already, which stays."""
    if (folder / CERTIFICATE).exists() and (folder / KEY).exists():
        return False
    key = ec.generate_private_key(ec.SECP256R1())
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    _write(folder / KEY, secret, 0o600)
    # Last, for it says that both are there.
    _write(folder / CERTIFICATE, _signed(key, host, now).public_bytes(Encoding.PEM), 0o644)
    return True


def _signed(key: ec.EllipticCurvePrivateKey, host: str, now: datetime) -> x509.Certificate:
    name = x509.Name([
        x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "Convergences"),
        x509.NameAttribute(x509.NameOID.COMMON_NAME, f"Convergences {host[:HOST_CHARACTERS_MAX]}.local"),
    ])  # fmt: skip
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(BEGIN)
        .not_valid_after(max(now, SENSIBLE) + LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=1), critical=True)
        .add_extension(_signs_alone(), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(_vouches_for(), critical=True)
    )
    return builder.sign(key, SHA256())


def _signs_alone() -> x509.KeyUsage:
    names = (
        "digital_signature content_commitment key_encipherment data_encipherment key_agreement encipher_only"
        " decipher_only"
    )
    return x509.KeyUsage(**dict.fromkeys(names.split(), False), key_cert_sign=True, crl_sign=True)


def _vouches_for() -> x509.NameConstraints:
    return x509.NameConstraints(
        permitted_subtrees=[x509.DNSName(name) for name in PERMITTED],
        excluded_subtrees=[x509.IPAddress(ip_network(every)) for every in ("0.0.0.0/0", "::/0")],
    )


def _write(path: Path, data: bytes, mode: int) -> None:
    """Whole or not at all, and never readable by more than it shall be."""
    part = path.with_suffix(path.suffix + ".part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def main() -> None:
    """Make it, if there is none."""
    folder, host = sys.argv[1:]
    make_root(Path(folder), host, datetime.now(UTC))


if __name__ == "__main__":
    main()
