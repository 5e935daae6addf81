# SPDX-License-Identifier: AGPL-3.0-or-later
"""How archives travel: messages between two nodes, the machine that speaks them, and the checks on what arrives."""
