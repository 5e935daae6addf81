# SPDX-License-Identifier: AGPL-3.0-or-later
"""How a town reaches other towns: transports behind one narrow door, and the driver of the replication machine."""
