# SPDX-License-Identifier: AGPL-3.0-or-later
"""One town's node: archive, index, network, pages. The only floor that does I/O."""
