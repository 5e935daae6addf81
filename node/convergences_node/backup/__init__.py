# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a town's peers cannot give back, kept in an encrypted file; and the town made again from it."""
