"""The convolution equals torch's, reads words in order, and serves items nobody took."""

import numpy as np
import pytest
import torch
from contract import check_contract, checkerboard
from torch.nn import functional

from recsys_book.recommenders.neural import (
    PosterCNN,
    TextCNN,
    convolve,
    max_over_time,
    stand_in_posters,
)
from recsys_book.recommenders.neural.poster_cnn import image_patches
from recsys_book.recommenders.neural.text_cnn import encode_words

TEXTS = tuple("an even film" if i % 2 == 0 else "the odd thing" for i in range(20))
SMALL = {"factors": 4, "filters": 6, "epochs": 60, "rate": 0.02, "l2": 0.0, "batch_size": 20}


def pictures():
    flags = np.eye(2)[np.arange(20) % 2]
    return stand_in_posters(flags, size=6, seed=1)


def test_contract_text():
    check_contract(lambda: TextCNN(TEXTS, width=4, **(SMALL | {"epochs": 5})), personalised=False)


def test_contract_posters():
    check_contract(lambda: PosterCNN(pictures(), **(SMALL | {"epochs": 5})), personalised=False)


@pytest.mark.equation("eq-text-convolution")
def test_the_convolution_equals_that_of_torch():
    g = torch.Generator().manual_seed(0)
    x, weight = torch.randn(3, 9, 5, generator=g), torch.randn(4, 2, 5, generator=g)
    bias = torch.randn(4, generator=g)
    theirs = functional.relu(functional.conv1d(x.mT, weight.permute(0, 2, 1), bias)).mT
    torch.testing.assert_close(convolve(x, weight, bias), theirs)


@pytest.mark.equation("eq-text-convolution")
def test_patches_make_it_a_convolution_of_pictures():
    g = torch.Generator().manual_seed(0)
    images, weight = torch.randn(2, 7, 6, generator=g), torch.randn(4, 3, 3, generator=g)
    theirs = functional.relu(functional.conv2d(images[:, None], weight[:, None]))
    ours = convolve(image_patches(images, 3), weight.reshape(4, 1, 9), torch.zeros(4))
    torch.testing.assert_close(ours, theirs.flatten(2).mT)


@pytest.mark.equation("eq-max-over-time")
def test_the_strongest_answer_is_kept_wherever_it_stands():
    x = torch.zeros(1, 6, 2)
    x[0, 4] = torch.tensor([1.0, -1.0])
    weight, bias = torch.tensor([[[1.0, -1.0]], [[-1.0, 1.0]]]), torch.zeros(2)
    found = max_over_time(convolve(x, weight, bias))
    assert found.tolist() == [[2.0, 0.0]]
    shifted = max_over_time(convolve(x.roll(-3, 1), weight, bias))
    assert torch.equal(found, shifted)


def test_words_become_positions_and_rare_ones_vanish():
    words, codes = encode_words(["b a b", "a", "c b"], min_count=2, shortest=2)
    assert words == ["b", "a"]
    assert codes.tolist() == [[1, 2, 1], [2, 0, 0], [1, 0, 0]]
    words, codes = encode_words(["", "x"], min_count=2, shortest=3)
    assert words == [] and codes.tolist() == [[0, 0, 0], [0, 0, 0]]


def test_padding_has_no_vector_and_an_empty_text_a_finite_score():
    log, _ = checkerboard()
    model = TextCNN(("", *TEXTS[1:]), width=4, **(SMALL | {"epochs": 2})).fit(log)
    assert np.isfinite(model.score([0])).all()
    network = model._towers(0)
    assert network.sequences(torch.tensor([0])).abs().max() == 0


@pytest.mark.parametrize("kind", ["text", "posters"])
def test_an_item_nobody_took_is_placed_by_what_it_shows(kind):
    log, _ = checkerboard()
    new = log.select((log.item != 4) & (log.item != 5))
    settings = SMALL | {"epochs": 80}
    model = TextCNN(TEXTS, width=4, **settings) if kind == "text" else None
    model = model or PosterCNN(pictures(), **settings)
    scores = model.fit(new).score([0, 1])
    assert scores[0, 4] > scores[0, 5] and scores[1, 5] > scores[1, 4]


def test_posters_are_repeatable_and_show_the_genre_somewhere():
    flags = np.eye(3)[[0, 1, 2, 0]]
    images = stand_in_posters(flags, size=9, seed=4)
    assert images.shape == (4, 9, 9) and images.dtype == np.float32
    np.testing.assert_array_equal(images, stand_in_posters(flags, size=9, seed=4))
    empty = stand_in_posters(np.zeros((4, 3)), size=9, seed=4)
    assert (images**2).sum() > 2 * (empty**2).sum()


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lambda: TextCNN(TEXTS[:3], **SMALL), "3 texts but the log knows 20"),
        (lambda: TextCNN(TEXTS, windows=(0, 2), **SMALL), "windows is 0"),
        (lambda: PosterCNN(pictures()[:3], **SMALL), "20 items"),
        (lambda: PosterCNN(pictures() * np.nan, **SMALL), "not finite in row 0"),
        (lambda: PosterCNN(pictures(), patch=7, **SMALL), "patch is 7"),
        (lambda: PosterCNN(np.ones((20, 4)), **SMALL), "pictures of shape"),
        (lambda: TextCNN(TEXTS, **(SMALL | {"filters": 0})), "filters is 0"),
    ],
)
def test_bad_settings_are_refused_in_one_sentence(model, message):
    with pytest.raises(ValueError, match=message):
        model().fit(checkerboard()[0])
