import numpy as np
import pytest
import torch
from torch.nn import functional

from recsys_book.encoders.fine_tuning import (
    ClickHead,
    LabelHead,
    NextItemHead,
    RatingHead,
    click_loss,
    next_item_loss,
    rating_loss,
)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.equation("eq-rating-head")
def test_rating_head_is_its_equation():
    head = RatingHead(3, 4, 2, level=3.5, generator=seeded())
    with torch.no_grad():
        for param in head.parameters():
            param.normal_(generator=seeded(1))
    user, e = torch.tensor([2, 0]), torch.randn(2, 4, generator=seeded(2))
    A, a = head.project, head.appeal
    for row in range(2):
        u = user[row]
        p = head.users.weight[u]
        want = 3.5 + head.user_bias.weight[u, 0] + a.weight[0] @ e[row] + a.bias[0]
        want = want + p @ (A.weight @ e[row] + A.bias)
        assert head(user, e)[row].item() == pytest.approx(want.item(), rel=1e-5)


@pytest.mark.equation("eq-rating-head")
def test_rating_loss_is_the_mean_square():
    got = rating_loss(torch.tensor([3.0, 5.0]), torch.tensor([4.0, 2.0]))
    assert got.item() == pytest.approx(5.0)


def test_a_column_of_predictions_against_a_row_of_ratings_is_refused():
    with pytest.raises(ValueError, match="every row is compared"):
        rating_loss(torch.zeros(4, 1), torch.zeros(4))


@pytest.mark.equation("eq-click-head")
def test_click_loss_equals_torch_and_stays_finite():
    z = torch.tensor([-200.0, -1.0, 0.0, 3.0, 200.0], dtype=torch.float64)
    y = torch.tensor([1.0, 0.0, 1.0, 0.3, 0.0], dtype=torch.float64)
    want = functional.binary_cross_entropy_with_logits(z, y)
    assert click_loss(z, y).item() == pytest.approx(want.item(), rel=1e-12)


@pytest.mark.equation("eq-click-head")
def test_the_gradient_of_the_click_loss_is_probability_minus_answer():
    z = torch.tensor([-2.0, 0.5], requires_grad=True)
    y = torch.tensor([1.0, 0.0])
    click_loss(z, y).backward()
    torch.testing.assert_close(z.grad, (z.detach().sigmoid() - y) / 2)


def test_click_loss_refuses_ratings():
    with pytest.raises(ValueError, match="from 1 to 5"):
        click_loss(torch.zeros(2), torch.tensor([1.0, 5.0]))


def test_click_loss_of_nothing_is_not_judged():
    assert click_loss(torch.zeros(0), torch.zeros(0)).isnan()


def test_click_head_gives_one_logit_a_pair():
    head = ClickHead(5, 4, 2, seeded())
    user = torch.tensor([0, 1, 4])
    assert head(user, torch.randn(3, 4, generator=seeded(1))).shape == (3,)


def test_label_head_starts_undecided():
    logits = LabelHead(4, 3, seeded())(torch.randn(2, 4, generator=seeded(1)))
    torch.testing.assert_close(logits.sigmoid(), torch.full((2, 3), 0.5))


@pytest.mark.equation("eq-next-item-head")
def test_next_item_loss_is_the_negative_logarithm_of_the_softmax():
    logits = torch.randn(3, 5, generator=seeded())
    item = torch.tensor([4, 0, 2])
    p = np.exp(logits.numpy()) / np.exp(logits.numpy()).sum(1, keepdims=True)
    want = -np.log(p[np.arange(3), item]).mean()
    assert next_item_loss(logits, item).item() == pytest.approx(want, rel=1e-5)


@pytest.mark.parametrize("shape", [(4, 1), (4,)])
def test_next_item_loss_refuses_one_logit(shape):
    with pytest.raises(ValueError, match="at least two columns"):
        next_item_loss(torch.zeros(shape), torch.zeros(4, dtype=torch.long))


@pytest.mark.equation("eq-next-item-head")
def test_next_item_head_starts_as_cosine_with_the_mean_of_the_history():
    vectors = torch.randn(6, 4, generator=seeded())
    head = NextItemHead(vectors, temperature=0.5)
    history = torch.tensor([[1, 2, 0], [3, 3, 0]])
    mask = torch.tensor([[True, True, False], [True, False, False]])
    logits = head(history, mask)
    unit = functional.normalize(vectors)
    want = functional.cosine_similarity(((unit[1] + unit[2]) / 2)[None], unit) / 0.5
    torch.testing.assert_close(logits[0], want)
    assert logits[1].argmax() == 3 and logits[1, 3].item() == pytest.approx(2.0)


def test_heads_come_from_their_generator():
    one, two, other = (RatingHead(4, 3, 2, 0.0, seeded(s)).users.weight for s in (0, 0, 1))
    assert torch.equal(one, two) and not torch.equal(one, other)
