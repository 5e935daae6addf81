# SPDX-License-Identifier: AGPL-3.0-or-later
"""Who may run this node from a browser: operators, their passwords, their sessions, and what the node notes for them.

All of it is in `private.db`, which never leaves the node but in an encrypted backup. Nothing here reaches the log.
"""

from convergences_node.accounts.accounts import Accounts, Session

__all__ = ["Accounts", "Session"]
