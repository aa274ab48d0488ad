"""A small planted log, and float64 copies of models, for the tests of gradient-based newcomers."""

import numpy as np
import torch

from recsys_book.data import Interactions

N_ITEMS, PER_USER = 40, 16


def planted_log(seed=0, n_users=48):
    """Ratings = level + item bias + user bias + two factors + noise; features know a part."""
    rng = np.random.default_rng(seed)
    X, U = rng.normal(size=(N_ITEMS, 4)), rng.normal(size=(n_users, 3))
    Q = X[:, :2] + 0.5 * rng.normal(size=(N_ITEMS, 2))
    P = 0.5 * U[:, :2] + 0.3 * rng.normal(size=(n_users, 2))
    full = 3.5 + 0.5 * rng.normal(size=N_ITEMS) + 0.6 * rng.normal(size=(n_users, 1)) + P @ Q.T
    full = full + 0.3 * rng.normal(size=full.shape)
    items = np.concatenate([rng.permutation(N_ITEMS)[:PER_USER] for _ in range(n_users)])
    users = np.repeat(np.arange(n_users), PER_USER)
    log = Interactions(
        users,
        items,
        full[users, items],
        np.arange(len(users)),
        np.arange(n_users),
        np.arange(N_ITEMS),
    )
    return log, X, U, full


def in_float64(model):
    """Move every tensor and module that a model has learned to float64."""
    for name, value in vars(model).items():
        if isinstance(value, torch.nn.Module):
            value.double()
        elif isinstance(value, torch.nn.Parameter):
            setattr(model, name, torch.nn.Parameter(value.detach().double()))
        elif isinstance(value, torch.Tensor):
            setattr(model, name, value.double())
        elif isinstance(value, dict) and all(isinstance(v, torch.Tensor) for v in value.values()):
            for key in value:
                value[key] = value[key].detach().double().requires_grad_(value[key].requires_grad)
    return model


def check_gradient(loss, tensors, n=3, h=1e-5, within=1e-6, seed=0):
    """Compare autograd with central differences at a few entries of each tensor."""
    slopes = torch.autograd.grad(loss(), tensors, allow_unused=True)
    rng = np.random.default_rng(seed)
    largest = 0.0
    for tensor, slope in zip(tensors, slopes):
        flat = tensor.detach().reshape(-1)
        for j in rng.choice(len(flat), size=min(n, len(flat)), replace=False):
            first = float(flat[j])
            values = []
            for move in (h, -h):
                with torch.no_grad():
                    tensor.reshape(-1)[j] = first + move
                    values.append(float(loss()))
            with torch.no_grad():
                tensor.reshape(-1)[j] = first
            mine = 0.0 if slope is None else float(slope.reshape(-1)[j])
            largest = max(largest, abs(mine))
            assert abs(mine - (values[0] - values[1]) / (2 * h)) < within * (1 + abs(mine))
    assert largest > 1e-4  # something moves
