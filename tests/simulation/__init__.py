# SPDX-License-Identifier: AGPL-3.0-or-later
"""A whole cluster in one process, decided by a seed: twenty towns, their agglomeration, and everything that goes wrong.

`python -m tests.simulation --seeds 1000` runs seeds and says how many a second; a seed that fails becomes a named test.
"""
