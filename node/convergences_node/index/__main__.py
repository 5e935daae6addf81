# SPDX-License-Identifier: AGPL-3.0-or-later
"""The process that indexes a backlog (`helper.py`): `python -m convergences_node.index <folder>`.

Apart from it for what has to be said before SQLite is loaded.
"""

from __future__ import annotations

import signal

from convergences_node.index.unlocked import use_without_locks

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever interrupts the terminal means the node
    use_without_locks()
    from convergences_node.index.helper import main

    main()
