"""The optimizer around a rule does all that torch's own optimizers do."""

import copy
import math

import pytest
import torch
from torch import nn

from recsys_book.optimizers import Adam, AdamW, FullMatrixAdaGrad, Optimizer, Rule

SHAPES = [(3, 4), (5,), (), (60, 50)]


def parameters(seed=0, shapes=SHAPES):
    generator = torch.Generator().manual_seed(seed)
    return [
        nn.Parameter(torch.randn(shape, generator=generator, dtype=torch.float64))
        for shape in shapes
    ]


def give_gradients(*lists, generator):
    for group in zip(*lists):
        grad = torch.randn(group[0].shape, generator=generator, dtype=torch.float64)
        for param in group:
            param.grad = grad.clone()


def assert_same(ours, theirs):
    for a, b in zip(ours, theirs):
        torch.testing.assert_close(a.detach(), b.detach(), rtol=1e-6, atol=1e-12)


def test_groups_may_override_any_field_of_the_rule():
    ours, theirs = parameters(), parameters()
    optimizer = Optimizer(
        [{"params": ours[:2], "lr": 0.1, "beta1": 0.5}, {"params": ours[2:]}], Adam()
    )
    peer = torch.optim.Adam(
        [{"params": theirs[:2], "lr": 0.1, "betas": (0.5, 0.999)}, {"params": theirs[2:]}]
    )
    generator = torch.Generator().manual_seed(1)
    for _ in range(20):
        give_gradients(ours, theirs, generator=generator)
        optimizer.step()
        peer.step()
    assert_same(ours, theirs)


def test_a_group_can_be_added_between_steps():
    ours, theirs = parameters(), parameters()
    optimizer, peer = Optimizer(ours[:2], Adam()), torch.optim.Adam(theirs[:2])
    generator = torch.Generator().manual_seed(1)
    for step in range(10):
        if step == 5:
            optimizer.add_param_group({"params": ours[2:], "lr": 0.01})
            peer.add_param_group({"params": theirs[2:], "lr": 0.01})
        give_gradients(ours, theirs, generator=generator)
        optimizer.step()
        peer.step()
    assert_same(ours, theirs)


def test_parameters_without_a_gradient_keep_their_own_step_count():
    ours, theirs = parameters(), parameters()
    optimizer, peer = Optimizer(ours, Adam(lr=0.1)), torch.optim.Adam(theirs, lr=0.1)
    generator = torch.Generator().manual_seed(1)
    for step in range(12):
        give_gradients(ours, theirs, generator=generator)
        if step % 3:
            ours[1].grad = theirs[1].grad = None
        optimizer.step()
        peer.step()
    assert optimizer.state[ours[1]]["step"] == 4
    assert_same(ours, theirs)


@pytest.mark.parametrize("rule", [Adam(weight_decay=0.1), AdamW(weight_decay=0.1)])
def test_weight_decay_is_coupled_or_decoupled_as_the_rule_says(rule):
    ours, theirs = parameters(), parameters()
    optimizer = Optimizer(ours, rule)
    peer = {Adam: torch.optim.Adam, AdamW: torch.optim.AdamW}[type(rule)](theirs, weight_decay=0.1)
    generator = torch.Generator().manual_seed(1)
    for _ in range(50):
        give_gradients(ours, theirs, generator=generator)
        optimizer.step()
        peer.step()
    assert_same(ours, theirs)


def test_the_norm_of_all_gradients_is_clipped_as_torch_clips_it():
    ours, theirs = parameters(), parameters()
    optimizer, peer = Optimizer(ours, Adam(), clip_norm=0.5), torch.optim.Adam(theirs)
    generator = torch.Generator().manual_seed(1)
    for _ in range(10):
        give_gradients(ours, theirs, generator=generator)
        nn.utils.clip_grad_norm_(theirs, 0.5)
        optimizer.step()
        peer.step()
    assert_same(ours, theirs)


