"""A first config: what is counted, what is proposed, and that it can be loaded."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from anonbench.config import Detection, load
from anonbench.config.detectors import COVERING
from anonbench.config.privacy import AttackLimits
from anonbench.core.boxes import Region
from anonbench.core.errors import InputError
from anonbench.core.numeric.clusters import clustered_rate
from anonbench.detection.kinds import Ppocr
from anonbench.evaluation.privacy.attacks.kinds.dictionary import Dictionary
from anonbench.evaluation.privacy.attacks.kinds.residual import Residual
from anonbench.evaluation.privacy.kinds import Supervised
from anonbench.workflow.first_config import survey as module
from anonbench.workflow.first_config.document import FEWEST, Choice, compose, estimate, within
from anonbench.workflow.first_config.survey import Found, Sample, Survey, survey

SECRET = "Erika Mustermann"


def picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((24, 32, 3), 200, np.uint8)).save(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder of two classes, with files that are not read."""
    for number in range(6):
        picture(tmp_path / "data" / "ab"[number % 2] / f"{SECRET} {number}.PNG")
    (tmp_path / "data/a/notes.txt").write_text("nothing")
    (tmp_path / "data/a/film.mp4").write_bytes(b"\0\0\0\x18ftypmp42")
    return tmp_path / "data"


def sample(**found: int) -> Sample:
    names = {"centerface": "face", "ppocr": "text", "zxing": "barcode", "mrz": "mrz"}
    return Sample(
        read=32,
        megapixels=[0.5, 2.0],
        found={
            name: Found(entity, images=found.get(name, 0), times=[0.1])
            for name, entity in names.items()
        },
        png_bytes=[100_000],
        read_times=[0.01],
        write_times=[0.02],
        encode_seconds=0.05,
        dimension=1280,
    )


def choice(tmp_path: Path, **changes: object) -> Choice:
    usual = Choice(
        system={"kind": "timm", "name": "tf_efficientnet_lite0"},
        is_default=True,
        label=None,
        persons=False,
        minutes=10.0,
        cores=2,
        gpus=0,
        results=tmp_path / "results",
        file=tmp_path / "archive.yaml",
    )
    return replace(usual, **changes)  # type: ignore[arg-type]


def many(seen: Survey, images: int) -> Survey:
    return replace(seen, images=images)


