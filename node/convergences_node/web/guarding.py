# SPDX-License-Identifier: AGPL-3.0-or-later
"""What stands around every handler, of a town's pages and of the setup's: a client's pace, and an end for each error.

Promises: whatever a handler raises becomes a `Problem` that can be drawn, or the connection's own end; what is our own
mistake is written to the log whole, and told outside in one sentence.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence

from aiohttp import web

from convergences_node.web.problems import Problem, from_http_error
from convergences_node.web.route import Handler
from convergences_node.web.security import TokenBuckets, client_of

log = logging.getLogger(__name__)


def keep_pace(request: web.Request, buckets: TokenBuckets, proxies_trusted: Sequence[str]) -> None:
    """Raises `Problem` for a client that asks faster than the settings allow (RFC 6585 §4)."""
    wait = buckets.take(client_of(request, proxies_trusted))
    if wait:
        raise Problem("too-many-requests", headers={"Retry-After": str(math.ceil(wait))})


async def answered(handler: Handler, request: web.Request) -> web.StreamResponse:
    """The handler's answer, or a `Problem` for every way in which there is none."""
    try:
        return await handler(request)
    except (Problem, ConnectionError):
        raise
    except web.HTTPException as error:
        problem = from_http_error(error)
        if problem is None:
            raise
        raise problem from None
    except TimeoutError:
        raise Problem("too-slow", headers={"Retry-After": "5"}) from None
    except Exception:
        # The reader gets a sentence, the operator the whole of it: nothing of our inside is shown outside.
        log.exception("answering %s failed", request.path)
        raise Problem("internal") from None