def test_each_gradient_entry_is_clipped_as_torch_clips_it():
    ours, theirs = parameters(), parameters()
    optimizer, peer = Optimizer(ours, Adam(), clip_value=0.1), torch.optim.Adam(theirs)
    generator = torch.Generator().manual_seed(1)
    for _ in range(10):
        give_gradients(ours, theirs, generator=generator)
        nn.utils.clip_grad_value_(theirs, 0.1)
        optimizer.step()
        peer.step()
    assert_same(ours, theirs)


def test_maximize_climbs():
    ours, theirs = parameters(), parameters()
    optimizer = Optimizer(ours, Adam(), maximize=True)
    peer = torch.optim.Adam(theirs, maximize=True)
    give_gradients(ours, theirs, generator=torch.Generator().manual_seed(1))
    before = [param.grad.clone() for param in ours]
    optimizer.step()
    peer.step()
    assert_same(ours, theirs)
    for param, grad in zip(ours, before):
        torch.testing.assert_close(param.grad, grad)


def test_a_state_dict_survives_saving_and_resumes_exactly(tmp_path):
    straight, resumed = parameters(), parameters()
    one, two = Optimizer(straight, Adam(lr=0.1)), Optimizer(resumed, Adam(lr=0.1))
    generator = torch.Generator().manual_seed(1)
    for step in range(20):
        give_gradients(straight, resumed, generator=generator)
        one.step()
        two.step()
        if step == 9:
            torch.save(two.state_dict(), tmp_path / "checkpoint.pt")
            two = Optimizer(resumed, Adam(lr=7.0))
            two.load_state_dict(torch.load(tmp_path / "checkpoint.pt", weights_only=True))
    for a, b in zip(straight, resumed):
        assert torch.equal(a, b)
    assert two.steps_taken == 20


def test_an_optimizer_can_be_copied():
    ours = parameters()
    optimizer = Optimizer(ours, Adam())
    give_gradients(ours, generator=torch.Generator().manual_seed(1))
    optimizer.step()
    twin = copy.deepcopy(optimizer)
    assert twin.steps_taken == 1 and twin.rule == optimizer.rule


def test_a_closure_computes_the_loss_with_gradients_on():
    w = nn.Parameter(torch.tensor([1.0]))
    optimizer = Optimizer([w], Adam(lr=0.1))

    def closure():
        optimizer.zero_grad()
        loss = (w**2).sum()
        loss.backward()
        return loss

    losses = [optimizer.step(closure).item() for _ in range(30)]
    assert losses[0] == 1.0 and losses[-1] < 0.1


def test_schedulers_of_torch_change_the_rate():
    ours, theirs = parameters(), parameters()
    optimizer, peer = Optimizer(ours, Adam(lr=0.1)), torch.optim.Adam(theirs, lr=0.1)
    schedules = [
        torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 10),
        torch.optim.lr_scheduler.CosineAnnealingLR(peer, 10),
    ]
    generator = torch.Generator().manual_seed(1)
    for _ in range(10):
        give_gradients(ours, theirs, generator=generator)
        optimizer.step()
        peer.step()
        for schedule in schedules:
            schedule.step()
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.0)
    assert_same(ours, theirs)


def test_hooks_of_torch_run():
    ours = parameters()
    optimizer, calls = Optimizer(ours, Adam()), []
    optimizer.register_step_post_hook(lambda *_: calls.append("after"))
    give_gradients(ours, generator=torch.Generator().manual_seed(1))
    optimizer.step()
    assert calls == ["after"]


class Averaged(Rule):
    """Trains on the weights, evaluates at their half: enough to see the two points swapped."""

    def update(self, grad, state, step, param=None):
        return -self.lr * grad

    def evaluation_weights(self, param, state):
        return param / 2

    def training_weights(self, param, state):
        return param * 2


