"""Do shares give the secret back, and only together?"""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.shamir import Share, SharesRefused, evaluate, invert, join, multiply, split


@pytest.mark.parametrize(
    ("a", "b", "product"),
    [
        pytest.param(0x57, 0x83, 0xC1, id="FIPS 197, 4.2"),
        pytest.param(0x57, 0x13, 0xFE, id="FIPS 197, 4.2.1"),
        (0, 9, 0),
        (1, 9, 9),
    ],
)
def test_products_known_from_the_standard(a: int, b: int, product: int) -> None:
    assert multiply(a, b) == multiply(b, a) == product


def test_every_number_but_zero_has_an_inverse() -> None:
    assert all(multiply(a, invert(a)) == 1 for a in range(1, 256))


def test_a_split_with_known_coefficients() -> None:
    """f(x) = 0x42 + 0x01 x + 0x02 x^2, reckoned by hand: f(1) = 0x41, f(2) = 0x42 ^ 0x02 ^ 0x08 = 0x48, f(3) = 0x42 ^ 3 ^ 0x0a."""
    coefficients = iter([b"\x00\x00\x00\x00", b"\x01\x02"])
    shares = split(b"\x42", 3, 3, lambda _: next(coefficients))
    assert [s.values for s in shares] == [b"\x41", b"\x48", b"\x4b"]
    assert evaluate((0x42, 1, 2), 0) == 0x42


@given(st.binary(min_size=1, max_size=40), st.integers(2, 6), st.integers(0, 4), st.randoms())
def test_any_threshold_of_shares_gives_the_secret(secret: bytes, threshold: int, more: int, random: object) -> None:
    shares = [Share.read(s.text()) for s in split(secret, threshold + more, threshold, os.urandom)]
    random.shuffle(shares)  # type: ignore[attr-defined]
    assert join(shares[:threshold]) == secret
    with pytest.raises(SharesRefused):
        join(shares[: threshold - 1])


@given(st.integers(0, 255), st.integers(0, 255))
def test_fewer_shares_fit_every_secret(secret: int, other: int) -> None:
    """One of two shares: for each other secret there is a polynomial with the same share, so it tells nothing."""
    (share, _) = split(bytes([secret]), 2, 2, os.urandom)
    slope = multiply(share.values[0] ^ other, invert(share.x))
    assert evaluate((other, slope), share.x) == share.values[0]


def test_a_mistyped_share_is_noticed() -> None:
    text = split(b"secret", 3, 2, os.urandom)[0].text()
    wrong = text[:-3] + ("A" if text[-3] != "A" else "B") + text[-2:]
    with pytest.raises(SharesRefused, match="mistyped"):
        Share.read(wrong)
    for bad in ("", "warmlink-share x", "hello 1 2 3 4"):
        with pytest.raises(SharesRefused):
            Share.read(bad)


def test_shares_of_two_splits_do_not_mix() -> None:
    one, two = split(b"one", 2, 2, os.urandom), split(b"two", 2, 2, os.urandom)
    with pytest.raises(SharesRefused, match="different"):
        join([one[0], two[1]])
    with pytest.raises(SharesRefused, match="needed"):
        join([one[0], one[0]])


def test_bad_numbers_are_refused() -> None:
    for shares, threshold in ((1, 1), (3, 4), (256, 2), (3, 1)):
        with pytest.raises(SharesRefused):
            split(b"x", shares, threshold, os.urandom)


def test_a_share_does_not_print_itself() -> None:
    share = split(b"secret", 2, 2, os.urandom)[0]
    assert share.values.hex() not in repr(share)
