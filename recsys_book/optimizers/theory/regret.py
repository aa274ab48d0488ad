"""Online learning: what a rule pays for not knowing the losses in advance, and what it may pay.

A game has rounds. In each the rule names a point of a box, then sees a convex loss and pays it.
Its regret is what it paid, less what the best fixed point would have paid.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from recsys_book.optimizers.optimizer import Optimizer
from recsys_book.optimizers.rules.base import Rule

#: A loss of a round's number (the first is 1) and of a point, shape ``(d,)``; a 0-dim tensor.
Loss = Callable[[int, Tensor], Tensor]


@dataclass(frozen=True)
class Game:
    """What happened in an online game.

    Attributes:
        points: The points that the rule named, shape ``(rounds, d)``.
        gradients: The losses' gradients there, shape ``(rounds, d)``.
        losses: What it paid, shape ``(rounds,)``.
        radius: Half of the box's width.
    """

    points: Tensor
    gradients: Tensor
    losses: Tensor
    radius: float


def play(
    rule: Rule,
    loss: Loss,
    rounds: int,
    *,
    start: Sequence[float] = (0.0,),
    radius: float = 1.0,
    rate: Callable[[int], float] | None = None,
) -> Game:
    """Let a rule play an online game; each step ends with the nearest point of the box.

    Args:
        rule: The rule.
        loss: The losses, one a round; convex in the point.
        rounds: How many rounds; at least 1.
        start: The first point, ``d`` numbers.
        radius: The box is [-radius, radius] in every coordinate.
        rate: The learning rate of each round; the rule's own if None.

    Returns:
        The game, in float64.

    Raises:
        ValueError: If there is no round, or if the first point lies outside the box.
    """
    weights = torch.nn.Parameter(torch.tensor(start, dtype=torch.float64))
    _check_game(rounds, weights, radius)
    optimizer = Optimizer([weights], rule)
    points, gradients = (torch.empty(rounds, len(weights), dtype=torch.float64) for _ in range(2))
    losses = torch.empty(rounds, dtype=torch.float64)
    for t in range(1, rounds + 1):
        points[t - 1] = weights.detach()
        paid = loss(t, weights)
        losses[t - 1] = paid.detach()
        (weights.grad,) = torch.autograd.grad(paid, weights)
        gradients[t - 1] = weights.grad
        if rate is not None:
            optimizer.param_groups[0]["lr"] = rate(t)
        optimizer.step()
        weights.data.clamp_(-radius, radius)
    return Game(points, gradients, losses, radius)


def _check_game(rounds: int, start: Tensor, radius: float) -> None:
    """Raise one sentence unless the game can begin."""
    if rounds < 1:
        raise ValueError(f"rounds is {rounds}, but a game has at least one.")
    if start.ndim != 1 or not bool((start.abs() <= radius).all()):
        raise ValueError(
            f"start is {start.tolist()}, but it must be a list of numbers within "
            f"[-{radius}, {radius}]."
        )


def regret(game: Game, loss: Loss, comparator: Sequence[float]) -> Tensor:
    """Return what a game cost more than one fixed point, after each round.

    Args:
        game: The game.
        loss: Its losses.
        comparator: The fixed point, ``d`` numbers.

    Returns:
        Shape ``(rounds,)``, in the unit of the loss.
    """
    point = torch.tensor(comparator, dtype=torch.float64)
    fixed = torch.stack([loss(t, point) for t in range(1, len(game.losses) + 1)])
    return (game.losses - fixed).cumsum(0)


def linear_regret(game: Game) -> Tensor:
    """Return the regret against the best corner of the box so far, after each round.

    It takes each loss for the straight line that touches it at the point named. For linear losses
    it is the regret against the best fixed point; for other convex ones it is never less.

    Source: Zinkevich (2003), section 2.

    Args:
        game: The game.

    Returns:
        Shape ``(rounds,)``, in the unit of the loss.
    """
    paid = (game.gradients * game.points).sum(1).cumsum(0)
    best = -game.radius * game.gradients.cumsum(0).abs().sum(1)
    return paid - best


def adagrad_regret_bound(gradients: Tensor, width: float, lr: float | None = None) -> Tensor:
    """Return the most that diagonal AdaGrad's regret can be after each round.

    The lengths of the coordinates' gradient histories, added up, times
    ``width**2 / (2 * lr) + lr``. The rate that makes this least is the width over the root of 2.

    Source: Duchi, Hazan & Singer (2011), Theorem 5, for the mirror-descent form.

    Equation: eq-adagrad-regret.

    Args:
        gradients: One gradient a row, shape ``(rounds, d)``.
        width: The widest side of the box.
        lr: AdaGrad's rate; the best one if None.

    Returns:
        Shape ``(rounds,)``, in the unit of the loss.
    """
    lr = width / 2**0.5 if lr is None else lr
    lengths = gradients.square().cumsum(0).sqrt().sum(1)
    return (width**2 / (2 * lr) + lr) * lengths


def growth_exponent(values: Tensor, first: int = 1) -> float:
    """Return the exponent p with which a positive sequence grows, as in ``round ** p``.

    It is the slope of the logarithms, at rounds that lie evenly on the logarithmic scale.

    Args:
        values: The sequence, shape ``(rounds,)``.
        first: The first round to look at; earlier ones depend on the start.

    Returns:
        The slope of the least-squares line.

    Raises:
        ValueError: If fewer than two rounds remain, or if a value there is not positive.
    """
    rounds = len(values)
    if not 1 <= first < rounds:
        raise ValueError(f"first is {first}, but it must lie between 1 and {rounds - 1}.")
    at = torch.logspace(0, 1, 200, base=rounds / first, dtype=torch.float64).mul_(first)
    at = at.round_().long().clamp_(first, rounds).unique()
    if not bool((values[at - 1] > 0).all()):
        raise ValueError(f"A value from round {first} on is not positive, so it has no logarithm.")
    x, y = at.double().log(), values[at - 1].double().log()
    x = x - x.mean()
    return float(x @ y / (x @ x))


def hostile_loss(sizes: Sequence[float] = (1.0,)) -> Loss:
    """Return linear losses whose every slope points away from zero, where the rule stands now.

    Each round costs ``|w|`` times the size, so that only zero is free; but the best fixed point in
    hindsight lies at a corner, and a rule that keeps its rate pays for each step across zero.

    Args:
        sizes: The slopes' sizes, ``d`` numbers.

    Returns:
        The losses; they depend on the point named, so no two rules see the same ones.
    """
    size = torch.tensor(sizes, dtype=torch.float64)

    def loss(t: int, w: Tensor) -> Tensor:
        slope = torch.where(w.detach() < 0, -size, size)
        return slope @ w

    return loss


def reddi_loss(large: float = 4.0) -> Loss:
    """Return the losses on which Adam goes to the worst point of [-1, 1]: a steep one in three.

    The slope is ``large`` in rounds 1, 4, 7 and so on, else -1. For ``large`` above 2 the best
    fixed point is -1.

    Source: Reddi, Kale & Kumar (2018), Theorem 1; the rate and the decay of its proof are
    ``0.1 / t**0.5``, ``beta1=0`` and ``beta2=1 / (1 + large**2)``.

    Args:
        large: The steep slope.

    Returns:
        The losses.
    """

    def loss(t: int, w: Tensor) -> Tensor:
        return (large if t % 3 == 1 else -1.0) * w.sum()

    return loss
