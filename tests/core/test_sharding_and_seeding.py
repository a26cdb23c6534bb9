import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from anonbench.core.numeric.seeding import hash_int, hash_ints, rng, shard_count, shard_of

TEXTS = st.lists(st.text(st.characters(codec="utf-8")), max_size=5)


def test_hash_is_the_same_on_every_machine() -> None:
    # the first eight bytes, little-endian, of: printf '0\x1fdraw\x1fa' | sha256sum
    assert hash_int(0, "draw", "a") == 0x4075FB6E83EE17BF
    assert hash_int("ab", "c") != hash_int("a", "bc"), "parts are kept apart"
    first, again, other = (rng(seed, "a").integers(1 << 60) for seed in (0, 0, 1))
    assert first == again != other


@given(items=TEXTS)
def test_many_hashes_are_the_single_ones(items: list[str]) -> None:
    many = hash_ints((3, "subset"), items)
    assert many.dtype == np.uint64
    assert many.tolist() == [hash_int(3, "subset", item) for item in items]


@given(images=st.integers(0, 10**7), size=st.integers(1, 10**5))
def test_shard_count_is_the_smallest_power_of_two_that_holds_all(images: int, size: int) -> None:
    count = shard_count(images, size)
    assert count & (count - 1) == 0
    assert count * size >= images
    assert count == 1 or count // 2 * size < images


@given(image_id=st.text(st.characters(codec="utf-8")), power=st.integers(0, 10))
def test_shard_is_in_range_and_splits_when_the_count_doubles(image_id: str, power: int) -> None:
    count = 2**power
    shard = shard_of(image_id, count)
    assert 0 <= shard < count
    assert shard_of(image_id, 2 * count) in (shard, shard + count)


def test_shards_are_about_equal() -> None:
    sizes = np.bincount([shard_of(f"{i:06d}", 16) for i in range(20_000)], minlength=16)
    assert np.abs(sizes * 16 / 20_000 - 1).max() < 0.1
