# SPDX-License-Identifier: AGPL-3.0-or-later
"""What this node shows, for those who study it: tables by kind, territory and year, as CSV or Parquet, explained.

`columns` says what is in a table; `tables` writes them; `exporting` is the verb; `accompanying` writes the dictionary
of the columns and the page to read first.
"""
