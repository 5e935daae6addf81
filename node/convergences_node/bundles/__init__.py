# SPDX-License-Identifier: AGPL-3.0-or-later
"""Logs on a stick: the files that a node serves over HTTP, carried by hand where there is no network."""
