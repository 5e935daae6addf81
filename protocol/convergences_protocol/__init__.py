# SPDX-License-Identifier: AGPL-3.0-or-later
"""What travels between towns and what is proved. No sockets, files, clock or dice."""
