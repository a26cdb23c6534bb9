"""A first config: what is counted, what is proposed, and that it can be loaded."""

import re
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from anonbench.cli.main import command_parser
from anonbench.cli.shared import with_subcommands
from anonbench.config import Detection, load
from anonbench.config.detectors import COVERING
from anonbench.config.experiment import Experiment
from anonbench.config.privacy import AttackLimits
from anonbench.core.boxes import Region
from anonbench.core.errors import InputError
from anonbench.core.numeric.clusters import clustered_rate
from anonbench.core.vocabulary import Split
from anonbench.core.wording import duration
from anonbench.detection.kinds import Ppocr
from anonbench.embedding.systems.command import Command
from anonbench.evaluation.privacy.attacks.kinds.dictionary import Dictionary
from anonbench.evaluation.privacy.attacks.kinds.residual import Residual
from anonbench.evaluation.privacy.kinds import Supervised
from anonbench.workflow.estimates import Estimates
from anonbench.workflow.first_config import survey as module
from anonbench.workflow.first_config.document import FEWEST, Choice, compose
from anonbench.workflow.first_config.survey import Found, Sample, Survey, survey

SECRET = "Erika Mustermann"


def picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((24, 32, 3), 200, np.uint8)).save(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
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
        encode_seconds=0.05,
        dimension=1280,
    )


PAGES = sample(ppocr=30)


class Proposed:
    def __init__(self, seen: Survey, found: Sample, results: Path, **changes: Any) -> None:
        usual = Choice(
            system={"kind": "timm", "name": "tf_efficientnet_lite0"},
            is_default=True,
            label=None,
            persons=False,
            minutes=10.0,
            cores=2,
            gpus=0,
            results=results,
            file=results.with_name("archive.yaml"),
        )
        self.text, self.cost = compose(seen, found, replace(usual, **changes))
        self.said = " ".join(self.text.replace("#", " ").split())
        self.config = load(yaml.safe_load(self.text))
        self.archive = self.config.datasets["archive"]
        self.privacy = self.config.privacy


@pytest.fixture
def propose(folder: Path, tmp_path: Path) -> Callable[..., Proposed]:
    def make(found: Sample = PAGES, seen: dict[str, Any] | None = None, **choice: Any) -> Proposed:
        return Proposed(replace(survey(folder), **seen or {}), found, tmp_path / "r", **choice)

    return make


Propose = Callable[..., Proposed]


