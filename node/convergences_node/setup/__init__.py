# SPDX-License-Identifier: AGPL-3.0-or-later
"""A node before it is a town: in an empty folder, it shows a page that makes one of it.

`code` says who may, `draft` what was chosen so far, `staging` makes the town so that a power cut leaves either none or
a whole one, `again` puts one back that was there before, `setup` holds them together, and `serving` shows the pages
until there is a town to serve.
"""
