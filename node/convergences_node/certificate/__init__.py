# SPDX-License-Identifier: AGPL-3.0-or-later
"""The town hall's own certificate: how its root is made, and how the pages know of it.

`root.py` makes it, apart from the node and as another user; `reading.py` is all that the node ever sees of it: the
public half, where `convergences-https on` has put it.
"""
