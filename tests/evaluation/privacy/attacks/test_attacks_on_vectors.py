"""Attacks on published vectors with planted truths."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from test_attacks_on_regions import Drawn, attack

from anonbench.core.numeric.similarity import unit_rows
from anonbench.core.registries.attacks import Archive, AttackNotPossibleError
from anonbench.core.vocabulary import Variant
from anonbench.datasets.image_sets.shards import ImageSet
from anonbench.embedding.mapping import Map
from anonbench.embedding.store import Embeddings, write_embeddings
from anonbench.evaluation.policy.evidence import Measured, attack_rates
from anonbench.evaluation.policy.table import subject
from anonbench.evaluation.privacy.attacks.kinds import vectors as kinds
from anonbench.evaluation.privacy.published import Published
from anonbench.reporting.privacy_tables import attacks_grid

BLUR, MASK = Variant("blur", 100), Variant("mask", 100)
SIZES = {"gallery": 70, "probes": 60}
NO_BOXES = pd.DataFrame(columns=["id", "entity", "order"])


def archive(count: int = 60, persons: int = 20) -> Archive:
    """Return an archive: blurred vectors are near their originals, masked ones are noise."""
    draw = np.random.default_rng(0).normal
    who = np.arange(count) % persons
    people, classes = draw(size=(persons, 16)), draw(size=(2, 16))
    label = who % 2
    clear = unit_rows(people[who] + 2 * classes[label] + 0.3 * draw(size=(count, 16)))
    noise = unit_rows(draw(size=(count, 16)))
    blurred = unit_rows(clear + 0.01 * draw(size=clear.shape))
    return Archive(
        ids=[f"{n:03d}" for n in range(count)],
        vectors={Variant(): clear, BLUR: blurred, MASK: noise},
        queries=np.arange(count),
        persons=who,
        attribute=label,
        clusters=who,
        asked=clear,
        seed=0,
    )


def test_equal_vectors_are_found_as_often_as_by_chance_also_by_inversion() -> None:
    same = np.ones((5, 9))
    assert kinds.rank_1(same, np.arange(5)).mean() == pytest.approx(1 / 9)
    # of images that are there twice, every second one
    once = archive(30)
    vectors = {each: np.concatenate([rows, rows]) for each, rows in once.vectors.items()}
    drawn = vectors[Variant()] @ np.random.default_rng(1).normal(size=(16, 3072))
    shown = np.clip(128 + 20 * drawn, 0, 255).astype(np.uint8)
    given = replace(
        once,
        ids=[f"{n:03d}" for n in range(60)],
        vectors=vectors,
        clusters=np.arange(60) % 30,
        pictures=lambda side: shown.reshape(60, side, side, 3),
    )
    found = kinds.Inversion().outcomes(replace(given, training_set=given))
    rates = {str(each.variant): each.shares.mean() for each in found}
    assert rates["original"] == pytest.approx(0.5)


def test_membership_of_uneven_persons_by_chance_is_that_of_noise() -> None:
    persons = np.repeat([0, 1, 2, 3, -1], [20, 6, 3, 1, 4])
    own, draw = np.arange(len(persons)), np.random.default_rng(0).normal
    found = [
        np.nanmean(kinds.membership(draw(size=(len(own), len(own))), own, persons))
        for _ in range(400)
    ]
    error = np.std(found) / np.sqrt(len(found))
    assert kinds.membership_by_chance(own, persons) == pytest.approx(np.mean(found), abs=4 * error)
    assert kinds.membership_by_chance(own, np.zeros_like(persons)) == 0.5
    # it needs a second image and somebody else
    persons = np.array([0, 0, 1, -1, 2, 2])
    similar = np.eye(6) + 0.5 * (persons[:, None] == persons)
    shares = kinds.membership(similar, np.arange(6), persons)
    assert np.isnan(shares[[2, 3]]).all()
    assert (shares[[0, 1, 4, 5]] == 1.0).all()


def test_no_cluster_is_in_the_lesson_and_in_the_test() -> None:
    # each cluster has a class of its own by chance: only one who saw it could tell
    rng = np.random.default_rng(3)
    labels, clusters = rng.integers(0, 2, 40)[np.arange(120) % 40], np.arange(120) % 40
    vectors = unit_rows(rng.normal(size=(40, 64))[clusters])
    told = replace(archive(), vectors={Variant(): vectors}, attribute=labels, clusters=clusters)
    (outcome,) = kinds.Inference().outcomes(told)
    assert 0.3 < outcome.shares.mean() < 0.7


@pytest.mark.parametrize("count", [30, 300])
def test_a_ridge_of_few_and_of_many_images_is_the_same_regression(count: int) -> None:
    rng = np.random.default_rng(5)
    vectors, labels = rng.normal(size=(count, 40)), rng.integers(0, 3, count)
    fold = np.arange(count) % 3
    found = kinds.predicted(vectors, labels, fold)
    for number in range(3):
        test = fold == number
        lesson, centre = vectors[~test], vectors[~test].mean(axis=0)
        goal = np.eye(3)[labels[~test]]
        ridge = kinds.RIDGE * np.square(lesson - centre).mean(axis=1).sum() * np.eye(40)
        shifted = lesson - centre
        weights = np.linalg.inv(shifted.T @ shifted + ridge) @ shifted.T @ (goal - goal.mean(0))
        scores = (vectors[test] - centre) @ weights + goal.mean(axis=0)
        assert np.array_equal(found[test], scores.argmax(axis=1))


def test_without_persons_or_labels_an_attack_says_why() -> None:
    nameless = replace(archive(), persons=None, attribute=None)
    assert {o.measure for o in kinds.Linkage().outcomes(nameless)} == {"rank_1"}
    with pytest.raises(AttackNotPossibleError, match="no label"):
        list(kinds.Inference().outcomes(nameless))


def test_each_attribute_is_inferred_by_itself_and_one_that_cannot_be_says_why() -> None:
    """The planted one is told from the vectors; another that they do not hold is at chance."""
    given = archive(240, 60)
    random = np.random.default_rng(1).permutation(np.arange(240) % 2)
    others = {"Planted": given.attribute, "Random": random, "Missing": np.full(240, -1)}
    found = {
        (each.measure.removeprefix("accuracy_of_"), each.variant): each
        for each in kinds.Inference().outcomes(replace(given, others=others))
    }
    original = Variant()
    assert found["Planted", original].shares.mean() > 0.95
    assert found["Planted", MASK].shares.mean() < 0.62
    assert abs(found["Random", original].shares.mean() - 0.5) < 0.12
    assert found["Random", original].chance == 0.5
    missing = found["Missing", original]
    assert (missing.reason, len(missing.shares)) == ("no image has a label", 0)
    # beside the label, which is as it was
    (alone,) = (each for each in kinds.Inference().outcomes(given) if each.variant == MASK)
    np.testing.assert_array_equal(found["accuracy", MASK].shares, alone.shares)
    unlabelled = kinds.Inference().outcomes(replace(given, attribute=None, others=others))
    assert {each.measure for each in unlabelled} == {f"accuracy_of_{name}" for name in others}


def test_a_rare_attribute_is_not_hidden_by_the_frequent_value() -> None:
    """Whoever says "no" to every image is right in 11 of 12; that is no inference."""
    rng = np.random.default_rng(7)
    rare = (np.arange(480) % 12 == 0).astype(np.int64)
    clear = unit_rows(rng.normal(size=(480, 16)) + 2.5 * rare[:, None] * rng.normal(size=16))
    given = replace(
        archive(480, 120),
        vectors={Variant(): clear, MASK: unit_rows(rng.normal(size=(480, 16)))},
        attribute=None,
        others={"Rare": rare},
    )
    found = {each.variant: each for each in kinds.Inference().outcomes(given)}
    assert {len(each.shares) for each in found.values()} == {2 * rare.sum()}
    assert {each.chance for each in found.values()} == {0.5}
    assert found[Variant()].shares.mean() > 0.8
    assert abs(found[MASK].shares.mean() - 0.5) < 0.17
    too_rare = np.where(np.arange(480) < 9, 1, 0)
    with pytest.raises(AttackNotPossibleError, match="of 1 classes"):
        list(kinds.Inference().outcomes(replace(given, others={"Rare": too_rare})))


def test_a_class_of_one_cluster_does_not_count_for_it_cannot_be_learned() -> None:
    """It would never be found, and a rate of zero would look like privacy."""
    given = archive()
    with pytest.raises(AttackNotPossibleError, match=r"0 images of 0 classes .*: too few"):
        list(kinds.Inference().outcomes(replace(given, attribute=given.clusters)))
    some = np.where(given.clusters == 0, 7, given.attribute)
    first, *_ = kinds.Inference().outcomes(replace(given, attribute=some))
    assert len(first.shares) == (given.clusters != 0).sum() and first.shares.mean() > 0.9


def test_vector_files_with_masked_control(tmp_path: Path) -> None:
    whole = archive()
    files = {variant: tmp_path / f"{variant}.h5" for variant in whole.vectors}
    for variant, vectors in whole.vectors.items():
        order = np.random.default_rng(1).permutation(len(vectors))
        ids = [whole.ids[place] for place in order]
        write_embeddings(files[variant], Embeddings(ids, 3 * vectors[order]))
    names = dict(zip(whole.ids, map(str, whole.clusters), strict=True))
    shown = Published(
        originals=ImageSet.of([], tmp_path),
        versions={},
        boxes=NO_BOXES,
        clusters=pd.Series(whole.clusters, index=whole.ids),
        embeddings=files,
        people=names,
        labels={name: str(int(who) % 2) for name, who in names.items()},
    )
    table = attack(shown, "linkage", "inference", gallery=50, probes=30)
    found = table.set_index(["measure", "method"])
    assert found.loc[("rank_1", "blur"), ["n", "chance"]].tolist() == [30, pytest.approx(1 / 50)]
    rate = found["rate"]
    for measure, most in (("rank_1", 0.15), ("member", 0.7), ("accuracy", 1.0)):
        assert rate[measure, "blur"] > 0.9 and rate[measure, "mask"] < most
        assert (found.loc[measure, "control"] == rate[measure, "mask"]).all()
    assert set(table["risk"]) == {"linkability", "inference"}
    assert table.equals(attack(shown, "linkage", "inference", gallery=50, probes=30))


def drawn(split: str, latent: np.ndarray) -> Drawn:
    """Pictures whose pixels follow from a few numbers, which their vectors hold, too."""
    basis = np.random.default_rng(5).normal(size=(4, 8 * 8 * 3))
    pixels = np.clip(128 + 20 * latent @ basis, 0, 255).reshape(-1, 8, 8, 3).astype(np.uint8)
    return Drawn({f"{split}{row:03d}": picture for row, picture in enumerate(pixels)})


def _published(folder: Path, is_taught: bool = True) -> Published:
    """Blur keeps half of what a vector holds, a mask nothing; maps have seen the train images.

    So has model D, which gives them the originals' vectors.
    """
    draw = np.random.default_rng(0)
    files: dict[str, dict[Variant, Path]] = {"train": {}, "val": {}}
    sets = {}
    for split in files:
        latent = draw.normal(size=(80, 4))
        sets[split] = drawn(split, latent)
        blurred = latent * [1.0, 1.0, 0.1, 0.1] + 0.1 * draw.normal(size=latent.shape)
        vectors = {Variant(): latent, BLUR: blurred, MASK: draw.normal(size=latent.shape)}
        vectors[Variant("mapped_blur", 100)] = 1.1 * blurred
        vectors[Variant("D_blur", 100)] = latent if split == "train" else blurred
        for variant, values in vectors.items():
            wide = np.insert(values, 4, 3.0, axis=1).astype(np.float32)  # lengths stay known
            files[split][variant] = folder / f"{split}-{variant}.h5"
            write_embeddings(files[split][variant], Embeddings(sets[split].ids, wide))
    zero = np.zeros(5, np.float32)
    learned = folder / "map.safetensors"
    Map(0.5 * np.eye(5, dtype=np.float32), zero, zero).save(learned)
    return Published(
        originals=sets["val"],
        versions={},
        boxes=NO_BOXES,
        clusters=pd.Series(range(160), index=[*sets["train"].ids, *sets["val"].ids]),
        embeddings=files["val"],
        train=sets["train"],
        training_vectors=files["train"] if is_taught else {},
        maps={Variant("mapped_blur", 100): learned} if is_taught else {},
    )


def test_inversion_and_images_that_maps_have_seen(tmp_path: Path) -> None:
    table = attack(_published(tmp_path), "linkage", "inversion", **SIZES)
    rate = table.set_index(["measure", "method"])["rate"]
    assert rate["inverted", "original"] > 0.9
    assert 0.1 < rate["inverted", "blur"] < 0.8
    assert rate["inverted", "mask"] < 0.1
    assert table.set_index("measure").loc["inverted", "chance"].eq(1 / 70).all()
    seen = table[table["measure"].str.startswith("seen_")]
    assert set(seen["method"]) == {"original", "blur", "mapped_blur", "D_blur"}
    assert set(seen["measure"]) == {"seen_rank_1", "seen_inverted"}
    # longer vectors tell the same: the seen ones are mapped by this map
    assert rate["seen_rank_1", "mapped_blur"] == rate["seen_rank_1", "blur"]
    # a model of adaption D embeds the images that it has seen itself
    own = rate["seen_rank_1", "D_blur"]
    assert own == rate["seen_rank_1", "original"] > max(0.9, rate["seen_rank_1", "blur"])
    plain = {"rank_1", "inverted"}
    both = plain | {f"seen_{measure}" for measure in plain}
    for method, expected in (("blur", plain), ("mapped_blur", both), ("D_blur", both)):
        assert set(of_variant(table, method)["measure"]) == expected


def test_decoders_learn_from_a_sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes, decoded = [], kinds.decoded

    def decode(training_vectors: np.ndarray, *given: np.ndarray) -> np.ndarray:
        sizes.append(len(training_vectors))
        return decoded(training_vectors, *given)

    monkeypatch.setattr(kinds, "decoded", decode)
    monkeypatch.setattr(kinds, "MOST", 30)
    shown = _published(tmp_path)
    few, again = (attack(shown, "inversion", **SIZES) for _ in range(2))
    assert sizes[0] == 30 and few.equals(again)


def of_variant(table: pd.DataFrame, method: str) -> pd.DataFrame:
    """What a policy is shown of a variant's attacks."""
    audit = pd.DataFrame(columns=["method", "degree"])
    return pd.DataFrame(attack_rates(Measured("a", (), (), {}, audit, attacks=table), method, 100))


