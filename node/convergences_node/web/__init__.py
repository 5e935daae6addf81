# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a town shows over HTTP: the public API, the log's tiles, and the first plain pages.

Everything here reads and nothing writes: the one body accepted from outside is the signed answer to an invitation.
`app.make_app(town)` is the entrance; `routes.ROUTES` is the table of contents.
"""