def test_a_rule_that_averages_has_weights_to_evaluate_and_weights_to_train():
    w = nn.Parameter(torch.tensor([1.0]))
    optimizer = Optimizer([w], Averaged(lr=0.5))
    w.grad = torch.tensor([1.0])
    optimizer.step()
    for _ in range(2):  # the second call changes nothing
        optimizer.eval()
        assert w.item() == 0.25
    with pytest.raises(RuntimeError, match="call train"):
        optimizer.step()
    optimizer.train()
    optimizer.train()
    assert w.item() == 0.5


def test_other_rules_are_evaluated_where_they_are_trained():
    w = nn.Parameter(torch.tensor([1.0]))
    optimizer = Optimizer([w], Adam())
    w.grad = torch.tensor([1.0])
    optimizer.step()
    before = w.item()
    optimizer.eval()
    optimizer.step()
    assert w.item() < before


@pytest.mark.parametrize("bad", [-0.1, math.nan, math.inf])
def test_a_rate_must_be_a_number_and_not_negative(bad):
    with pytest.raises(ValueError, match="learning rate lr is"):
        Adam(lr=bad)
    with pytest.raises(ValueError, match="learning rate lr is"):
        Optimizer([{"params": parameters(), "lr": bad}], Adam())


@pytest.mark.parametrize("bad", [-0.1, 1.0, 1.5, math.nan])
def test_a_decay_rate_lies_from_zero_to_below_one(bad):
    with pytest.raises(ValueError, match="must lie in"):
        Adam(beta1=bad)


@pytest.mark.parametrize("field", ["eps", "weight_decay"])
def test_other_numbers_are_not_negative(field):
    with pytest.raises(ValueError, match=f"{field} is -1.0"):
        Adam(**{field: -1.0})


def test_an_empty_list_of_parameters_is_refused():
    with pytest.raises(ValueError, match="list of parameters is empty"):
        Optimizer([], Adam())
    with pytest.raises(ValueError, match="group 1 is empty"):
        Optimizer([{"params": parameters()}, {"params": []}], Adam())


def test_a_bare_tensor_is_refused():
    with pytest.raises(ValueError, match="one tensor"):
        Optimizer(parameters()[0], Adam())


def test_a_tensor_that_was_computed_is_refused_by_name():
    w = parameters()[0]
    with pytest.raises(ValueError, match="parameter 1 .* is not a leaf"):
        Optimizer([w, w * 2], Adam())
    with pytest.raises(ValueError, match="'twice' .* not a leaf"):
        Optimizer([("w", w), ("twice", w * 2)], Adam())


def test_complex_weights_are_refused():
    with pytest.raises(ValueError, match="is complex"):
        Optimizer([nn.Parameter(torch.zeros(2, dtype=torch.complex64))], Adam())


def test_an_unknown_field_in_a_group_is_refused():
    with pytest.raises(ValueError, match="sets betas, but Adam has no such"):
        Optimizer([{"params": parameters(), "betas": (0.9, 0.99)}], Adam())


@pytest.mark.parametrize(
    "limit", [{"clip_norm": 0.0}, {"clip_value": -1.0}, {"clip_norm": math.nan}]
)
def test_a_clipping_limit_is_positive(limit):
    with pytest.raises(ValueError, match="must be positive"):
        Optimizer(parameters(), Adam(), **limit)


def test_a_gradient_that_is_not_finite_is_named_before_anything_changes():
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    optimizer = Optimizer(model.named_parameters(), Adam())
    for _ in range(2):
        for param in model.parameters():
            param.grad = torch.ones_like(param)
        optimizer.step()
    before = [param.clone() for param in model.parameters()]
    model[0].bias.grad = None
    model[1].weight.grad[0, 1] = math.nan
    with pytest.raises(ValueError, match=r"Step 3: .*'1.weight', group 0, has 1 entries"):
        optimizer.step()
    for param, old in zip(model.parameters(), before):
        assert torch.equal(param, old)
    assert optimizer.state[model[0].weight]["step"] == 2


