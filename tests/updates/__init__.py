# SPDX-License-Identifier: AGPL-3.0-or-later
"""Updates: a release is believed, staged, installed, tried and confirmed, or nothing has happened."""
