# SPDX-License-Identifier: AGPL-3.0-or-later
"""Writes `docs/configuration.md` from the declarations: `python docs/make_configuration.py`. A test compares."""

from pathlib import Path

from convergences_node.config_text import describe_settings

PAGE = Path(__file__).with_name("configuration.md")

if __name__ == "__main__":
    PAGE.write_text(describe_settings(), encoding="utf-8")
