# SPDX-License-Identifier: AGPL-3.0-or-later
"""A whole territory on one machine: every town a node of its own, in real processes, over the real network code.

`example` reads what is to be played, `processes` runs the nodes and stops them, `scenario` plays it (found, join,
import, merge), and `watching` looks at it from outside, as a resident's browser would, and says what is missing.
"""