def test_a_folder_is_counted_and_nothing_in_it_changes(folder: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    seen = survey(folder)
    assert (seen.images, seen.formats, seen.classes) == (6, {".png": 6}, (3, 3))
    assert [number for reason, number in seen.left.items() if "video" in reason] == [1]
    assert sum(seen.left.values()) == 1, "a text file is nothing to look at"
    assert len(seen.sample) == 6
    assert seen.sample == survey(folder).sample
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_a_split_and_a_publishers_layout_are_seen(tmp_path: Path) -> None:
    for number in range(5):
        picture(tmp_path / "own" / ("train", "val")[number % 2] / f"{number}.png")
        picture(tmp_path / "faces/img_align_celeba" / f"{number:06d}.jpg")
    assert survey(tmp_path / "own").split == (3, 2)
    listed = "".join(f"{number:06d}.jpg {number}\n" for number in range(7))
    (tmp_path / "faces/identity_CelebA.txt").write_text(listed)
    seen = survey(tmp_path / "faces")
    assert (str(seen.layout), seen.images, seen.labels) == ("celeba", 5, ("identity",))
    assert seen.left == {"named by a list file and not there": 2}


@pytest.mark.parametrize("content", [[], ["a.heix", "b.txt"]])
def test_a_folder_without_images_is_refused(tmp_path: Path, content: list[str]) -> None:
    for name in content:
        (tmp_path / name).write_text("no image")
    with pytest.raises(InputError, match="no image in it can be used"):
        survey(tmp_path)
    with pytest.raises(InputError, match="does not exist"):
        survey(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["a\nb", "a\x1b[31mb"])
def test_a_folder_that_no_config_can_name_is_refused_first(tmp_path: Path, name: str) -> None:
    picture(tmp_path / name / "0.png")
    with pytest.raises(InputError, match="no config can hold") as refused:
        survey(tmp_path / name)
    assert str(refused.value).isprintable()


def test_only_the_place_of_the_configs_own_name_gets_it(tmp_path: Path) -> None:
    picture(tmp_path / "THIS_FILE" / "0.png")
    seen = survey(tmp_path / "THIS_FILE")
    text, _ = compose(seen, sample(ppocr=30), choice(tmp_path, file=Path("my own.yaml")))
    assert load(yaml.safe_load(text)).datasets["archive"].path == tmp_path / "THIS_FILE"
    assert text.count("--configfile my own.yaml") == 2


def test_what_is_found_is_found_for_coverage(folder: Path, tmp_path: Path) -> None:
    """Only settings of the detectors that are proposed; the others keep their defaults."""
    text, _ = compose(survey(folder), sample(ppocr=30, zxing=1), choice(tmp_path))
    detection = load(yaml.safe_load(text)).detection
    assert detection.ppocr.unclip_ratio == 2.0 > Ppocr().unclip_ratio
    assert detection == Detection.model_validate({"ppocr": COVERING["ppocr"]})
    text, _ = compose(survey(folder), sample(zxing=3), choice(tmp_path))
    assert load(yaml.safe_load(text)).detection == Detection()
    assert "nothing passes the policy" in " ".join(text.replace("#", " ").split())


def test_what_was_found_is_proposed_and_the_config_loads(folder: Path, tmp_path: Path) -> None:
    seen = many(survey(folder), 300)
    text, cost = compose(seen, sample(ppocr=30, zxing=1), choice(tmp_path))
    config = load(yaml.safe_load(text))
    archive = config.datasets["archive"]
    assert archive.detectors == ("ppocr", "zxing")
    assert (archive.system, archive.adaptions, archive.subset) == ("tested", ("mapped",), None)
    assert cost.images == 300
    assert "centerface (CenterFace, face): in 0 of 32" in text
    assert "up to 9% of all may have some" in text
    assert "knows nothing of" in text
    assert SECRET not in text
    privacy = load(yaml.safe_load(text)).privacy
    assert (privacy.probes, privacy.gallery, privacy.of(Supervised).regions) == (300, 500, 500)
    assert privacy.attacked_regions == 100
    nothing_read = clustered_rate(np.zeros(100), np.arange(100), 0.95)
    assert nothing_read.high < AttackLimits().readability


def test_the_first_experiment_fits_into_the_time(folder: Path, tmp_path: Path) -> None:
    seen = many(survey(folder), 100_000)
    text, cost = compose(seen, sample(ppocr=30), choice(tmp_path))
    subset = load(yaml.safe_load(text)).datasets["archive"].subset
    assert subset == cost.images
    assert FEWEST <= cost.images < 10_000
    assert cost.seconds <= 600.0
    cost_of = partial(estimate, sample(ppocr=30), ["ppocr"], methods=3, cores=2)
    more = within(cost_of, 100_000, seconds=3600.0)
    assert more.images > cost.images
    whole = estimate(sample(), ["ppocr"], 1000, 3, cores=1)  # a map learns from the other half
    assert whole.bytes == pytest.approx(1000 * (3 * 100_850 + 4 * (4 * 1280 + 64)))
    seen = sample(ppocr=30)
    seen.found["ppocr"].regions = 90
    attacked = estimate(seen, ["ppocr"], 1000, 3, cores=1)
    # 500 to find 300 in three variants among, and 500 to learn from, as they are and thrice hidden
    extra = (500 + 3 * 300 + 4 * 500) * seen.encode_seconds
    assert attacked.seconds - whole.seconds >= extra * 0.99


def test_few_images_get_a_ranking_that_can_be_spoken_of(folder: Path, tmp_path: Path) -> None:
    text, _ = compose(many(survey(folder), 60), sample(ppocr=30), choice(tmp_path))
    retrieval = load(yaml.safe_load(text)).retrieval
    assert int(retrieval.fraction * 30) == 5
    text, _ = compose(many(survey(folder), 200), sample(ppocr=30), choice(tmp_path))
    assert "retrieval:" not in text.splitlines()


@pytest.mark.parametrize(
    ("images", "label", "share"),
    [(48, None, 0.5), (35, None, 0.69), (32, None, 0.75), (31, None, 1.0), (35, "class", 0.5)],
)
def test_of_very_few_images_enough_are_searched_to_speak_of(
    folder: Path, tmp_path: Path, images: int, label: str | None, share: float
) -> None:
    seen = many(survey(folder), images)
    text, _ = compose(seen, sample(ppocr=30), choice(tmp_path, label=label))
    config = load(yaml.safe_load(text))
    assert config.datasets["archive"].split.validation == share  # type: ignore[union-attr]
    searched = int(share * images)
    assert label or searched >= 20
    assert int(config.retrieval.fraction * searched) == 5
    said = " ".join(text.replace("#", " ").split())
    assert ("An attacker learns from the others" in said) == (0.5 < share < 1)


@pytest.mark.parametrize("label", [None, "class"])
def test_images_are_left_to_learn_from(folder: Path, tmp_path: Path, label: str | None) -> None:
    """An attacker that cannot learn finds little, and leaves the privacy unknown."""
    seen = many(survey(folder), 400)
    text, _ = compose(seen, sample(ppocr=30), choice(tmp_path, label=label))
    archive = load(yaml.safe_load(text)).datasets["archive"]
    assert (archive.label, archive.split.validation) == (label, 0.5)  # type: ignore[union-attr]


def test_a_slow_search_ends_after_few_images(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow:
        def detect(self, images: Sequence[np.ndarray]) -> list[list[Region]]:
            clock[0] += 10.0
            return [[] for _ in images]

    clock = [0.0]
    monkeypatch.setattr(module.time, "process_time", lambda: clock[0])
    seen = Sample(found={"zxing": Found("barcode")})
    files = 5 * survey(folder).sample
    module._search_all(files, {"zxing": Slow()}, seen)
    assert seen.read == module.FEWEST_LOOKED_AT
    assert seen.found["zxing"].seconds == 10.0


def test_what_could_not_be_tried_is_said(folder: Path, tmp_path: Path) -> None:
    seen = sample(ppocr=3)
    seen.found["zxing"].missing = "pip install zxing-cpp"
    seen.unreadable = Counter({"truncated": 2})
    text, _ = compose(survey(folder), seen, choice(tmp_path, is_default=False))
    assert "not tried: pip install zxing-cpp" in text
    assert "Of 34 looked at, 2 cannot be read: truncated" in text
    assert "knows nothing of" not in text


def test_the_systems_that_it_suggests_can_be_written_so(folder: Path, tmp_path: Path) -> None:
    text, _ = compose(survey(folder), sample(ppocr=30), choice(tmp_path))
    hints = re.findall(r"^# +(\{ kind: .*?\})", text, flags=re.MULTILINE)
    assert len(hints) >= 3
    for hint in hints:
        config = yaml.safe_load(text)
        config["systems"]["tested"] = yaml.safe_load(hint)
        assert load(config).systems["tested"].kind == yaml.safe_load(hint)["kind"]


@pytest.mark.parametrize(
    ("found", "detectors"),
    [
        ({"centerface": 32, "ppocr": 7}, ["centerface"]),
        ({"centerface": 32, "ppocr": 7, "mrz": 2}, ["centerface", "mrz"]),
        ({"centerface": 32, "ppocr": 20}, ["centerface", "ppocr"]),
        ({"centerface": 3, "ppocr": 7}, ["centerface", "ppocr"]),
    ],
)
def test_text_is_looked_for_in_portraits_only_where_it_is_frequent(
    folder: Path, tmp_path: Path, found: dict[str, int], detectors: list[str]
) -> None:
    text, _ = compose(many(survey(folder), 400), sample(**found), choice(tmp_path))
    archive = load(yaml.safe_load(text)).datasets["archive"]
    assert list(archive.detectors) == detectors
    # fake content is drawn of text and codes, never of faces
    assert ("replace" in map(str, archive.methods)) == (detectors != ["centerface"])
    said = " ".join(text.replace("#", " ").split())
    assert ("left out, for it is in few" in said) == ("ppocr" not in detectors)


@pytest.mark.parametrize("persons", [False, True])
def test_class_folders_of_faces_may_be_persons(folder: Path, tmp_path: Path, persons: bool) -> None:
    seen = replace(survey(folder), images=300, classes=(6,) * 20 + (5,) * 36)
    text, _ = compose(seen, sample(centerface=32), choice(tmp_path, persons=persons))
    config = load(yaml.safe_load(text))
    assert config.datasets["archive"].cluster == "class"
    assert config.privacy.identity == ("class" if persons else "identity")
    assert "identity: class" in text
    documents, _ = compose(seen, sample(ppocr=32), choice(tmp_path))
    assert "identity: class" not in documents


@pytest.mark.parametrize(("folders", "enough"), [(56, False), (100, True)])
def test_attacks_are_so_large_that_a_method_can_pass_or_it_is_said(
    folder: Path, tmp_path: Path, folders: int, enough: bool
) -> None:
    """Images of a folder are one piece of evidence: half of the folders are searched."""
    seen = replace(survey(folder), images=6 * folders, classes=(6,) * folders)
    text, _ = compose(seen, sample(centerface=32), choice(tmp_path))
    privacy = load(yaml.safe_load(text)).privacy
    images = min(privacy.of(Residual).images, 3 * folders)
    persons = np.arange(3 * folders) // 6
    drawn = np.random.default_rng(0).permutation(persons)[:images]
    best = clustered_rate(np.zeros(images), drawn, 0.95).high
    assert (best <= AttackLimits().residual) == enough
    assert ("no method can pass" in " ".join(text.replace("#", " ").split())) == (not enough)


def test_attacks_on_documents_can_keep_each_limit(folder: Path, tmp_path: Path) -> None:
    text, _ = compose(many(survey(folder), 400), sample(ppocr=32), choice(tmp_path))
    privacy = load(yaml.safe_load(text)).privacy
    for limit, images in (
        (AttackLimits().dictionary, privacy.of(Dictionary).images),
        (AttackLimits().residual, privacy.of(Residual).images),
        (AttackLimits().readability, privacy.attacked_regions),
    ):
        assert limit is not None
        assert clustered_rate(np.zeros(images), np.arange(images), 0.95).high <= limit


def test_classes_that_are_told_apart_are_no_clusters(folder: Path, tmp_path: Path) -> None:
    """A probe that held out whole classes could not learn them."""
    seen = replace(survey(folder), images=300, classes=(6,) * 50)
    text, _ = compose(seen, sample(ppocr=32), choice(tmp_path, label="class"))
    assert load(yaml.safe_load(text)).datasets["archive"].cluster == "none"
