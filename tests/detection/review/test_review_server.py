"""The review's page against attacks, its corrections, and its estimate."""

import http.client
import json
import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anonbench.core.boxes import Region
from anonbench.core.errors import InputError
from anonbench.core.vocabulary import Entity
from anonbench.datasets.annotations.read import Action, Correction, correct
from anonbench.detection.review import server as module
from anonbench.detection.review.changes import corrections_for, found_without, key_of
from anonbench.detection.review.queue import Misses, count_misses, draw_sample, estimate, sentences
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
    with pytest.raises(InputError, match="99999: a port is 1 to 65535; without it, a free one"):
        ReviewServer(server.review, 99999)


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


Entities = st.sampled_from([Entity.FACE, Entity.TEXT])


@st.composite
def regions(draw: st.DrawFn) -> Region:
    x, y = draw(st.integers(0, 6)), draw(st.integers(0, 3))
    width, height = draw(st.integers(1, 4)), draw(st.integers(1, 2))
    return Region(
        draw(Entities), x + 0.1, y, x + width, y + height, draw(st.sampled_from([0.5, 1]))
    )


@st.composite
def corrections(draw: st.DrawFn, row: int) -> Correction:
    action = draw(st.sampled_from(list(Action)))
    if action is Action.REMOVE and draw(st.booleans()):
        return Correction(str(row), action, draw(Entities), None)
    region = draw(regions())
    return Correction(str(row), action, region.entity, region)


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[Region], list[Correction], list[Region]]:
    found = draw(st.lists(regions(), max_size=6))
    present = [draw(corrections(row)) for row in range(1, 1 + draw(st.integers(0, 4)))]
    shown = [*found, *(c.region for c in present if c.region is not None)]
    some = draw(st.lists(st.sampled_from(shown), max_size=5)) if shown else []
    return found, present, some + draw(st.lists(regions(), max_size=3))


def keys(listed: list[Region]) -> set[object]:
    return {key_of(region) for region in listed}


@given(cases())
def test_wanted_regions_come_out(case: tuple[list[Region], list[Correction], list[Region]]) -> None:
    found, present, wanted = case
    kept, new = corrections_for(found, present, wanted)
    assert set(kept) <= set(present)
    assert keys(correct(found, kept + new)[0]) == keys(wanted)
    stored = [Correction(str(n), c.action, c.entity, c.region) for n, c in enumerate(kept + new, 1)]
    assert corrections_for(found, stored, wanted) == (stored, [])


@given(cases())
def test_what_was_found_is_known(case: tuple[list[Region], list[Correction], list[Region]]) -> None:
    found, _, wanted = case
    _, new = corrections_for(found, [], wanted)
    assert all(c.region is not None for c in new)
    again, absent = found_without(correct(found, new)[0], new)
    assert keys(again) == keys(found) and not absent


def test_other_corrections_stay_and_are_told() -> None:
    found = [Region(Entity.TEXT, 0, 0, 10, 4, 0.9)]
    rough = Correction("1", Action.REMOVE, Entity.TEXT, Region(Entity.TEXT, 1, 0, 10, 4, 1.0))
    unused = Correction("2", Action.REMOVE, Entity.FACE, None)
    assert corrections_for(found, [rough, unused], []) == ([rough, unused], [])
    assert corrections_for(found, [rough, unused], found) == ([unused], [])
    added = Correction("1", Action.ADD, Entity.FACE, Region(Entity.FACE, 0, 0, 5, 5, 1.0))
    assert found_without([], [added]) == ([], 1)


def box(x0: float, x1: float, entity: Entity = Entity.TEXT) -> Region:
    return Region(entity, x0, 0, x1, 10, 1.0)


def test_a_larger_sample_begins_with_a_smaller_one_and_another_seed_is_another() -> None:
    ids = [f"i{n}" for n in range(200)]
    large = draw_sample(ids, 3, 50)
    assert draw_sample(ids, 3, 20) == large[:20]
    assert draw_sample(ids[::-1], 3, 20) == large[:20]
    assert len(set(large)) == 50 and draw_sample(ids, 4, 50) != large
    assert sorted(draw_sample(ids, 0, 1000)) == sorted(ids)