def test_the_look_at_the_gradients_can_be_switched_off():
    w = nn.Parameter(torch.zeros(2))
    w.grad = torch.tensor([math.nan, 1.0])
    Optimizer([w], Adam(), check_finite=False).step()
    assert w.isnan().tolist() == [True, False]


def test_large_finite_gradients_are_not_mistaken_for_infinite_ones():
    w = nn.Parameter(torch.zeros(4))
    optimizer = Optimizer([w], Adam())
    w.grad = torch.full((4,), 3e38)  # their sum overflows
    optimizer.step()
    assert torch.isfinite(w).all()


def test_a_sparse_gradient_is_refused_by_a_dense_rule():
    table = nn.Embedding(5, 2, sparse=True)
    optimizer = Optimizer(table.parameters(), Adam())
    table(torch.tensor([1, 3])).sum().backward()
    with pytest.raises(ValueError, match="Adam needs a dense gradient, but parameter 0"):
        optimizer.step()
    assert not optimizer.state[table.weight]


def test_a_checkpoint_for_other_groups_is_refused():
    optimizer = Optimizer(parameters(), Adam())
    cases = {
        "2 parameter groups": Optimizer(
            [{"params": parameters()[:2]}, {"params": parameters()[2:]}], Adam()
        ),
        "has 2 parameters": Optimizer(parameters()[:2], Adam()),
        "made by another rule": Optimizer(parameters(), Averaged()),
    }
    for message, other in cases.items():
        with pytest.raises(ValueError, match=message):
            optimizer.load_state_dict(other.state_dict())


def test_a_checkpoint_for_other_shapes_is_refused():
    optimizer = Optimizer(parameters(shapes=[(3, 4)]), Adam())
    other = parameters(shapes=[(4, 3)])
    source = Optimizer(other, Adam())
    give_gradients(other, generator=torch.Generator().manual_seed(1))
    source.step()
    with pytest.raises(ValueError, match=r"where Adam keeps"):
        optimizer.load_state_dict(source.state_dict())


def test_a_rule_that_cannot_start_says_so_each_time():
    params = parameters(shapes=[(40, 40)])
    optimizer = Optimizer(params, FullMatrixAdaGrad(max_size=100))
    give_gradients(params, generator=torch.Generator().manual_seed(1))
    for _ in range(2):
        with pytest.raises(ValueError, match="FullMatrixAdaGrad"):
            optimizer.step()


def test_a_checkpoint_of_a_transposed_tensor_resumes(monkeypatch):
    monkeypatch.setattr("recsys_book.optimizers.optimizer.BLOCK", 64)
    one = nn.Parameter(torch.randn(20, 30, dtype=torch.float64).t())
    two = nn.Parameter(one.detach().contiguous().clone())
    source, target = Optimizer([one], Adam()), Optimizer([two], Adam())
    for step in range(3):
        one.grad = torch.full_like(one, 1.0 + step)
        two.grad = one.grad.contiguous()
        source.step()
        if step == 0:
            target.load_state_dict(copy.deepcopy(source.state_dict()))
            two.data.copy_(one)
        else:
            target.step()
    torch.testing.assert_close(one, two)


def test_what_a_rule_does_unless_it_says_otherwise():
    rule, w = Rule(), torch.ones(2)
    assert rule.init(w) == {} and rule.factors(1) == ()
    assert rule.evaluation_weights(w, {}) is w and rule.training_weights(w, {}) is w
    with pytest.raises(NotImplementedError):
        rule.update(w, {}, 1)


def test_a_rate_may_be_a_tensor():
    w = nn.Parameter(torch.zeros(1))
    w.grad = torch.ones(1)
    Optimizer([w], Adam(lr=torch.tensor(0.25))).step()
    assert w.item() == pytest.approx(-0.25)
