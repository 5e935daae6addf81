# SPDX-License-Identifier: AGPL-3.0-or-later
"""The pages that are not for everybody: the setup of a new node, and its operator's own."""
