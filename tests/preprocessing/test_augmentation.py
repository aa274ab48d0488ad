"""Sequence augmentation keeps the target, the order where it should, and the items."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys_book.preprocessing import augment, crop, mask, reorder

sequences = st.lists(st.integers(0, 50), min_size=1, max_size=20, unique=True)
shares = st.floats(0.01, 1.0)


def rng():
    return np.random.default_rng(0)


@settings(max_examples=60, deadline=None)
@given(sequences, shares)
def test_crop_is_one_contiguous_stretch(items, share):
    kept = crop(items, share, rng()).tolist()
    start = items.index(kept[0])
    assert items[start : start + len(kept)] == kept
    assert len(kept) == max(1, int(share * len(items)))


@settings(max_examples=60, deadline=None)
@given(sequences, shares)
def test_mask_hides_the_share_and_leaves_the_rest(items, share):
    masked = mask(items, share, rng(), token=99)
    assert (masked == 99).sum() == max(1, int(share * len(items)))
    assert all(m in (99, i) for m, i in zip(masked.tolist(), items))


@settings(max_examples=60, deadline=None)
@given(sequences, shares)
def test_reorder_keeps_the_items_and_everything_outside_a_stretch(items, share):
    changed = np.flatnonzero(reorder(items, share, rng()) != items)
    assert sorted(reorder(items, share, rng()).tolist()) == sorted(items)
    assert not len(changed) or np.ptp(changed) < max(1, int(share * len(items)))


@pytest.mark.parametrize("operation", ["crop", "mask", "reorder"])
def test_augment_never_touches_the_target(operation):
    sequence = np.arange(10)
    for seed in range(30):
        prefix, target = augment(sequence, operation, 0.5, np.random.default_rng(seed))
        assert target == 9
        assert 9 not in prefix
    assert sequence.tolist() == list(range(10))  # the input is not changed


def test_empty_and_bad_input():
    assert crop([], 0.5, rng()).tolist() == []
    assert reorder([], 0.5, rng()).tolist() == []
    assert mask([], 0.5, rng(), -1).tolist() == []
    with pytest.raises(ValueError, match="mask token 2 is an item"):
        mask([1, 2], 0.5, rng(), 2)
    with pytest.raises(ValueError, match="share=0 is not in"):
        crop([1, 2], 0, rng())
    with pytest.raises(ValueError, match="sequence of 1 items"):
        augment([1], "crop", 0.5, rng())
    with pytest.raises(ValueError, match="Unknown operation 'rotate'"):
        augment([1, 2], "rotate", 0.5, rng())
