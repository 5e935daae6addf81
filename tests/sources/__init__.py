# SPDX-License-Identifier: AGPL-3.0-or-later
"""Sources: declared, fetched from servers of every kind, and relayed without harm."""
