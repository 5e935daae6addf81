# SPDX-License-Identifier: AGPL-3.0-or-later
"""The COSE working group's examples: what our signatures cover is what RFC 9052 says they cover."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cbor2
import pytest
from convergences_protocol import cose
from convergences_protocol.errors import Unreadable
from convergences_protocol.record import read_header, signature_valid
from convergences_protocol.signature import verify
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey

ED25519 = "eddsa-examples/eddsa-sig-01.json"
ED448 = "eddsa-examples/eddsa-sig-02.json"
SIGN = "eddsa-examples/eddsa-01.json"


def load(path: Path) -> dict[str, Any]:
    example: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return example


def parts(example: dict[str, Any]) -> tuple[bytes, bytes, bytes]:
    """Protected header, payload and signature of an example's message."""
    message = cbor2.loads(bytes.fromhex(example["output"]["cbor"]))
    protected, _, payload, signature = message.value if isinstance(message, cbor2.CBORTag) else message
    return protected, payload, signature


def external(example: dict[str, Any]) -> bytes:
    return bytes.fromhex(example["input"]["sign0"].get("external", ""))


def public_key(example: dict[str, Any]) -> bytes:
    return bytes.fromhex(example["input"]["sign0"]["key"]["x_hex"])


def test_the_ed25519_example_is_signed_as_we_sign(suite: Callable[[str], Path]) -> None:
    example = load(suite("cose-wg-examples") / ED25519)
    protected, payload, signature = parts(example)
    signed = cose.signed_bytes(protected, external(example), payload)
    assert signed.hex() == example["intermediates"]["ToBeSign_hex"].lower()
    assert verify(public_key(example), signed, signature)
    assert not verify(public_key(example), cose.signed_bytes(protected, b"x", payload), signature)


def test_the_ed448_example_is_covered_alike(suite: Callable[[str], Path]) -> None:
    """Our records know one curve; the bytes to be signed are the same for any, so another library checks this one."""
    example = load(suite("cose-wg-examples") / ED448)
    protected, payload, signature = parts(example)
    signed = cose.signed_bytes(protected, external(example), payload)
    assert signed.hex() == example["intermediates"]["ToBeSign_hex"].lower()
    Ed448PublicKey.from_public_bytes(public_key(example)).verify(signature, signed)
    with pytest.raises(InvalidSignature):
        Ed448PublicKey.from_public_bytes(public_key(example)).verify(signature, signed + b"x")
    assert not verify(public_key(example)[:32], signed, signature[:64])


def test_every_sign1_example_covers_the_same_bytes(suite: Callable[[str], Path]) -> None:
    """The pass examples, one of them with external_aad; those made to fail say what an honest signer covered."""
    seen = 0
    for path in sorted((suite("cose-wg-examples") / "sign1-tests").glob("sign-pass-*.json")):
        example = load(path)
        protected, payload, _ = parts(example)
        signed = cose.signed_bytes(protected, external(example), payload)
        assert signed.hex() == example["intermediates"]["ToBeSign_hex"].lower(), path.name
        seen += 1
    assert seen == 3


def test_the_multi_signer_example_verifies_over_its_own_bytes(suite: Callable[[str], Path]) -> None:
    """COSE_Sign is not our envelope: its context keeps a signature in it from being taken for one of ours."""
    example = load(suite("cose-wg-examples") / SIGN)
    key = bytes.fromhex(example["input"]["sign"]["signers"][0]["key"]["x_hex"])
    signed = bytes.fromhex(example["intermediates"]["signers"][0]["ToBeSign_hex"])
    message = cbor2.loads(bytes.fromhex(example["output"]["cbor"])).value
    (_, _, signature) = message[3][0]
    assert verify(key, signed, signature)
    assert not verify(key, cose.signed_bytes(message[3][0][0], b"", message[2]), signature)


def test_no_foreign_message_is_taken_for_a_record(suite: Callable[[str], Path]) -> None:
    """Sound COSE, other algorithm or other headers: the fixed prefix lets none of the working group's examples in."""
    seen = 0
    for path in sorted(suite("cose-wg-examples").rglob("*.json")):
        try:
            raw = bytes.fromhex(load(path)["output"]["cbor"])
        except (KeyError, TypeError, ValueError):
            continue
        seen += 1
        assert not signature_valid(raw), path.name
        with pytest.raises(Unreadable):
            read_header(raw)
    assert seen > 100
