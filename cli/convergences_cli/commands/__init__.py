# SPDX-License-Identifier: AGPL-3.0-or-later
"""One file a command, named after it; each has a `command`. Nothing else lists them."""
