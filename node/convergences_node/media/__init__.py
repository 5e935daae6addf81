# SPDX-License-Identifier: AGPL-3.0-or-later
"""Pictures and documents of records: looked at, made again without what betrays people, kept as files, and shown.

A picture is never passed on as it came: `making.py` makes it again in a process of its own, in a few sizes, and what a
camera wrote into it (where, when, by whom) stays behind. The files are the room `blobs/`; what a record says of them is
`kinds/media.py` of the protocol.
"""
