# SPDX-License-Identifier: AGPL-3.0-or-later
"""The operator's door to a node: HTTP over a Unix socket in the node's folder, whose file permissions are the key.

`call` asks a verb of the node of a folder. If a process serves the folder, the question goes over its socket `POST
/verbs/<name>` and the answer comes back as lines of JSON: any number of `{"progress": {…}}`, then one `{"result": …}`
or `{"error": {…}}`. If none does, `call` opens the folder itself, under the folder's lock, with no network; who has
that and does not answer may be a node that starts, and is waited for.

The socket is made 0600 before it listens. An error crosses the socket as data and is raised again, of the same class,
on the caller's side.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import logging
import os
import pwd
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convergences_protocol.errors import ConvergencesError, Fault, LocalError

from convergences_node.archive.lock import LOOK_SECONDS, TAKEN_SECONDS_MAX, is_taken
from convergences_node.faults import error_from_json, error_to_json
from convergences_node.read_only import passing_folder, passing_path, places_of_sockets, why_read_only
from convergences_node.verbs import Json, perform

if TYPE_CHECKING:
    from aiohttp import web

    from convergences_node.town import Town

log = logging.getLogger(__name__)

SOCKET_NAME = "node.sock"
REQUEST_BYTES_MAX = 8 * 1024 * 1024
"""An `add` is at most a record's body; a receipt to verify is smaller still."""

SOCKET_PATH_BYTES_MAX = 100
"""Linux refuses longer ones (108 with the terminator), with a message nobody understands."""

CONNECT_SECONDS_MAX = 5
STOP_SECONDS_MAX = 2.0
"""A verb that still works when the node stops is cut: what it wrote is written, and its caller is told."""

PROGRESS_EVENTS_MAX = 64
"""Progress waiting for a slow reader; older events are dropped, for only the last one matters."""


# ------------------------------------------------------------------------------------ client
def call(
    folder: Path,
    verb: str,
    params: Mapping[str, Json] | None = None,
    on_progress: Callable[[dict[str, Json]], None] | None = None,
) -> Json:
    """Ask `verb` of the node of `folder`, running or not, and return its answer. Raises what the verb raised."""
    tell = on_progress or (lambda event: None)
    deadline = time.monotonic() + TAKEN_SECONDS_MAX
    while (connection := _connect(folder)) is None:
        try:
            return asyncio.run(_call_offline(folder, verb, params or {}, tell))
        except LocalError as error:
            if not is_taken(error, folder) or time.monotonic() > deadline:
                raise
        time.sleep(LOOK_SECONDS)
    with contextlib.closing(connection):
        return _call_running(connection, verb, params or {}, tell)


def is_running(folder: Path) -> bool:
    """Whether a process serves the folder now."""
    connection = _connect(folder)
    if connection is None:
        return False
    connection.close()
    return True


async def _call_offline(
    folder: Path, verb: str, params: Mapping[str, Json], tell: Callable[[dict[str, Json]], None]
) -> Json:
    from convergences_node.town import Town

    require_own(folder)
    async with Town.open(folder) as town:
        return await perform(town, verb, params, tell)


def require_own(folder: Path) -> None:
    """Refuse root the folder of another user: what is written there would be root's, and that user's node would start
    no more. Nor would links in it lead root anywhere."""
    if os.geteuid() != 0 or not folder.is_dir() or (owner := folder.stat().st_uid) == 0:
        return
    try:
        name = pwd.getpwuid(owner).pw_name
    except KeyError:
        name = f"#{owner}"
    raise LocalError(
        f"{folder} is {name}'s: what root wrote there, a node of theirs could not read any more",
        hint=f"the same after: sudo -u {name}",
        fault=Fault("", "folder_of_another", {"folder": str(folder), "owner": name}),
    )


class _UnixConnection(http.client.HTTPConnection):
    """HTTP/1.1 over a connected Unix socket."""

    def __init__(self, connected: socket.socket) -> None:
        super().__init__("node")
        self.sock = connected

    def connect(self) -> None:
        """Nothing to do: the socket came connected."""


def _connect(folder: Path) -> _UnixConnection | None:
    return next((found for path in _doors(folder) if (found := _knock(path)) is not None), None)


def _doors(folder: Path) -> Iterator[Path]:
    """Where a node of the folder may listen, as far as the caller can tell.

    To a caller that systemd lets write nowhere the folder looks read-only, and is not to its node.
    """
    yield _short(folder.absolute() / SOCKET_NAME)
    if why_read_only(folder) is not None:
        yield from (_short(place / SOCKET_NAME) for place in places_of_sockets(folder))


