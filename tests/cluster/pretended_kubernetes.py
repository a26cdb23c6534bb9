"""As much of Kubernetes' API as Snakemake's executor calls, with processes for pods.

A pod is a shell in an empty folder of its own, with the environment of its secret: it shares
nothing with other pods but the volumes and what lies in the storage.
"""

import base64
import json
import os
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit


@dataclass
class Pod:
    spec: dict[str, Any]
    folder: Path
    process: subprocess.Popen[bytes] | None

    @property
    def container(self) -> dict[str, Any]:
        return self.spec["spec"]["template"]["spec"]["containers"][0]

    @property
    def megabytes(self) -> int:
        return int(self.container["resources"]["requests"]["memory"].removesuffix("M"))

    @property
    def says(self) -> str:
        file = self.folder / "said.txt"
        return file.read_text(encoding="utf-8") if file.exists() else "Killed"

    def exit_code(self) -> int | None:
        return 137 if self.process is None else self.process.poll()

    def status(self) -> dict[str, int]:
        code = self.exit_code()
        return {"active": 1} if code is None else {"failed" if code else "succeeded": 1}

    def described(self, name: str) -> dict[str, Any]:
        code = self.exit_code()
        state = {"running": {}} if code is None else {"terminated": {"exitCode": code}}
        container = {"name": "snakemake", "image": "", "imageID": "", "ready": True}
        container |= {"restartCount": 0, "state": state}
        return {"metadata": {"name": name}, "status": {"containerStatuses": [container]}}


@dataclass
class Cluster:
    """What was asked for, in the order of submission."""

    folder: Path
    enough_mb: int = 0  # a pod that asks for less is killed, as one that ran out of memory
    pods: dict[str, Pod] = field(default_factory=dict)
    secrets: dict[str, dict[str, str]] = field(default_factory=dict)

    def start(self, spec: dict[str, Any]) -> None:
        name = spec["metadata"]["name"]
        folder = self.folder / name
        folder.mkdir(parents=True)
        pod = Pod(spec, folder, None)
        if pod.megabytes >= self.enough_mb:
            environment = dict(os.environ)
            for variable in pod.container.get("env", []):
                key = variable["valueFrom"]["secretKeyRef"]
                environment[variable["name"]] = self.secrets[key["name"]][key["key"]]
            command = [*pod.container["command"], *pod.container["args"]]
            with (folder / "said.txt").open("wb") as file:
                pod.process = subprocess.Popen(
                    command, cwd=folder, env=environment, stdout=file, stderr=subprocess.STDOUT
                )
        self.pods[name] = pod

    def keep_secret(self, secret: dict[str, Any]) -> None:
        self.secrets[secret["metadata"]["name"]] = {
            key: base64.b64decode(value).decode() for key, value in secret["data"].items()
        }


class _Api(BaseHTTPRequestHandler):
    cluster: ClassVar[Cluster]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path.endswith("/secrets"):
            self.cluster.keep_secret(body)
        else:
            self.cluster.start(body)
        self._answer(body)

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if name := re.search(r"/jobs/([^/]+)/status$", url.path):
            self._answer({"status": self.cluster.pods[name[1]].status()})
        elif name := re.search(r"/pods/([^/]+)/log$", url.path):
            self._answer(self.cluster.pods[name[1]].says)
        else:
            name = parse_qs(url.query)["labelSelector"][0].removeprefix("job-name=")
            self._answer({"items": [self.cluster.pods[name].described(name)]})

    def do_DELETE(self) -> None:
        self._answer({})

    def _answer(self, body: Any) -> None:
        text = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing of each request."""


@contextmanager
def pretended(folder: Path, enough_mb: int = 0) -> Iterator[tuple[Cluster, Path]]:
    """Give a cluster and the file that a client finds it by (KUBECONFIG)."""
    cluster = Cluster(folder / "pods", enough_mb)
    handler = type("Api", (_Api,), {"cluster": cluster})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    place = f"http://127.0.0.1:{server.server_port}"
    config = {
        "clusters": [{"name": "c", "cluster": {"server": place}}],
        "users": [{"name": "u", "user": {}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    file = folder / "kubeconfig.json"
    file.write_text(json.dumps(config), encoding="utf-8")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield cluster, file
    finally:
        for pod in cluster.pods.values():
            if pod.process is not None and pod.process.poll() is None:
                pod.process.kill()
        server.shutdown()
        server.server_close()
