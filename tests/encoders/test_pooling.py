"""Pooling against loops over the tokens that are there."""

import numpy as np
import pytest
import torch

from recsys_book.encoders.pooling import (
    POOLINGS,
    cls_pool,
    masked_mean,
    max_pool,
    pool,
    token_idf,
    weighted_mean,
)


@pytest.fixture
def batch():
    """Three texts of 5, 2 and 1 tokens; the padding holds large numbers."""
    hidden = torch.randn(3, 5, 4, generator=torch.Generator().manual_seed(0)) - 3.0
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [1, 0, 0, 0, 0]])
    hidden[mask == 0] = 1e6
    return hidden, mask


def there(hidden, mask):
    """The vectors of each text's own tokens."""
    return [h[m.bool()] for h, m in zip(hidden, mask)]


@pytest.mark.equation("eq-masked-mean")
def test_padding_has_no_part_in_the_mean(batch):
    expected = torch.stack([own.mean(0) for own in there(*batch)])
    torch.testing.assert_close(masked_mean(*batch), expected)
    assert not torch.allclose(batch[0].mean(1), expected, atol=1.0)


@pytest.mark.equation("eq-max-pooling")
def test_padding_has_no_part_in_the_largest_value(batch):
    expected = torch.stack([own.max(0).values for own in there(*batch)])
    assert (expected < 0).any()  # zeros in the place of padding would win here
    assert torch.equal(max_pool(*batch), expected)


@pytest.mark.equation("eq-weighted-mean")
def test_weights_count_and_padding_does_not(batch):
    weights = torch.rand(3, 5, generator=torch.Generator().manual_seed(1)) + 0.1
    expected = torch.stack(
        [
            (own * w[: len(own), None]).sum(0) / w[: len(own)].sum()
            for own, w in zip(there(*batch), weights)
        ]
    )
    torch.testing.assert_close(weighted_mean(*batch, weights), expected)
    equal = weighted_mean(*batch, torch.full((3, 5), 2.5))
    torch.testing.assert_close(equal, masked_mean(*batch))


def test_one_name_a_way(batch):
    hidden, mask = batch
    weights = torch.arange(15.0).reshape(3, 5) + 1
    assert torch.equal(pool(hidden, mask), masked_mean(hidden, mask))
    assert torch.equal(pool(hidden, mask, "max"), max_pool(hidden, mask))
    assert torch.equal(pool(hidden, mask, "cls"), hidden[:, 0])
    assert torch.equal(cls_pool(hidden), hidden[:, 0])
    given = pool(hidden, mask, "weighted", weights)
    assert torch.equal(given, weighted_mean(hidden, mask, weights))
    by_place = pool(hidden, mask, "weighted")
    torch.testing.assert_close(by_place[1], (hidden[1, 0] + 2 * hidden[1, 1]) / 3)
    assert torch.equal(by_place[2], hidden[2, 0])


@pytest.mark.parametrize("how", POOLINGS)
def test_half_a_number_stays_half_a_number(batch, how):
    hidden, mask = batch
    assert pool(hidden.bfloat16(), mask, how).dtype == torch.bfloat16


def test_another_name_is_refused(batch):
    with pytest.raises(ValueError, match="pooling is 'median'.*mean, cls, max, weighted"):
        pool(*batch, "median")


def test_a_rare_piece_counts_more_than_one_in_every_text():
    idf = token_idf([[1, 5, 2], [1, 6, 6, 2], [1, 5, 2]], 8)
    assert idf.dtype == np.float32 and idf.shape == (8,)
    assert idf[1] == idf[2] == 1.0
    assert idf[6] == pytest.approx(1 + np.log(4 / 2))  # one text, though it is there twice
    assert idf[5] == pytest.approx(1 + np.log(4 / 3))
    assert idf[7] == pytest.approx(1 + np.log(4 / 1))


def test_no_text_at_all_gives_equal_weights():
    assert token_idf([], 3).tolist() == [1.0, 1.0, 1.0]
