"""Sampling: a key and a seed alone decide, other rows do not; numbers are even, and differ for another seed."""

from __future__ import annotations

import doctest

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from payrec.data import sampling

TEXTS = st.lists(st.text(max_size=12), min_size=1, max_size=20)


def test_the_number_of_a_text_is_what_the_published_hashes_say() -> None:
    """Worked by plain whole numbers, one byte after the other."""

    def mixed(n: int) -> int:
        n = (n + 0x9E3779B97F4A7C15) % 2**64
        n = (n ^ (n >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        n = (n ^ (n >> 27)) * 0x94D049BB133111EB % 2**64
        return n ^ (n >> 31)

    for text in ("", "a", "o00000001", "Zoë", "x" * 300):
        number = mixed(7) ^ 0xCBF29CE484222325
        for byte in text.encode():
            number = (number ^ byte) * 0x100000001B3 % 2**64
        assert sampling.hash_numbers(pa.array([text, "b"]), 7)[0] == mixed(number)


def test_splitmix_gives_its_published_first_number() -> None:
    assert sampling._spread(np.array([1234567], np.uint64))[0] == 6457827717110365317


@given(TEXTS, st.integers(0, 2**63), st.data())
def test_a_hash_depends_on_its_key_alone(texts: list[str], seed: int, data: st.DataObject) -> None:
    whole = sampling.hash_numbers(pa.array(texts, pa.string()), seed)
    at = data.draw(st.integers(0, len(texts) - 1))
    assert sampling.hash_numbers(pa.array(texts, pa.string()).slice(at), seed).tolist() == whole[at:].tolist()
    assert sampling.hash_numbers(pa.array(texts, pa.large_string()), seed).tolist() == whole.tolist()
    assert sampling.hash_numbers(pa.array(texts, pa.string()).dictionary_encode(), seed).tolist() == whole.tolist()


def test_hashes_are_even_and_another_seed_draws_others() -> None:
    keys = pa.array([f"o{n:08d}" for n in range(100_000)])
    for seed in (0, 1, 20_260_101):
        counts = np.bincount((sampling.hash_numbers(keys, seed) >> np.uint64(57)).astype(np.int64), minlength=128)
        assert ((counts - 781.25) ** 2 / 781.25).sum() < 200  # chi-square of 127 degrees: one in 30,000 is larger
    one, other = sampling.is_sampled(keys, 1, 0.3), sampling.is_sampled(keys, 2, 0.3)
    assert abs(one.mean() - 0.3) < 0.006
    assert abs((one & other).mean() - 0.09) < 0.004


def test_the_whole_share_takes_all_and_none_takes_none() -> None:
    keys = pa.array([f"k{n}" for n in range(1000)])
    assert sampling.is_sampled(keys, 5, 1.0).all()
    assert not sampling.is_sampled(keys, 5, 0.0).any()


def test_examples() -> None:
    assert doctest.testmod(sampling).failed == 0
