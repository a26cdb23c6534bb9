"""Web server of a review: this machine only, a token in the address, nothing logged."""

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

from pydantic import BaseModel, ValidationError

from anonbench.core.errors import InputError
from anonbench.detection.review.session import Review

HOST = "127.0.0.1"
LARGEST = 2**20  # greatest size of a request's body in bytes
SECONDS = 10.0  # seconds after which a connection that sends nothing is closed
_SCRIPTS = ("page.js", "pointer.js", "regions.js", "server.js", "texts.js")
_PAGE = {"": ("page.html", "html"), "page.css": ("page.css", "css")}
_PAGE |= {name: (name, "javascript") for name in _SCRIPTS}
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
    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


def _require(holds: bool, status: int, text: str) -> None:
    if not holds:
        raise _Refused(status, text)


class _Decision(BaseModel, strict=True):
    """Regions that the page confirms of a version of an image."""

    version: str
    regions: list[dict[str, Any]]


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
            why = error.strerror if isinstance(error, OSError) else "a port is 1 to 65535"
            raise InputError(f"--port {port}: {why}; without it, a free one is taken") from None

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
        """Send the page or a resource that it requests, or record its decision about an image."""
        try:
            kind, body = self._serve()
            self._send(HTTPStatus.OK, body, kind)
        except (ConnectionError, TimeoutError):
            raise
        except (_Refused, InputError, OSError) as error:
            status = getattr(error, "status", HTTPStatus.UNPROCESSABLE_ENTITY)
            kind, body = _json({"problem": str(error)})
            self._send(status, body, kind)

    do_POST = do_GET  # noqa: N815 - the name that http.server calls

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Send an error that does not repeat the request."""
        self._send(HTTPStatus(code), HTTPStatus(code).phrase.encode(), "text/plain")

    def _serve(self) -> tuple[str, bytes]:
        """Type and body of the answer."""
        review, host = self.server.review, self.server.host
        # a page whose name resolves to this machine could pass the browser's check of origins
        _require(self.headers.get_all("Host") == [host], 421, "Open the printed address.")
        token, _, rest = self.path.removeprefix("/").partition("/")
        is_token = hmac.compare_digest(token.encode(), self.server.token.encode())
        _require(is_token, 403, "Open the printed address.")
        if self.command == "POST":
            is_page = self.headers.get_all("Origin") == [f"http://{host}"]
            _require(is_page, 403, "Only the page itself may write.")
        match [self.command, *rest.split("/")]:
            case ["GET", name] if name in _PAGE:
                file, kind = _PAGE[name]
                text = resources.files(__package__).joinpath(file).read_bytes()
                return f"text/{kind}; charset=utf-8", text
            case ["GET", "overview"]:
                return _json(review.overview())
            case ["GET", "image", number]:
                return _json(review.image(self._number(number)))
            case ["GET", "picture", number]:
                return "image/jpeg", review.picture(self._number(number))
            case ["POST", "confirm", number]:
                place, sent = self._number(number), self._decision()
                return _json(review.confirm(place, sent.version, sent.regions))
        raise _Refused(404, "There is no such page.")

    def _number(self, text: str) -> int:
        count = len(self.server.review.entries)
        _require(text in map(str, range(count)), 404, "There is no such image.")
        return int(text)

    def _decision(self) -> _Decision:
        headers, length = self.headers, self.headers.get("Content-Length", "")
        _require(headers.get_content_type() == "application/json", 415, "Send JSON.")
        is_known = length.isascii() and length.isdigit() and "Transfer-Encoding" not in headers
        _require(is_known, 411, "Say how long the request is.")
        _require(len(length) <= 10 and int(length) <= LARGEST, 413, "That is too much.")
        body = b""
        with suppress(TimeoutError):
            body = self.rfile.read(int(length))
        _require(len(body) == int(length), 408, "The request did not arrive.")
        try:
            return _Decision.model_validate_json(body)
        except ValidationError:
            raise _Refused(400, "A version and a list of regions are needed.") from None

    def _send(self, status: int, body: bytes, kind: str) -> None:
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
