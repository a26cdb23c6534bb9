"""An S3 server, and a small experiment that is run with and without it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
import yaml
from small_runs import Storage


@pytest.fixture
def storage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Storage]:
    server = pytest.importorskip("moto.server", reason="moto, an S3 server for tests, is missing")
    boto3 = pytest.importorskip("boto3", reason="boto3 is missing")
    pytest.importorskip("snakemake_storage_plugin_s3", reason="the S3 plugin is missing")
    for name in ("ACCESS", "SECRET"):
        monkeypatch.setenv(f"SNAKEMAKE_STORAGE_S3_{name}_KEY", "testing")
    running = server.ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    # servers of one process share what they hold
    urlopen(Request(f"{endpoint}/moto-api/reset", method="POST")).close()
    keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    client = boto3.resource("s3", endpoint_url=endpoint, region_name="us-east-1", **keys)
    client.create_bucket(Bucket="bench")
    yield Storage(endpoint, "bench", client)
    running.stop()


@pytest.fixture
def config(root: Path, tmp_path: Path) -> dict[str, Any]:
    """Return the config of the demo's portraits in miniature, its images on a volume."""
    demo = yaml.safe_load((root / "config.yaml").read_text(encoding="utf-8"))
    recipe = demo["recipes"]["portraits"]
    recipe["optimizer"] |= {"steps": 2, "batch_size": 8}
    portraits = demo["datasets"]["portraits"] | {
        "path": str(tmp_path / "volume" / "portraits"),
        "demo": {"kind": "portraits", "photos": 4, "train_identities": 8, "val_identities": 5},
        "methods": ["mask"],
        "degrees": [100],
        "adaptions": [],
        "shard_size": 64,
    }
    return {
        "title": "storage",
        "control_seeds": [],
        "datasets": {"portraits": portraits},
        "recipes": {"portraits": recipe},
        "retrieval": {"fraction": 0.2},
    }