def _knock(path: Path) -> _UnixConnection | None:
    connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connected.settimeout(CONNECT_SECONDS_MAX)
    try:
        connected.connect(str(path))
    except (FileNotFoundError, ConnectionRefusedError):
        connected.close()
        return None
    except OSError as error:
        connected.close()
        raise LocalError(
            f"the node's socket {path} cannot be used: {error.strerror or error}",
            fault=Fault("", "socket_unusable", {"file": str(path), "reason": str(error.strerror or error)}),
        ) from error
    connected.settimeout(None)
    return _UnixConnection(connected)


def _call_running(
    connection: http.client.HTTPConnection,
    verb: str,
    params: Mapping[str, Json],
    tell: Callable[[dict[str, Json]], None],
) -> Json:
    try:
        connection.request("POST", f"/verbs/{verb}", json.dumps(params), {"Content-Type": "application/json"})
        response = connection.getresponse()
        for line in response:
            event = json.loads(line)
            if "progress" in event:
                tell(event["progress"])
            elif "result" in event:
                return event["result"]
            else:
                raise error_from_json(event["error"])
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise LocalError(
            f"the node stopped answering while asked to {verb}: {error}",
            fault=Fault("", "node_stopped", {"verb": verb}),
        ) from error
    raise LocalError(f"the node stopped while asked to {verb}", fault=Fault("", "node_stopped", {"verb": verb}))


# ------------------------------------------------------------------------------------ server
class ControlServer:
    """Listens on the folder's socket for a town. The folder's lock, held by the town, makes it the only one."""

    def __init__(self, town: Town) -> None:
        self._town = town
        if town.read_only is not None:
            passing_folder(town.folder)
        self._path = socket_path(town.folder)
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Begin to listen. A socket left by a killed process is removed: the lock says that it is nobody's."""
        from aiohttp import web

        app = web.Application(client_max_size=REQUEST_BYTES_MAX)
        app.router.add_post("/verbs/{name}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=STOP_SECONDS_MAX)
        await self._runner.setup()
        await web.SockSite(self._runner, _listening_socket(self._path)).start()

    async def stop(self) -> None:
        """Stop listening and remove the socket. On a card that has turned read-only it stays: nobody answers there."""
        if self._runner is not None:
            await self._runner.cleanup()
            with contextlib.suppress(OSError):
                self._path.unlink(missing_ok=True)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        from aiohttp import web

        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await response.prepare(request)
        events: asyncio.Queue[dict[str, Json]] = asyncio.Queue(PROGRESS_EVENTS_MAX)
        work = asyncio.create_task(self._work(request, events))
        try:
            while not (work.done() and events.empty()):
                await response.write(_line(await events.get()))
        finally:
            work.cancel()
        await response.write_eof()
        return response

    async def _work(self, request: web.Request, events: asyncio.Queue[dict[str, Json]]) -> None:
        """Perform the verb; whatever happens, the last event is a result or an error."""

        def tell(event: dict[str, Json]) -> None:
            with contextlib.suppress(asyncio.QueueFull):
                events.put_nowait({"progress": event})

        name = request.match_info["name"]
        try:
            answer: dict[str, Any] = {"result": await perform(self._town, name, await _params(request), tell)}
        except ConvergencesError as error:
            answer = {"error": error_to_json(error)}
        except Exception as error:
            log.exception("verb %s failed", name)
            answer = {"error": error_to_json(LocalError(f"the node failed to {name}: {error!r}"))}
        await events.put(answer)


def socket_path(folder: Path) -> Path:
    """Where the node of a folder listens; refused if the system could not bind it.

    Of a folder that takes no write, that is elsewhere: `read_only.passing_path`.
    """
    return _short((folder.absolute() if why_read_only(folder) is None else passing_path(folder)) / SOCKET_NAME)


def _short(path: Path) -> Path:
    if len(os.fsencode(path)) > SOCKET_PATH_BYTES_MAX:
        raise LocalError(
            f"the folder's path is too long for a socket: {path}",
            hint="move it nearer to the root",
            fault=Fault("", "socket_path_long", {"file": str(path)}),
        )
    return path


def _listening_socket(path: Path) -> socket.socket:
    path.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    umask = os.umask(0o177)
    try:
        listening.bind(str(path))
    finally:
        os.umask(umask)
    return listening


async def _params(request: web.Request) -> dict[str, Json]:
    try:
        params = await request.json()
    except ValueError as error:
        raise LocalError(f"the verb's parameters are not JSON: {error}") from None
    if not isinstance(params, dict):
        raise LocalError("the verb's parameters are not a JSON object")
    return params


def _line(event: dict[str, Json]) -> bytes:
    return json.dumps(event, ensure_ascii=False).encode() + b"\n"
