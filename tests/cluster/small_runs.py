"""A bucket of an S3 server, and Snakemake in a working folder of its own."""

import hashlib
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

import preloaded

COMPARED = (".tar", ".parquet", ".digest", ".h5", ".safetensors", ".csv", ".png", ".svg", ".md")


@dataclass(frozen=True)
class Storage:
    endpoint: str
    name: str
    client: Any

    @property
    def arguments(self) -> list[str]:
        storage = ["--default-storage-provider", "s3", "--storage-s3-endpoint-url", self.endpoint]
        return [*storage, "--default-storage-prefix", f"s3://{self.name}"]

    def times(self) -> dict[str, float]:
        items = self.client.Bucket(self.name).objects.all()
        return {item.key: item.last_modified.timestamp() for item in items}

    def digests(self) -> dict[str, str]:
        found = {key: self.client.Object(self.name, key).get()["Body"] for key in self.times()}
        return {
            key: hashlib.sha256(body.read()).hexdigest()
            for key, body in found.items()
            if is_compared(Path(key))
        }


def config_of(root: Path, folder: Path) -> dict[str, Any]:
    """Return the config of the demo's portraits in miniature, its images on a volume."""
    demo = yaml.safe_load((root / "config.yaml").read_text(encoding="utf-8"))
    recipe = demo["recipes"]["portraits"]
    recipe["optimizer"] |= {"steps": 2, "batch_size": 8}
    portraits = demo["datasets"]["portraits"] | {
        "path": str(folder / "volume" / "portraits"),
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


def is_compared(path: Path) -> bool:
    return path.suffix in COMPARED and not {"logs", "kept", ".checksums"} & set(path.parts)


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted((folder / "results").rglob("*"))
        if path.is_file() and is_compared(path.relative_to(folder))
    }


def command(snakefile: Path, folder: Path, config: dict[str, Any], *arguments: str) -> list[str]:
    """Write the config into a working folder, and return Snakemake's command there."""
    folder.mkdir(exist_ok=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    program = str(Path(sys.executable).with_name("snakemake"))
    return [program, "-s", str(snakefile), "--configfile", "config.yaml", *arguments]


def snakemake(
    snakefile: Path, folder: Path, config: dict[str, Any], *arguments: str
) -> subprocess.CompletedProcess[str]:
    _, *given = command(snakefile, folder, config, *arguments)
    return preloaded.completed("snakemake", given, folder)


def wait_for(condition: Callable[[], bool], run: subprocess.Popen[bytes], said: Path) -> None:
    end = time.monotonic() + 600
    while not condition():
        text = said.read_text(encoding="utf-8")[-4000:]
        assert run.poll() is None, text
        assert time.monotonic() < end, text
        time.sleep(0.2)
