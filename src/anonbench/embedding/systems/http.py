"""Systems behind an HTTP endpoint: bytes of an image in, a vector as JSON out."""

from __future__ import annotations

import http.client
import io
import json
import os
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from anonbench.core.errors import InputError
from anonbench.core.registries.systems import Encoder, SystemKind
from anonbench.core.settings import Count, Natural, Positive

if TYPE_CHECKING:
    import numpy as np

_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Status codes after which the same request may succeed."""
_LONGEST_WAIT = 30.0


class Http(SystemKind):
    """An endpoint that answers `POST` of an image with a vector as JSON.

    The answer is a list of numbers, or an object that has one under `field`. Images go to this
    address only: redirects and proxies are not followed.
    """

    name: ClassVar = "http"
    label: ClassVar = "HTTP endpoint"
    images_per_second: ClassVar = 5.0

    kind: Literal["http"] = "http"
    """Kind of system."""
    url: Annotated[str, Field(pattern=r"^https?://[^\s/?#@]+([/?][^\s#]*)?$")]
    """Address of the endpoint, without user and password."""
    field: str = "embedding"
    """Name of the vector in an answer that is a JSON object."""
    format: Literal["png", "jpeg"] = "png"
    """Format in which images are sent; `jpeg` loses detail."""
    version: str = ""
    """Your name for the version of the model behind the endpoint, to be changed with it."""
    token: str | None = None
    """Name of an environment variable with a bearer token."""
    concurrency: Annotated[int, Field(ge=1, le=256)] = 4
    """Requests at the same time."""
    timeout: Positive = 30.0
    """Longest wait for a connection, and for the next part of an answer, in seconds."""
    retries: Natural = 5
    """Further attempts after a failed request, each after twice the waiting time of the last."""
    max_bytes: Count = 1_000_000
    """Size of the largest answer, in bytes."""

    def effective(self) -> dict[str, Any]:
        """Return, as plain data, what results depend on."""
        without = {"token", "concurrency", "timeout", "retries", "max_bytes"}
        return self.model_dump(mode="json", exclude=without)

    @contextmanager
    def start(self) -> Iterator[Encoder]:
        """Read the token; the endpoint gets its first request with the first image."""
        headers = {"Content-Type": f"image/{self.format}", "Accept": "application/json"}
        if self.token is not None:
            if not os.environ.get(self.token):
                raise InputError(f"systems: the environment variable {self.token} is not set")
            headers["Authorization"] = f"Bearer {os.environ[self.token]}"
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Stay())
        with ThreadPoolExecutor(self.concurrency) as pool:
            yield _Endpoint(self, headers, pool, opener)


class _Stay(urllib.request.HTTPRedirectHandler):
    """Does not follow redirects."""

    def redirect_request(self, *_: Any) -> None:
        return None


class _TryAgainError(Exception):
    """Reason why a request failed that may succeed next time."""


@dataclass(frozen=True)
class _Endpoint:
    settings: Http
    headers: dict[str, str]
    pool: ThreadPoolExecutor
    opener: urllib.request.OpenerDirector

    def encode(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """Send each image in its own request."""
        import numpy as np

        vectors = list(self.pool.map(self._vector, images))
        if len(widths := sorted({len(vector) for vector in vectors})) > 1:
            raise InputError(
                f"systems: {self._place} answered with vectors of "
                f"{' and '.join(map(str, widths))} dimensions; one system has one"
            )
        return np.array(vectors, dtype=np.float32)

    def _vector(self, image: np.ndarray) -> list[float]:
        data, tries = _coded(image, self.settings.format), self.settings.retries + 1
        for attempt in range(tries):
            try:
                return self._parsed(self._answer(data))
            except _TryAgainError as error:
                reason = str(error)
                if attempt + 1 < tries:
                    time.sleep(min(_LONGEST_WAIT, 0.25 * 2**attempt))
        raise InputError(
            f"systems: {self._place} did not answer in {tries} attempts ({reason}); run again "
            "when it does (what is in a cache is not asked for again)"
        )

    @property
    def _place(self) -> str:
        return self.settings.url.partition("?")[0]

    def _answer(self, data: bytes) -> bytes:
        request = urllib.request.Request(self.settings.url, data, self.headers)
        found: bytes
        try:
            with self.opener.open(request, timeout=self.settings.timeout) as answer:
                status, found = answer.status, answer.read(self.settings.max_bytes + 1)
        except urllib.error.HTTPError as error:
            error.close()
            status, found = error.code, b""
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", error)
            if isinstance(reason, ssl.SSLCertVerificationError):
                raise InputError(
                    f"systems: {self._place} has a certificate that is not trusted here "
                    f"({reason.verify_message}); SSL_CERT_FILE names a file of those that are"
                ) from None
            raise _TryAgainError(type(reason).__name__) from None
        if status in _AGAIN:
            raise _TryAgainError(f"status {status}")
        if 300 <= status < 400:
            raise InputError(
                f"systems: {self._place} redirects elsewhere (status {status}), which is not "
                "followed; give the address itself"
            )
        if status != 200:
            raise InputError(f"systems: {self._place} answered with status {status}")
        if len(found) > self.settings.max_bytes:
            raise InputError(
                f"systems: {self._place} answered with more than {self.settings.max_bytes:,} bytes "
                "(max_bytes)"
            )
        return found

    def _parsed(self, found: bytes) -> list[float]:
        try:
            answer = json.loads(found)
        except (ValueError, RecursionError):
            raise InputError(f"systems: {self._place} answered with no JSON") from None
        if isinstance(answer, dict):
            answer = answer.get(self.settings.field)
        if isinstance(answer, list) and len(answer) == 1 and isinstance(answer[0], list):
            answer = answer[0]
        is_vector = isinstance(answer, list) and bool(answer)
        if not is_vector or not all(type(value) in (int, float) for value in answer):
            raise InputError(
                f"systems: {self._place} answered with no vector: a list of numbers, or an object "
                f"that has one under {self.settings.field!r} (`field`)"
            )
        try:
            return [float(value) for value in answer]
        except OverflowError:
            raise InputError(
                f"systems: {self._place} answered with a number that is too large"
            ) from None


def _coded(image: np.ndarray, form: str) -> bytes:
    from PIL import Image

    png, jpeg = {"compress_level": 1}, {"quality": 95, "subsampling": 0}
    coded = io.BytesIO()
    Image.fromarray(image).save(coded, form, **(png if form == "png" else jpeg))
    return coded.getvalue()
