# SPDX-License-Identifier: AGPL-3.0-or-later
"""A node's process does not carry what libp2p loads for services which no node uses."""

from __future__ import annotations

import json
import subprocess
import sys

_LOAD = """
import json, sys
from convergences_node.network import libp2p_lean
with libp2p_lean.left_out():
    from convergences_node.network import libp2p_thread
from libp2p.security.tls.autotls import acme
loaded = sorted({name.partition('.')[0] for name in sys.modules} & {*libp2p_lean.UNUSED, *libp2p_lean.ABSENT})
from libp2p.crypto.rsa import create_new_key_pair
pair = create_new_key_pair(1024)
signs = pair.public_key.verify(b"signed", pair.private_key.sign(b"signed"))
try:
    acme.requests.get
    refusal = ""
except ImportError as error:
    refusal = str(error)
import cffi, httpx
real = hasattr(httpx, "AsyncClient") and hasattr(cffi, "FFI")
print(json.dumps({"loaded": loaded, "refusal": refusal, "real": real, "signs": signs}))
"""


def test_what_no_node_uses_is_not_loaded() -> None:
    """In a process of its own, for here the tests may have loaded them."""
    done = subprocess.run([sys.executable, "-c", _LOAD], capture_output=True, text=True, check=True, timeout=120)
    seen = json.loads(done.stdout)
    assert seen["loaded"] == []
    assert "left out when libp2p was loaded" in seen["refusal"]
    assert seen["real"], "afterwards the modules are as ever"
    assert seen["signs"], "without cffi, PyCryptodome does what it did"


def test_the_package_s_libraries_are_enough() -> None:
    """What `deploy/package/payload.py` leaves out of the package cannot be imported here, and libp2p loads."""
    without = "import sys; sys.modules.update(dict.fromkeys(('pip', 'grpc', 'mypy_protobuf')))\n"
    done = subprocess.run([sys.executable, "-c", without + _LOAD], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