def test_maps_without_train_images_have_seen_the_published_ones(tmp_path: Path) -> None:
    taught = _published(tmp_path)
    cross_fitted = replace(taught, training_vectors={}, train=None)
    table = attack(cross_fitted, "linkage", "inversion", **SIZES)
    rate = table.set_index(["measure", "method"])["rate"]
    # the same images: only the map differs, and this one changes no direction
    for method in ("original", "blur"):
        assert rate["seen_rank_1", method] == rate["rank_1", method]
    assert rate["seen_rank_1", "mapped_blur"] > 0.1
    # of model D they are not known, and a policy is told so
    told = of_variant(table, "D_blur").set_index(["attack", "measure"])["reason"]
    assert "the images that the model was trained on" in told["linkage", "seen_"]
    assert "seen_" not in set(of_variant(table, "mapped_blur")["measure"])
    assert list(table.loc[table["attack"] == "inversion", "rate"].isna()) == [True]


def test_what_one_archive_alone_tells_leaves_every_variant_with_a_row(tmp_path: Path) -> None:
    """Too few published images have a label; those that maps have seen have enough."""
    shown = _published(tmp_path)
    few, many = (
        {name: str(int(name[-3:]) % 2) for name in shown.clusters.index if name.startswith(split)}
        for split in ("val", "train")
    )
    for labels, told in (({**many, **dict(list(few.items())[:9])}, "seen_"), (few, "")):
        table = attack(replace(shown, labels=labels), "inference", **SIZES)
        assert set(table.loc[table["rate"].notna(), "measure"]) == {f"{told}accuracy"}
        plain, mapped = (of_variant(table, name) for name in ("blur", "mapped_blur"))
        assert list(plain["measure"]) == ["" if told else "accuracy"]
        assert sorted(mapped["measure"]) == sorted([f"{told}accuracy", "" if told else "seen_"])
        lacks = mapped[mapped["measure"] == ("" if told else "seen_")]
        assert lacks["reason"].str.contains("too few|has no label").all()
        said = subject({"rule": "attack", **lacks.fillna("").iloc[0]})
        assert said == ("inference" if told else "inference, seen")
        notes = " ".join(attacks_grid("a", table, 0.95).notes)
        assert ("(images that maps or models have seen): not run" in notes) is not bool(told)


