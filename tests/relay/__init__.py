# SPDX-License-Identifier: AGPL-3.0-or-later
"""A relay, and the servers of strangers around it."""
