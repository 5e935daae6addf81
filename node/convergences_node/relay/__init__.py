# SPDX-License-Identifier: AGPL-3.0-or-later
"""What happens here, told to Mobilizon, Gancio, Mastodon and whoever else speaks ActivityPub and has asked to be told.

The node only speaks: it takes in who follows and who no longer does, and nothing else. It is off until its operator
wants it and the world reaches the node over https (`settings.why_off`).
"""
