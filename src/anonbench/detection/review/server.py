"""Web server of a review: this machine only, a token in the address, nothing logged."""

from __future__ import annotations

import hmac
import json
import secrets
import sys
import traceback
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from typing import Any

from anonbench.core.errors import InputError
from anonbench.detection.review.session import Review

HOST = "127.0.0.1"
LARGEST = 2**20  # greatest size of a request's body in bytes
SECONDS = 10.0  # seconds after which a connection that sends nothing is closed
_PAGE = {
    "": ("page.html", "text/html; charset=utf-8"),
    "page.css": ("page.css", "text/css; charset=utf-8"),
} | {
    name: (name, "text/javascript; charset=utf-8")
    for name in ("page.js", "pointer.js", "regions.js", "server.js", "texts.js")
}
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src blob: data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class _Refused(Exception):  # noqa: N818 - an answer, not a failure
    def __init__(self, status: HTTPStatus, text: str) -> None:
        super().__init__(text)
        self.status = status


class ReviewServer(ThreadingHTTPServer):
    """Serves one review until it is shut down."""

    daemon_threads = True
    request_queue_size = 32

    def __init__(self, review: Review, port: int = 0) -> None:
        """Bind to this machine's own address, at any free port for 0; InputError if it is taken."""
        self.review = review
        self.token = secrets.token_urlsafe(32)
        try:
            super().__init__((HOST, port), _Handler)
        except (OSError, OverflowError) as error:
            raise InputError(f"--port {port}: {error}; without it a free one is taken") from None

    @property
    def host(self) -> str:
        """Host that requests must name."""
        return f"{HOST}:{self.server_address[1]}"

    @property
    def address(self) -> str:
        """Address of the page, with its token."""
        return f"http://{self.host}/{self.token}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print where the program failed, without any content of the request or the message."""
        error = sys.exception()
        if not isinstance(error, ConnectionError | TimeoutError):
            where = "".join(traceback.format_tb(error.__traceback__)) if error else ""
            print(f"{type(error).__name__} in a request\n{where}", file=sys.stderr)


class _Handler(BaseHTTPRequestHandler):
    server: ReviewServer
    server_version = "anonbench"
    sys_version = ""
    timeout = SECONDS

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: the address has the token in it."""

    def do_GET(self) -> None:
        """Send the page, or a resource that it requests."""
        self._answer(self._get)

    def do_POST(self) -> None:
        """Record a decision about an image."""
        self._answer(self._post)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Send an error that does not repeat the request."""
        self._send(HTTPStatus(code), HTTPStatus(code).phrase.encode(), "text/plain")

    def _answer(self, serve: Any) -> None:
        try:
            kind, body = serve(self._route())
            self._send(HTTPStatus.OK, body, kind)
        except (ConnectionError, TimeoutError):
            raise
        except (_Refused, InputError, OSError) as error:
            status = getattr(error, "status", HTTPStatus.UNPROCESSABLE_ENTITY)
            kind, body = _json({"problem": str(error)})
            self._send(status, body, kind)

    def _route(self) -> list[str]:
        """Return the parts of the path after the token, on this host."""
        # a page whose name resolves to this machine could pass the browser's check of origins
        if self.headers.get_all("Host") != [self.server.host]:
            raise _Refused(HTTPStatus.MISDIRECTED_REQUEST, "Open the printed address.")
        token, _, rest = self.path.removeprefix("/").partition("/")
        if not hmac.compare_digest(token.encode(), self.server.token.encode()):
            raise _Refused(HTTPStatus.FORBIDDEN, "Open the printed address.")
        return rest.split("/")

    def _get(self, parts: list[str]) -> tuple[str, bytes]:
        review = self.server.review
        match parts:
            case [name] if name in _PAGE:
                file, kind = _PAGE[name]
                return kind, resources.files(__package__).joinpath(file).read_bytes()
            case ["overview"]:
                return _json(review.overview())
            case ["image", number]:
                return _json(review.image(self._number(number)))
            case ["picture", number]:
                return "image/jpeg", review.picture(self._number(number))
        raise _Refused(HTTPStatus.NOT_FOUND, "There is no such page.")

    def _post(self, parts: list[str]) -> tuple[str, bytes]:
        if self.headers.get_all("Origin") != [f"http://{self.server.host}"]:
            raise _Refused(HTTPStatus.FORBIDDEN, "Only the page itself may write.")
        match parts:
            case ["confirm", number]:
                place, (version, regions) = self._number(number), _decision(self._body())
                return _json(self.server.review.confirm(place, version, regions))
        raise _Refused(HTTPStatus.NOT_FOUND, "There is no such page.")

    def _number(self, text: str) -> int:
        if text.isascii() and text.isdigit() and len(text) < 10:
            number = int(text)
            if number < len(self.server.review.entries):
                return number
        raise _Refused(HTTPStatus.NOT_FOUND, "There is no such image.")

    def _body(self) -> bytes:
        """Return the body."""
        if self.headers.get_content_type() != "application/json":
            raise _Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Send JSON.")
        length = self.headers.get("Content-Length", "")
        if "Transfer-Encoding" in self.headers or not (length.isascii() and length.isdigit()):
            raise _Refused(HTTPStatus.LENGTH_REQUIRED, "Say how long the request is.")
        if len(length) > 10 or int(length) > LARGEST:
            raise _Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "That is too much.")
        body = b""
        with suppress(TimeoutError):
            body = self.rfile.read(int(length))
        if len(body) != int(length):
            raise _Refused(HTTPStatus.REQUEST_TIMEOUT, "The request did not arrive.")
        return body

    def _send(self, status: HTTPStatus, body: bytes, kind: str) -> None:
        self.close_connection = True
        self.send_response(status)
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _json(value: Any) -> tuple[str, bytes]:
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return "application/json", text.encode("utf-8", "surrogatepass")


def _decision(body: bytes) -> tuple[str, list[dict[str, Any]]]:
    """Return version and regions of a request."""
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        given = None
    if isinstance(given, dict):
        version, regions = given.get("version"), given.get("regions")
        whole = isinstance(regions, list) and all(isinstance(each, dict) for each in regions)
        if isinstance(version, str) and isinstance(regions, list) and whole:
            return version, regions
    raise _Refused(HTTPStatus.BAD_REQUEST, "A version and a list of regions are needed.")
