# SPDX-License-Identifier: AGPL-3.0-or-later
"""The audit of the pages: every kind of page, in every language, in the light and in the dark, on a phone and a desk.

`make audit` starts the demo, opens each page in a real browser on a slowed line, and writes `benchmarks/out/pages.json`
and a picture of each page beside it. It fails when a page breaks a promise of `limits.py`.
"""
