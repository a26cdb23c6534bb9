"""Inputs and outputs of rules, as Snakemake reads them."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from snakemake.io import AnnotatedString, flag, is_flagged

from anonbench.workflow.rule_parts import RuleFiles, growing, on_disk, with_digest


def rule_files(prefix: str | None = None, keeps: bool = False) -> RuleFiles:
    storage = SimpleNamespace(
        default_storage_provider=prefix and "s3",
        default_storage_prefix=prefix,
        keep_storage_local=keeps,
    )
    return RuleFiles(SimpleNamespace(storage_settings=storage), "results")


def test_outputs_stay_where_they_are_on_this_machine() -> None:
    given = {"scores": "r/scores.csv", "shards": ["r/0.tar", "r/1.tar"]}
    for files, stays in (
        (rule_files(), True),
        (rule_files("s3://b"), False),
        (rule_files("s3://b", keeps=True), True),
    ):
        outputs = files.updated(**given)
        made = {"made": "r/.checksums/scores.csv.made"} if stays else {}
        assert outputs == given | made and not is_flagged(outputs.get("made", ""), "update")
        assert is_flagged(outputs["scores"], "update") is stays
        assert all(is_flagged(shard, "update") is stays for shard in outputs["shards"])


def test_the_last_run_in_a_linked_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("disk/.checksums", "results"):
        Path(folder).mkdir(parents=True)
    Path("results/archive").symlink_to(tmp_path / "disk")
    Path("results/archive/.checksums/0.tar.made").write_text("earlier")
    files = rule_files()
    files.updated(tar="<results>/archive/{shard}.tar")
    assert files.last_run()({"shard": 0}) == "earlier"
    assert files.last_run()({"shard": 1}) not in ("earlier", "")


def test_big_inputs_are_ancient_and_their_digests_are_not() -> None:
    pair = rule_files().by_digest(boxes="r/{dataset}/boxes.parquet")
    assert list(pair) == ["boxes", "boxes_digest"]
    assert is_flagged(pair["boxes"], "ancient")
    assert pair["boxes_digest"] == "r/{dataset}/boxes.parquet.digest"
    assert not is_flagged(pair["boxes_digest"], "ancient")
    pair = rule_files().by_digest(
        images=lambda w: [f"r/{w}/0.tar", f"r/{w}/0.parquet"], empty=lambda w: []
    )
    images = pair["images"]("mask-50")
    assert images == ["r/mask-50/0.tar", "r/mask-50/0.parquet"]
    assert all(is_flagged(path, "ancient") for path in images)
    assert pair["images_digest"]("mask-50") == ["r/mask-50/0.tar.digest"]
    assert pair["empty"]("x") == pair["empty_digest"]("x") == []
    output = AnnotatedString("r/manifest.parquet")
    pair = rule_files().by_digest(manifest=output, several=[output])
    assert is_flagged(pair["manifest"], "ancient") and is_flagged(pair["several"][0], "ancient")
    assert not is_flagged(output, "ancient")
    assert with_digest(a="x.h5") == {"a": "x.h5", "a_digest": "x.h5.digest"}


def test_a_stored_file_is_named_as_in_the_results_and_a_users_is_none() -> None:
    query = SimpleNamespace(query="s3://b/r/x.csv")
    stored = flag(AnnotatedString("local/copy"), "storage_object", query)
    assert rule_files("s3://b").plain([stored]) == ["r/x.csv"]
    assert rule_files("s3://b/").plain("r/x.csv") == "r/x.csv"
    (file,) = on_disk([Path("own/boxes.csv")])
    assert file == "own/boxes.csv" and is_flagged(file, "local")


def test_memory_and_time_grow_with_the_attempt() -> None:
    assert [growing(100)("wildcards", attempt) for attempt in (1, 3)] == [100, 300]
    assert growing(len)("four", 2) == 8