def test_a_miss_is_a_region_that_is_hidden_by_less_than_half() -> None:
    for found, expected in (
        ([], (1, 1, 0)),
        ([box(0, 40)], (1, 1, 0)),
        ([box(0, 50)], (1, 0, 1)),
        ([box(0, 50), box(50, 89)], (1, 0, 1)),
        ([box(0, 90)], (1, 0, 0)),
        ([box(0, 100, Entity.FACE)], (1, 0, 0)),
    ):
        assert count_misses(found, [box(0, 100)], (200, 100)) == Misses(*expected)


def test_none_among_n_is_the_rule_of_three() -> None:
    result = estimate([Misses(3, 0, 0)] * 100, 900, 0.95)
    assert result.images.low == 0 and result.images.high == pytest.approx(1 - 0.05**0.01)
    assert result.images.high == pytest.approx(3 / 100, rel=0.02)
    assert result.regions.high == result.images.high  # three of an image tell as much as one
    assert result.unseen_with_miss == 27  # 900 · 2.951 % = 26.6
    assert sentences(result, 100, 0) == [
        "Random sample: 100 of 100 images looked at.",
        "0 of 100 images show something that was not hidden: at most 3.0 % (95 %, one-sided).",
        "0 of 300 marked regions were missed: at most 3.0 % (95 %, one-sided).",
        "Of 900 images that nobody looked at, at most 27 show something that is not hidden.",
    ]


def test_intervals_of_some_and_of_too_few_images() -> None:
    looks = [Misses(2, 1, 0)] * 5 + [Misses(2, 0, 0)] * 45
    result = estimate(looks, 0, 0.95)
    assert (result.images.value, result.regions.value) == (0.1, 0.05)
    # Wilson (1927) for 5 of 50
    assert (result.images.low, result.images.high) == pytest.approx((0.0435, 0.2136), abs=2e-4)
    assert result.missed_images == 5 and result.missed_regions == 5
    assert result.unseen_with_miss == 0
    result = estimate([Misses(1, 0, 0)] * 7, 10, 0.95)
    assert result.unseen_with_miss is None
    assert "too few images for an interval" in sentences(result, 7, 0)[1]
    crowded = estimate([Misses(2300, 0, 0), *[Misses(49, 0, 0)] * 10], 0, 0.95)
    assert "0 of 2,790 marked regions were missed; most are in so" in sentences(crowded, 11, 0)[2]
    looked, counting = sentences(estimate([], 10, 0.95), 4, 2)
    assert looked.startswith("Random sample: 2 of 4 images")
    assert counting.startswith("0 of them count yet: 2 were looked at before their turn")


def test_upper_ends_are_above_the_truth_as_often_as_they_say() -> None:
    """200 archives of 2,000 images, misses in clusters; samples of 80."""
    generator = np.random.default_rng(1)
    inside = {"images": 0, "regions": 0}
    for _ in range(200):
        regions = generator.integers(0, 12, 2000)
        bad = generator.random(2000) < 0.04
        missed = np.where(bad, generator.binomial(regions, 0.6), 0)
        chosen = generator.choice(2000, 80, replace=False)
        looks = [Misses(int(regions[i]), int(missed[i]), 0) for i in chosen]
        result = estimate(looks, 0, 0.95)
        inside["images"] += (missed > 0).mean() <= result.images.high
        inside["regions"] += missed.sum() / regions.sum() <= result.regions.high
    assert all(count >= 0.95 * 200 for count in inside.values()), inside


def test_the_documented_upper_ends_are_those_of_the_code(root: Path) -> None:
    text = (root / "docs/how-to/review.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| ([\d.]+) % \|$", text, flags=re.MULTILINE)
    ends = {n: estimate([Misses(1, 0, 0)] * int(n), 0, 0.95).images.high for n, _ in rows}
    assert len(rows) == 4 and all(f"{100 * ends[n]:.1f}" == told for n, told in rows)
