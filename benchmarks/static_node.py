# SPDX-License-Identifier: AGPL-3.0-or-later
"""aiohttp's own handler of files over one folder: what a page costs when nobody has to think about it.

`python -m benchmarks.static_node FOLDER PORT` serves on 127.0.0.1 until SIGTERM.
"""

from __future__ import annotations

import sys

from aiohttp import web

if __name__ == "__main__":
    app = web.Application()
    app.router.add_static("/", sys.argv[1])
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[2]), print=None, access_log=None)
