"""The steps equal torch's modules; the model behaves like a language model; gradients vanish."""

import numpy as np
import pytest
import torch
from torch import nn

from recsys_book.encoders.corpora import BEGIN, END
from recsys_book.encoders.language_modeling import NextTokenProblem, perplexity
from recsys_book.encoders.recurrent import (
    CELLS,
    RecurrentLanguageModel,
    elman_step,
    jacobian_product_norms,
    layer_weights,
    recurrent_layer,
    unroll,
)
from recsys_book.optimizers import AdamW, train

B, T, INPUTS, WIDTH = 3, 7, 5, 4


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(
    "cell",
    [
        pytest.param("elman", marks=pytest.mark.equation("eq-elman")),
        pytest.param("lstm", marks=pytest.mark.equation("eq-lstm")),
        pytest.param("gru", marks=pytest.mark.equation("eq-gru")),
    ],
)
def test_outputs_and_gradients_equal_those_of_torch(cell):
    step, kind, parts = CELLS[cell]
    x = torch.randn(B, T, INPUTS, generator=generator(), dtype=torch.float64, requires_grad=True)
    module = recurrent_layer(cell, INPUTS, WIDTH, generator(1)).double()
    assert type(module) is kind
    start = [torch.randn(B, WIDTH, generator=generator(2 + k)).double() for k in range(parts)]
    given = [each[None] for each in start]
    fused = module(x, tuple(given) if parts == 2 else given[0])[0]
    ours = unroll(step, x, layer_weights(module), tuple(start))
    torch.testing.assert_close(ours, fused, rtol=0, atol=1e-12)
    inputs = [x, *module.parameters()]
    weight = torch.randn(B, T, WIDTH, generator=generator(9)).double()
    for a, b in zip(
        torch.autograd.grad((fused * weight).sum(), inputs),
        torch.autograd.grad((ours * weight).sum(), inputs),
        strict=True,
    ):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-10)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("tied", [True, False])
def test_the_loop_and_the_fused_code_are_one_model(cell, tied):
    make = {"width": 8, "layers": 2, "cell": cell, "tied": tied}
    model = RecurrentLanguageModel(20, **make, generator=generator(3))
    loop = RecurrentLanguageModel(20, **make, fused=False, generator=generator(3))
    ids = torch.randint(20, (4, 9), generator=generator())
    torch.testing.assert_close(loop(ids), model(ids), rtol=0, atol=1e-6)
    torch.testing.assert_close(model.next_log_probs(ids).exp().sum(-1), torch.ones(4, 9))
    assert len(list(model.parameters())) == (1 if tied else 2) + 1 + 2 * 4
    later = ids.clone()
    later[:, 5:] = 0
    torch.testing.assert_close(model(later)[:, :5], model(ids)[:, :5])
    assert not torch.allclose(model(later)[:, 5:], model(ids)[:, 5:])


def test_weights_come_from_the_generator_and_an_lstm_begins_by_remembering():
    state = torch.random.get_rng_state()
    one, two, other = (RecurrentLanguageModel(9, 4, generator=generator(s)) for s in (0, 0, 1))
    assert torch.equal(state, torch.random.get_rng_state())
    assert all(map(torch.equal, one.parameters(), two.parameters()))
    assert not torch.equal(one.words.weight, other.words.weight)
    lstm = recurrent_layer("lstm", 3, WIDTH, generator())
    bias = lstm.bias_ih_l0 + lstm.bias_hh_l0
    assert (bias[WIDTH : 2 * WIDTH] == 1).all() and not (bias[:WIDTH] == 1).any()


@pytest.mark.equation("eq-jacobian-product")
def test_the_product_of_jacobians_is_the_derivative_through_time():
    for cell, (step, _, parts) in CELLS.items():
        module = recurrent_layer(cell, INPUTS, WIDTH, generator()).double()
        weights = layer_weights(module)
        x = torch.randn(T, INPUTS, generator=generator(1)).double()
        start = torch.randn(parts * WIDTH, generator=generator(2)).double()

        def after(s, step=step, weights=weights, x=x):
            state = s.split(WIDTH)
            for each in x:
                state = step(each, state, *weights)
            return torch.cat(state)

        whole = torch.autograd.functional.jacobian(after, start)
        norms = jacobian_product_norms(step, x, weights, start.split(WIDTH))
        torch.testing.assert_close(norms[-1], torch.linalg.matrix_norm(whole, ord=2))


@pytest.mark.equation("eq-jacobian-product")
def test_elmans_jacobian_is_the_derivative_of_tanh_times_the_weights():
    W, U = (torch.randn(WIDTH, n, generator=generator(n)) for n in (INPUTS, WIDTH))
    zero = torch.zeros(WIDTH)
    x = torch.randn(2, INPUTS, generator=generator())
    (h1,) = elman_step(x[0], (zero,), W, U, zero, zero)
    (h2,) = elman_step(x[1], (h1,), W, U, zero, zero)
    product = torch.diag(1 - h2**2) @ U @ torch.diag(1 - h1**2) @ U
    norms = jacobian_product_norms(elman_step, x, (W, U, zero, zero), (zero,))
    torch.testing.assert_close(norms[1], torch.linalg.matrix_norm(product, ord=2))


@pytest.mark.equation("eq-lstm")
@pytest.mark.parametrize("seed", range(3))
def test_a_memory_keeps_what_a_mixing_loses(seed):
    left = {}
    for cell, (step, _, parts) in CELLS.items():
        module = recurrent_layer(cell, 16, 16, generator(seed), forget_bias=3.0)
        x = torch.randn(40, 16, generator=generator(9))
        start = (torch.zeros(16),) * parts
        left[cell] = float(jacobian_product_norms(step, x, layer_weights(module), start)[-1])
    assert left["elman"] < 1e-6 < 1e-2 < left["lstm"]
    assert left["elman"] < left["gru"]


def test_a_recurrent_model_learns_what_a_bigram_cannot():
    """The word after two others repeats the first of them."""
    rng = np.random.default_rng(0)
    lines = [np.array([BEGIN, a, b, a, END]) for a, b in rng.integers(4, 10, (300, 2))]
    problem = NextTokenProblem(
        lines[:250],
        lines[250:],
        lambda g: RecurrentLanguageModel(10, 24, cell="gru", dropout=0.1, generator=g),
    )
    model = train(problem, AdamW(lr=0.02), epochs=12, clip_norm=1.0).model
    assert perplexity(model, lines[250:]) < 1.1 * 6 ** (2 / 4)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: recurrent_layer("rnn", 3, 3, generator()), "cell is 'rnn'"),
        (lambda: RecurrentLanguageModel(0), "must all be at least 1"),
    ],
)
def test_what_makes_no_sense_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_dropout_acts_in_training_only():
    model = RecurrentLanguageModel(9, 8, dropout=0.5)
    ids = torch.tensor([[1, 4, 5]])
    assert not torch.equal(model(ids), model(ids))
    model.eval()
    assert torch.equal(model(ids), model(ids))
    assert isinstance(RecurrentLanguageModel(9, 8).dropout, nn.Identity)
