"""An HTTP server on loopback to which something is posted."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


class HttpTarget:
    """Takes what is posted, from a thread of its own, until it is left.

    Attributes:
        status: what it answers.
        posted: the path and the JSON of all that came.
    """

    def __init__(self) -> None:
        self.status = 200
        self.posted: list[tuple[str, dict[str, Any]]] = []
        target = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                """Take it."""
                body = self.rfile.read(int(self.headers["Content-Length"]))
                target.posted.append((self.path, json.loads(body)))
                self.send_response(target.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's
                """Write nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self.port: int = self._server.server_address[1]

    def url(self, path: str = "/alerts") -> str:
        """Give where apprise finds it."""
        return f"json://127.0.0.1:{self.port}{path}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
