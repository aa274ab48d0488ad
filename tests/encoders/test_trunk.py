import numpy as np
import pytest
import torch

from recsys_book.encoders import Transformer, TransformerConfig, masked_mean
from recsys_book.encoders.fine_tuning import Top, Trunk, add_lora, by_length, interpolate, tokenize


def toy(seed=0):
    config = TransformerConfig(40, width=16, layers=3, heads=2, norm="post", max_tokens=12)
    return Transformer(config, torch.Generator().manual_seed(seed)).eval()


@pytest.fixture(scope="module")
def ids():
    rng = np.random.default_rng(0)
    return [[int(x) for x in rng.integers(4, 40, length)] for length in rng.integers(2, 12, 30)]


def whole(encoder, row):
    tokens, mask = torch.tensor([row]), torch.ones(1, len(row), dtype=torch.bool)
    with torch.no_grad():
        return torch.nn.functional.normalize(masked_mean(encoder(tokens, mask), mask))[0].numpy()


@pytest.mark.parametrize("layer", [0, 2, 3])
def test_trunk_and_top_are_the_whole_encoder(ids, layer):
    encoder = toy()
    trunk = Trunk.of(encoder, ids, layer, batch_size=7)
    top = trunk.top()
    assert len(top.blocks) == 3 - layer
    got = trunk.vectors(top, batch_size=4)
    want = np.stack([whole(encoder, row) for row in ids])
    np.testing.assert_allclose(got, want, atol=1e-6)


def test_trunk_leaves_the_encoder_as_it_was(ids):
    encoder = toy()
    before = {k: v.clone() for k, v in encoder.state_dict().items()}
    Trunk.of(encoder, ids, 1)
    assert len(encoder.blocks) == 3
    assert all(p.requires_grad for p in encoder.parameters())
    assert all(torch.equal(before[k], v) for k, v in encoder.state_dict().items())


def test_training_a_top_leaves_the_next_one_pretrained(ids):
    trunk = Trunk.of(toy(), ids, 2)
    first = trunk.top()
    assert all(p.requires_grad for p in first.parameters())
    with torch.no_grad():
        for param in first.parameters():
            param.add_(1.0)
    second = trunk.top()
    assert not torch.equal(next(first.parameters()), next(second.parameters()))
    assert not trunk.hidden.requires_grad


def test_inputs_hold_no_column_of_padding_alone(ids):
    trunk = Trunk.of(toy(), ids, 1)
    rows = np.argsort(trunk.lengths)[[0, 12, 24]]
    assert len(set(trunk.lengths[rows])) > 1
    hidden, mask = trunk.inputs(rows)
    assert hidden.shape == (3, trunk.lengths[rows].max(), 16)
    np.testing.assert_array_equal(mask.sum(1).numpy(), trunk.lengths[rows])
    assert not hidden[~mask].any()


def test_batches_are_one_epoch_of_similar_lengths(ids):
    trunk = Trunk.of(toy(), ids * 10, 3)
    rows = np.arange(5, 300)
    batches = list(trunk.batches(rows, 8, seed=1))
    np.testing.assert_array_equal(np.sort(np.concatenate(batches)), rows)
    again = list(trunk.batches(rows, 8, seed=1))
    other = list(trunk.batches(rows, 8, seed=2))
    assert all(np.array_equal(a, b) for a, b in zip(batches, again))
    assert not all(np.array_equal(a, b) for a, b in zip(batches, other))
    spread = np.mean([np.ptp(trunk.lengths[b]) for b in batches])
    assert spread < 0.5 * np.ptp(trunk.lengths)
    first = [trunk.lengths[b].mean() for b in batches]
    assert np.any(np.diff(first) < 0), "the batches themselves are not sorted"


def test_by_length_is_sorted_and_complete():
    lengths = np.array([5, 1, 9, 3, 7])
    parts = list(by_length(np.array([0, 2, 3, 4]), lengths, 3))
    assert [part.tolist() for part in parts] == [[3, 0, 4], [2]]


def test_trunk_moves_to_a_device(ids):
    trunk = Trunk.of(toy(), ids, 2).to("cpu")
    assert trunk.width == 16 and len(trunk) == 30
    assert isinstance(trunk.top(), Top)


@pytest.mark.parametrize("layer", [-1, 4])
def test_trunk_refuses_a_layer_that_is_not_there(ids, layer):
    with pytest.raises(ValueError, match="has 3 blocks: give 0 to 3"):
        Trunk.of(toy(), ids, layer)


@pytest.mark.parametrize("bad", [[], [[4, 5], []]])
def test_trunk_refuses_texts_without_tokens(bad):
    with pytest.raises(ValueError, match="without a token"):
        Trunk.of(toy(), bad, 1)


def test_tokenize_cuts_and_keeps_the_special_tokens():
    short, long = tokenize(["Alien", "alien " * 50], max_tokens=8)
    assert short[0] == 101 and short[-1] == 102 and len(short) == 3
    assert len(long) == 8 and long[-1] == 102


@pytest.mark.equation("eq-weight-interpolation")
def test_interpolation_goes_a_part_of_the_way(ids):
    trunk = Trunk.of(toy(), ids, 1)
    before, after = trunk.top(), trunk.top()
    with torch.no_grad():
        for param in after.parameters():
            param.add_(torch.randn(param.shape, generator=torch.Generator().manual_seed(0)))
    middle = interpolate(before, after, 0.25)
    for a, b, m in zip(before.parameters(), after.parameters(), middle.parameters()):
        torch.testing.assert_close(m, 0.75 * a + 0.25 * b)
    np.testing.assert_array_equal(trunk.vectors(before), trunk.pretrained)
    np.testing.assert_array_equal(
        trunk.vectors(interpolate(before, after, 1.0)), trunk.vectors(after)
    )


def test_interpolation_refuses_an_inserted_update(ids):
    trunk = Trunk.of(toy(), ids, 1)
    with pytest.raises(ValueError, match="merge what was inserted"):
        interpolate(trunk.top(), add_lora(trunk.top(), rank=2), 0.5)
