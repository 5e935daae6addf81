# SPDX-License-Identifier: AGPL-3.0-or-later
"""The archive of a node: the signed records, its own and those of others. It is the truth; all else is a projection."""
