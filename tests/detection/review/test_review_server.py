"""Attacks on the review's page: tokens, hosts, origins, paths, bodies."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from anonbench.core.errors import InputError
from anonbench.detection.review import server as module
from anonbench.detection.review.server import HOST, LARGEST, ReviewServer
from reviewed_archive import NAME, detect, make_archive, review

NAMES = ["<img src=x onerror=alert(1)>.png", "b.png"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReviewServer]:
    config = make_archive(tmp_path_factory.mktemp("served"), NAMES)
    detect(config)
    with ReviewServer(review(config)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


class AnyBytes(http.client.HTTPConnection):
    """Sends also what is not ASCII, as a hostile client would."""

    def _encode_request(self, request: str) -> bytes:
        return request.encode("utf-8")


def ask(
    server: ReviewServer, path: str, method: str = "GET", body: bytes = b"", **headers: str | None
) -> tuple[int, dict[str, str], bytes]:
    """Send a request as the page would, with some of its headers changed or left out (None)."""
    given: dict[str, str | None] = {"Host": server.host}
    if method == "POST":
        length = str(len(body))
        given |= {"Origin": f"http://{server.host}", "Content-Type": "application/json"}
        given |= {"Content-Length": length}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    connection = AnyBytes(HOST, server.server_address[1], timeout=20)
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    for name, value in given.items():
        if value is not None:
            connection.putheader(name, value)
    connection.endheaders(body or None)
    answer = connection.getresponse()
    result = answer.status, dict(answer.getheaders()), answer.read()
    connection.close()
    return result


def written(server: ReviewServer) -> bool:
    return server.review.file.path.exists() or server.review.record.path.exists()


def decision(server: ReviewServer) -> bytes:
    return json.dumps({"version": server.review.image(0)["version"], "regions": []}).encode()


def test_the_page_and_its_parts_with_their_headers(server: ReviewServer) -> None:
    token = server.token
    for name in ("", "page.css", "page.js", "server.js", "overview", "image/0", "picture/1"):
        status, headers, body = ask(server, f"/{token}/{name}")
        assert status == 200 and len(body) == int(headers["Content-Length"]) > 100, name
        assert headers["Cache-Control"] == "no-store"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["X-Content-Type-Options"] == "nosniff"
        policy = headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'") and "frame-ancestors 'none'" in policy
        assert "http" not in policy and "unsafe" not in policy and "*" not in policy
        assert not [name for name in headers if name.lower().startswith("access-control")]
        assert "Python" not in str(headers)
    page = ask(server, f"/{token}/")[2].decode()
    assert "http" not in page and "<style" not in page and "onclick" not in page


def test_it_listens_on_this_machine_only(server: ReviewServer) -> None:
    assert server.socket.getsockname()[0] == "127.0.0.1"
    assert server.address == f"http://127.0.0.1:{server.server_address[1]}/{server.token}/"
    with ReviewServer(server.review) as other:
        assert len(server.token) >= 43 and other.token != server.token
    with pytest.raises(InputError, match="--port"):
        ReviewServer(server.review, server.server_address[1])


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_another_token_is_refused(server: ReviewServer, method: str) -> None:
    token = server.token
    wrong = ["", token[:-1], token + "x", token.swapcase(), "ä", "%00", "..", f"x/{token}"]
    for each in wrong:
        for path in (f"/{each}/overview", f"/{each}/confirm/0", f"/{each}"):
            assert ask(server, path, method, decision(server))[0] == 403, path
    assert not written(server)


def test_another_host_or_page_is_refused(server: ReviewServer) -> None:
    path, port = f"/{server.token}/confirm/0", server.server_address[1]
    hosts = ["evil.example", f"localhost.evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "", None]
    for host in hosts:
        for method in ("GET", "POST"):
            assert ask(server, path, method, decision(server), Host=host)[0] == 421, host
    for origin in ("http://evil.example", "null", None, "http://127.0.0.1:1"):
        assert ask(server, path, "POST", decision(server), Origin=origin)[0] == 403, origin
        assert ask(server, path, "OPTIONS", Origin=origin)[0] == 501, origin
    assert not written(server)


def test_there_are_no_other_files(server: ReviewServer) -> None:
    names = ["../server.py", "..%2fserver.py", "server.py", "//etc/passwd", "page.css%00"]
    names += [f"image/{number}" for number in ("-1", "2", "²", "9" * 21)]
    for name in [*names, "picture/0/../1", "picture/%2e%2e/1"]:
        assert ask(server, f"/{server.token}/{name}")[0] == 404, name


def test_other_bodies_are_refused(server: ReviewServer) -> None:
    large = str(LARGEST + 1)
    cases: list[tuple[bytes, dict[str, Any], int]] = [
        (b"{}", {}, 400),
        (b"\xff", {}, 400),
        (b"[" * 100_000, {}, 400),
        (b'{"version": 1, "regions": []}', {}, 400),
        (b'{"version": "x", "regions": [1]}', {}, 400),
        (b'{"version": "x", "regions": []}', {}, 409),
        *((b"{}", {"Content_Type": kind}, 415) for kind in ("text/plain", None)),
        *((b"", {"Content_Length": length}, 411) for length in (None, "-1")),
        *((b"", {"Content_Length": length}, 413) for length in (large, "9" * 5000)),
        (b"", {"Transfer_Encoding": "chunked"}, 411),
    ]
    for body, headers, status in cases:
        path = f"/{server.token}/confirm/0"
        assert ask(server, path, "POST", body, **headers)[0] == status, (body[:40], headers)
    assert not written(server)


def test_body_that_stops_is_ended(server: ReviewServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server.RequestHandlerClass, "timeout", 0.2)
    with socket.create_connection((HOST, server.server_address[1]), timeout=20) as slow:
        head = f"POST /{server.token}/confirm/0 HTTP/1.1\r\nHost: {server.host}\r\n"
        head += f"Origin: http://{server.host}\r\nContent-Type: application/json\r\n"
        slow.sendall(f"{head}Content-Length: 1000\r\n\r\n{{".encode())
        assert ask(server, f"/{server.token}/overview")[0] == 200
        assert b" 408 " in slow.recv(100)
    assert not written(server)


def test_nothing_is_logged(server: ReviewServer, capfd: pytest.CaptureFixture[str]) -> None:
    ask(server, f"/{server.token}/overview")
    ask(server, f"/{server.token}/no-such")
    ask(server, f"/{server.token}/image/0", "PUT")
    with socket.create_connection((HOST, server.server_address[1]), timeout=20) as torn:
        torn.sendall(f"GET /{server.token}/ HTTP/1.1\r\nx".encode())
    ask(server, f"/{server.token}/overview")
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
def test_a_fault_is_told_without_what_was_asked(
    server: ReviewServer, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise ValueError(NAME)

    monkeypatch.setattr(server.review, "overview", fail)
    with pytest.raises(http.client.RemoteDisconnected):
        ask(server, f"/{server.token}/overview")
    out, err = capfd.readouterr()
    assert "ValueError in a request" in err and str(module.__file__) in err
    assert server.token not in out + err and NAME not in err