def test_a_folder_is_counted_and_nothing_in_it_changes(folder: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    seen = survey(folder)
    assert (seen.images, seen.formats, seen.classes) == (6, {".png": 6}, (3, 3))
    assert [number for reason, number in seen.left.items() if "video" in reason] == [1]
    assert sum(seen.left.values()) == 1, "a text file is nothing to look at"
    assert len(seen.sample) == 6
    assert seen.sample == survey(folder).sample
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    shutil.copy(folder / "a/notes.txt", folder / "Thumbs.db")
    page = Image.new("L", (90, 60), 200)
    page.save(folder / "scan.pdf", save_all=True, append_images=[page])
    seen = survey(folder)
    assert seen.no_images == {".txt": 1}
    assert seen.content == "8 images (6 .png, 1 .pdf; each page is one)"


def test_splits_layouts_and_classes_are_seen(tmp_path: Path) -> None:
    picture(tmp_path / "one/pics/0.png")
    seen = survey(tmp_path / "one")
    assert (seen.images, seen.classes, seen.labels, seen.persons) == (1, (), (), 0)
    for number in range(5):
        picture(tmp_path / "own" / ("train", "val")[number % 2] / f"{number}.png")
        picture(tmp_path / "faces/img_align_celeba" / f"{number:06d}.jpg")
    assert survey(tmp_path / "own").split == (3, 2)
    listed = "".join(f"{number:06d}.jpg {number // 2}\n" for number in range(7))
    (tmp_path / "faces/identity_CelebA.txt").write_text(listed)
    seen = survey(tmp_path / "faces")
    assert (str(seen.layout), seen.images, seen.labels) == ("celeba", 5, ("identity",))
    assert seen.left == {"named by a list file and not there": 2}
    assert seen.persons == 3


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    for name in ("a.heix", "b.txt"):
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
    own = Proposed(seen, PAGES, tmp_path / "results", file=Path("my own.yaml"))
    assert own.archive.path == tmp_path / "THIS_FILE"
    assert own.text.count("--configfile 'my own.yaml'") == 2


def test_what_is_found_is_found_for_coverage(propose: Propose) -> None:
    """Only settings of the detectors that are proposed; the others keep their defaults."""
    detection = propose(sample(ppocr=30, zxing=1)).config.detection
    assert detection.ppocr.unclip_ratio == 2.0 > Ppocr().unclip_ratio
    assert detection == Detection.model_validate({"ppocr": COVERING["ppocr"]})
    codes = propose(sample(zxing=3))
    assert codes.config.detection == Detection()
    assert "nothing passes the policy" in codes.said


def test_what_was_found_is_proposed(propose: Propose) -> None:
    made = propose(sample(ppocr=30, zxing=1), {"images": 300}, minutes=60.0)
    assert made.archive.detectors == ("ppocr", "zxing")
    assert (made.archive.system, made.archive.adaptions) == ("tested", ("mapped",))
    assert made.archive.subset is None and made.cost.images == 300
    for said in ("centerface (CenterFace, face): in 0 of 32", "up to 9% of all may have some"):
        assert said in made.text
    assert "knows nothing of" in made.text
    assert SECRET not in made.text
    limits = made.privacy.probes, made.privacy.gallery, made.privacy.of(Supervised).regions
    assert limits == (300, 500, 500)
    for codes, is_rare in ((1, True), (16, False)):  # hidden, but what is left cannot be judged
        made = propose(sample(ppocr=32, zxing=codes), {"images": 1200}, minutes=600.0)
        assert made.archive.detectors == ("ppocr", "zxing")
        assert made.said.count("too few for a verdict") == is_rare


def test_what_could_not_be_tried_is_said(propose: Propose) -> None:
    seen = sample(ppocr=3)
    seen.found["zxing"].missing = "pip install zxing-cpp"
    seen.unreadable = Counter({"truncated": 2})
    text = propose(seen, is_default=False).text
    assert "not tried: pip install zxing-cpp" in text
    assert "Of 34 looked at, 2 cannot be read: truncated" in text
    assert "knows nothing of" not in text


def test_the_first_experiment_fits_into_the_time(propose: Propose) -> None:
    made = propose(seen={"images": 100_000}, minutes=30.0)
    assert made.archive.subset == made.cost.images
    assert FEWEST < made.cost.images < 10_000
    assert made.cost.seconds <= 1800.0
    assert propose(seen={"images": 100_000}, minutes=1.0).cost.images == FEWEST
    (init,) = (each for each in with_subcommands(command_parser()) if each.prog.endswith(" init"))
    assert f"samples have at least {FEWEST} images" in " ".join(init.format_help().split())
    assert propose(seen={"images": 100_000}, minutes=60.0).cost.images > made.cost.images
    whole = propose(seen={"images": 1000}, minutes=1e5)
    assert len(whole.archive.methods) == 4
    assert whole.cost.bytes == pytest.approx(1000 * (4 * 100_850 + 5 * (4 * 1280 + 64)))
    assert whole.cost.seconds > propose(seen={"images": 500}, minutes=1e5).cost.seconds
    large = replace(PAGES, megapixels=[12.0])
    assert propose(large, {"images": 1000}, minutes=1e5).cost.seconds > 2 * whole.cost.seconds


def test_the_time_said_is_that_of_the_plan(propose: Propose) -> None:
    made = propose(seen={"images": 300}, minutes=100.0)
    counts = dict.fromkeys(Split, 150)  # all else the plan reads in the config
    system = made.config.system_of("archive")
    assert system is not None and system.seconds == PAGES.encode_seconds
    assert "seconds" not in system.effective(), "another measurement makes no vector again"
    planned = Estimates(Experiment(made.config), "archive", counts, 1.25).first_run(2)
    assert made.cost.seconds == pytest.approx(planned)
    assert f"Expected: about {duration(planned)} with 2 cores" in made.said, "as the plan says it"
    slow = propose(replace(PAGES, encode_seconds=2.0), {"images": 300}, minutes=1e5)
    assert slow.cost.seconds > planned + 5 * 300 * 1.9 / 2, "all versions, on two cores"
    fast = propose(replace(PAGES, encode_seconds=1 / 1400, found={"mrz": Found("mrz", 0, [3e-5])}))
    assert ", 1,400 images a second a core" in fast.said and "less than 0.001 s" in fast.said


@pytest.mark.parametrize(
    ("images", "label", "share"),
    [
        (400, None, 0.5),
        (60, "class", 0.5),
        (48, None, 0.5),
        (35, None, 0.69),
        (32, None, 0.75),
        (31, None, 1.0),
        (35, "class", 0.5),
    ],
)
def test_few_are_searched(propose: Propose, images: int, label: str | None, share: float) -> None:
    """An attacker that cannot learn finds little, and leaves the privacy unknown."""
    made = propose(seen={"images": images}, label=label)
    assert made.archive.label == label
    assert made.archive.split.validation == share  # type: ignore[union-attr]
    searched = int(share * images)
    assert label or searched >= 20
    if images < 200:
        assert int(made.config.retrieval.fraction * searched) == 5
        one_damaged = made.config.retrieval.fraction * (searched - 1)
        assert int(one_damaged) == 5, "else an unreadable image leaves the search quality unknown"
    else:
        assert "retrieval:" not in made.text.splitlines()
    assert ("An attacker learns from the others" in made.said) == (0.5 < share < 1)


def test_a_slow_search_ends_after_few_images(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow:
        def detect(self, images: Sequence[np.ndarray]) -> list[list[Region]]:
            clock[0] += 10.0
            return [[] for _ in images]

    clock = [0.0]
    monkeypatch.setattr(module.time, "process_time", lambda: clock[0])
    seen = Sample(found={"zxing": Found("barcode")})
    files = 5 * survey(folder).sample
    module.search_all(files, {"zxing": Slow()}, seen)
    assert seen.read == module.FEWEST_LOOKED_AT
    assert seen.found["zxing"].seconds == pytest.approx(10.0)


def test_an_image_on_which_a_detector_fails_does_not_end_it(folder: Path) -> None:
    class Broken:
        def detect(self, images: Sequence[np.ndarray]) -> list[list[Region]]:
            raise ZeroDivisionError

    seen = Sample(found={"zxing": Found("barcode")})
    module.search_all(survey(folder).sample, {"zxing": Broken()}, seen)
    assert seen.read and not seen.found["zxing"].times


def test_the_time_of_a_program_of_ones_own_is_measured(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = folder.with_name("embed.py")
    program.write_text(
        "import sys, time\nfrom pathlib import Path\nimport numpy as np\n"
        "while time.process_time() < 0.5: pass\n"
        "ids = [path.stem for path in Path(sys.argv[1]).iterdir()]\n"
        "np.savez(sys.argv[2], ids=ids, embeddings=np.ones((len(ids), 8)))\n"
    )
    line = f"{sys.executable} {program} {{images}} {{vectors}}"
    monkeypatch.setattr(module, "LOOKED_FOR", ())
    seen = module.look(survey(folder).sample, Command(command=line, format="npz"))
    assert seen.dimension == 8
    assert 6 * seen.encode_seconds > 0.5


def test_the_systems_that_it_suggests_can_be_written_so(propose: Propose) -> None:
    assert "your own system, above" not in propose(is_default=False).text
    text = propose().text
    assert "your own system, above" in text
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
        ({"centerface": 32, "zxing": 1}, ["centerface", "zxing"]),  # hidden, though it may be none
    ],
)
def test_frequent_text_only(propose: Propose, found: dict[str, int], detectors: list[str]) -> None:
    made = propose(sample(**found), {"images": 400})
    assert list(made.archive.detectors) == detectors
    # fake content is drawn of text and codes, never of faces
    assert ("replace" in map(str, made.archive.methods)) == (detectors != ["centerface"])
    left_out = found.get("ppocr", 0) > 0 and "ppocr" not in detectors
    assert ("left out, as it is often on" in made.said) == left_out


@pytest.mark.parametrize("persons", [False, True])
def test_class_folders_of_faces_may_be_persons(propose: Propose, persons: bool) -> None:
    seen = {"images": 300, "classes": (6,) * 20 + (5,) * 36}
    made = propose(sample(centerface=32), seen, persons=persons)
    assert made.archive.cluster == "class"
    assert made.privacy.identity == ("class" if persons else "identity")
    assert "identity: class" in made.text
    assert "identity: class" not in propose(PAGES, seen).text
    few = propose(sample(centerface=32), seen | {"classes": (60,) * 5}, persons=persons)
    assert few.archive.cluster == ("class" if persons else "none")
    assert ("so few of them give no interval" in few.said) == persons
    whole = getattr(few.archive.split, "by", None) == "class"
    assert ("add `by: class` to `split`" in few.said) is not whole
    # a probe that held out whole classes could not learn them
    assert propose(seen=seen, label="class").archive.cluster == "none"


@pytest.mark.parametrize(("folders", "enough"), [(56, False), (100, True)])
def test_attacks_are_large_enough_or_it_is(propose: Propose, folders: int, enough: bool) -> None:
    """Images of a folder are one piece of evidence: half of the folders are searched."""
    seen = {"images": 6 * folders, "classes": (6,) * folders}
    made = propose(sample(centerface=32), seen)
    images = min(made.privacy.of(Residual).images, 3 * folders)
    persons = np.arange(3 * folders) // 6
    drawn = np.random.default_rng(0).permutation(persons)[:images]
    best = clustered_rate(np.zeros(images), drawn, 0.95).high
    assert (best <= AttackLimits().residual) == enough
    assert ("no method can pass" in made.said) == (not enough)
    documents = propose(seen={"images": 400}).privacy
    for limit, images in (
        (AttackLimits().dictionary, documents.of(Dictionary).images),
        (AttackLimits().residual, documents.of(Residual).images),
        (AttackLimits().readability, documents.attacked_regions),
    ):
        assert limit is not None
        assert clustered_rate(np.zeros(images), np.arange(images), 0.95).high <= limit


@pytest.mark.parametrize(("persons", "enough"), [(20, False), (60, True)])
def test_listed_persons_are_counted(propose: Propose, persons: int, enough: bool) -> None:
    made = propose(sample(centerface=32), {"images": 400, "persons": persons, "classes": ()})
    assert ("no method can pass" in made.said) == (not enough)
    # as many as the report and the policy's evidence ask for
    assert ("about 93 persons with each kind of region are enough" in made.said) == (not enough)


@pytest.mark.parametrize("images", [25, 40, 60])
def test_as_many_as_it_names_are_enough(propose: Propose, images: int) -> None:
    """Of more images, only half are searched."""
    few = propose(seen={"images": images, "classes": ()})
    (named,) = re.findall(r"about (\d+) images with each kind of region are enough", few.said)
    assert "no method can pass" not in propose(seen={"images": int(named), "classes": ()}).said
    assert int(named) == 186, "twice the 93 that an interval needs"
