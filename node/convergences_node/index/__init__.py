# SPDX-License-Identifier: AGPL-3.0-or-later
"""The projection that is searched: `index.db`, dropped and rebuilt at will from the archive. See `docs/search.md`."""
