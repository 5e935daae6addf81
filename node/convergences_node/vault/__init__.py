# SPDX-License-Identifier: AGPL-3.0-or-later
"""A town's encrypted backup kept by its agglomeration, which can read nothing of it.

    leaving.py   at the town: make the backup, say what it is, wait until it is kept
    keeping.py   at the agglomeration: pull it, read it back, keep the newest few of each town
    claiming.py  on the day after: prove with the sheet whose backup is asked for, and fetch it

What is said travels by the door that invitations' answers come in by (network/joining.py), the bytes as a file known by
its SHA-256 (`blobs/`). docs/decisions/0098 says why.
"""
