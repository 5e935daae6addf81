# SPDX-License-Identifier: AGPL-3.0-or-later
"""Figures of speed, memory and bytes, each beside a reference of the same run: `python -m benchmarks --help`."""
