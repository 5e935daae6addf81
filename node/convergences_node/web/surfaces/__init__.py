# SPDX-License-Identifier: AGPL-3.0-or-later
"""What systems of other makers read of a node, each in the shape that it already knows: docs/interoperability.md."""
