# SPDX-License-Identifier: AGPL-3.0-or-later
"""Tables that others keep, read into a town's archive: CSV, NDJSON, JSON and GeoJSON, by a mapping in TOML.

`rows` reads a file a row at a time; `mapping` says which column becomes which field of which kind; `convert` turns a
row into an element; `importer` compares it with what was imported before; `verb` is the door for the node.
"""
