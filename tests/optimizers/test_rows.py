"""The row path: a look-up's gradient, and rows gathered, stepped and scattered."""

import pytest
import torch

from recsys_book.optimizers import Adam, Optimizer, RowwiseAdaGrad
from recsys_book.optimizers.rows import step_rows, sum_by_row
from recsys_book.optimizers.rules import Rule


def looked_up(ids, upstream, rows=6, sparse=True):
    """A table whose rows were looked up and multiplied, with its gradient in place."""
    table = torch.nn.Embedding(rows, upstream.shape[-1], sparse=sparse, dtype=torch.float64)
    torch.nn.init.constant_(table.weight, 0.5)
    (table(ids) * upstream).sum().backward()
    return table


@pytest.mark.equation("eq-sparse-gradient")
def test_the_gradient_of_a_look_up_is_the_sum_over_a_rows_occurrences():
    ids = torch.tensor([3, 1, 3, 3])
    upstream = torch.arange(20, dtype=torch.float64).view(4, 5)
    rows, sums = sum_by_row(looked_up(ids, upstream).weight.grad)
    assert rows.tolist() == [1, 3]
    assert torch.equal(sums[0], upstream[1])
    assert torch.equal(sums[1], upstream[0] + upstream[2] + upstream[3])
    dense = looked_up(ids, upstream, sparse=False).weight.grad
    assert torch.equal(dense[rows], sums)
    assert not dense[[0, 2, 4, 5]].any()


@pytest.mark.parametrize("ids_shape", [(40,), (8, 5)])
def test_sums_equal_coalesce(ids_shape):
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(6, ids_shape, generator=generator)
    upstream = torch.randn(*ids_shape, 3, dtype=torch.float64, generator=generator)
    grad = looked_up(ids, upstream).weight.grad
    for given in (grad, grad.coalesce()):
        rows, sums = sum_by_row(given)
        assert torch.equal(rows, grad.coalesce().indices()[0])
        torch.testing.assert_close(sums, grad.coalesce().values(), rtol=1e-14, atol=1e-14)


def test_a_gradient_sparse_in_both_axes_is_coalesced():
    grad = torch.eye(3).to_sparse()
    rows, values = sum_by_row(grad)
    assert rows.tolist() == [0, 1, 2] and values.tolist() == [1, 1, 1]


def test_a_batch_without_look_ups_changes_nothing():
    table = torch.nn.Embedding(4, 2, sparse=True, _weight=torch.ones(4, 2))
    before = table.weight.detach().clone()
    table(torch.empty(0, dtype=torch.long)).sum().backward()
    Optimizer(table.parameters(), RowwiseAdaGrad(lr=1.0)).step()
    assert torch.equal(table.weight, before)


class Toy(Rule):
    """Adds up the gradients and a shared scalar; moves to the sum of gradient and weight."""

    row_sparse = True
    uses_param = True
    shared = frozenset({"total"})

    def init(self, param):
        return {"sum": torch.zeros_like(param), "total": torch.zeros((), dtype=param.dtype)}

    def update(self, grad, state, step, param=None):
        state["sum"].add_(grad)
        state["total"].add_(grad.sum())
        return grad + param


def test_rows_get_their_weights_and_state_and_shared_scalars_stay_whole():
    upstream = torch.ones(3, 2, dtype=torch.float64)
    table = looked_up(torch.tensor([5, 0, 5]), upstream)
    before, rule = table.weight.detach().clone(), Toy()
    state = rule.init(table.weight)
    with torch.no_grad():
        step_rows(rule, table.weight, state, 1)
    assert torch.equal(table.weight[5], 2 * before[5] + 2)
    assert torch.equal(table.weight[0], 2 * before[0] + 1)
    assert torch.equal(table.weight[1:5], before[1:5])
    assert state["sum"][:, 0].tolist() == [1, 0, 0, 0, 0, 2]
    assert state["total"] == 6


def test_rules_that_need_every_row_say_so():
    table = looked_up(torch.tensor([1]), torch.ones(1, 2))
    with pytest.raises(ValueError, match="Adam needs a dense gradient, but parameter 0"):
        Optimizer(table.parameters(), Adam()).step()
    with pytest.raises(ValueError, match="cannot decay weights lazily, and parameter 0"):
        Optimizer(table.parameters(), RowwiseAdaGrad(weight_decay=0.1)).step()