def test_without_train_images_no_picture_is_drawn(tmp_path: Path) -> None:
    table = attack(_published(tmp_path, is_taught=False), "inversion", **SIZES)
    assert table["rate"].isna().all()
    assert "no vectors of train images" in table["reason"].iloc[0]
    shown = _published(tmp_path)
    plain = {each: shown.training_vectors[each] for each in (Variant(), BLUR)}
    for path in plain.values():
        write_embeddings(path, Embeddings([], np.empty((0, 5), np.float32)))
    table = attack(replace(shown, maps={}, train=Drawn(), training_vectors=plain), "inversion")
    assert "0 train images are too few" in table["reason"].iloc[0]


def test_the_penalty_of_a_decoder_fits_the_noise() -> None:
    draw = np.random.default_rng(0)
    vectors, weights = draw.normal(size=(120, 30)), draw.normal(size=(30, 7))
    clear = vectors @ weights
    training_vectors, others = vectors[:60], vectors[60:]
    for noise in (0.01, 10.0):
        targets = (clear + noise * draw.normal(size=clear.shape))[:60]
        plain = others @ np.linalg.lstsq(training_vectors, targets, rcond=None)[0]
        errors = [
            np.square(found - clear[60:]).mean()
            for found in (kinds.decoded(training_vectors, targets, others), plain)
        ]
        assert errors[0] < (0.1 if noise < 1 else 0.5 * errors[1])
