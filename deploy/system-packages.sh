#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# What the tests and the demo need from the system: Python with venv, Chromium for the tests of pages, node and npm to
# build the pages' scripts. Installed where that is possible (Debian family, root); named in one sentence where it is not.
set -u
missing=()
python3 -c 'import venv, ensurepip' 2>/dev/null || missing+=(python3-venv)
command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1 || missing+=(chromium)
# Another distributor's nodejs brings npm with it and cannot stand beside Debian's: npm is asked for only where it is not.
command -v node >/dev/null 2>&1 || missing+=(nodejs)
command -v npm >/dev/null 2>&1 || missing+=(npm)
# For the test of https. On a person's machine it would begin to serve a page of its own: there it is left to them.
[ "${CI:-}" != true ] || command -v caddy >/dev/null 2>&1 || missing+=(caddy)
[ ${#missing[@]} -eq 0 ] && exit 0
if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
  if apt-get update -qq >/dev/null && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null; then
    exit 0
  fi
fi
echo "convergences: please install: ${missing[*]} (on Debian: sudo apt install ${missing[*]}); without chromium the tests of pages are skipped, without nodejs and npm the pages have no map, ribbon or drawing beside their lists" >&2
exit 0
