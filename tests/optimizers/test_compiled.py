"""A compiled rule takes the same steps, and is compiled once."""

import copy
import shutil
import subprocess
import sys

import pytest
import torch
from torch import nn

from recsys_book.optimizers import Adam, AdamW, Optimizer
from recsys_book.optimizers.compiled import CompiledSteps


def run(rule, compiled, steps=12, dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    params = [
        nn.Parameter(torch.randn(shape, generator=generator, dtype=dtype))
        for shape in ((3, 4), (5,))
    ]
    optimizer = Optimizer(params, rule)
    optimizer.compiled = compiled
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
    for _ in range(steps):
        for param in params:
            param.grad = torch.randn(param.shape, generator=generator, dtype=dtype)
        optimizer.step()
        schedule.step()
    return params


@pytest.mark.parametrize("rule", [Adam(lr=0.1, weight_decay=0.1), AdamW(lr=0.1)])
def test_a_traced_rule_takes_the_same_steps(rule):
    compiled = CompiledSteps(backend="aot_eager")
    for ours, plain in zip(run(rule, compiled), run(rule, None)):
        torch.testing.assert_close(ours, plain, rtol=1e-10, atol=1e-12)


def test_neither_the_rate_nor_the_step_compiles_anew():
    compilations = []

    def backend(graph, inputs):
        compilations.append(graph)
        return graph.forward

    run(Adam(lr=0.1), CompiledSteps(backend=backend))
    assert len(compilations) == 1


def test_the_compiler_does_not_give_up_after_a_few_rules():
    compilations = []

    def backend(graph, inputs):
        compilations.append(graph)
        return graph.forward

    compiled = CompiledSteps(backend=backend)
    for number in range(12):  # more than torch's limit for one piece of code
        run(Adam(lr=0.1, beta1=0.5 + number / 100), compiled, steps=1)
    assert len(compilations) == 12


def test_another_constant_compiles_anew():
    compiled = CompiledSteps(backend="eager")
    run(Adam(lr=0.1), compiled, steps=1)
    run(Adam(lr=0.1, beta1=0.5), compiled, steps=1)
    assert len(compiled.functions) == 2


def test_half_precision_agrees_to_its_rounding():
    ours = run(Adam(lr=0.1), CompiledSteps(backend="eager"), dtype=torch.bfloat16)
    plain = run(Adam(lr=0.1), None, dtype=torch.bfloat16)
    for a, b in zip(ours, plain):
        torch.testing.assert_close(a, b, rtol=0.02, atol=0.02)


def test_a_copy_compiles_for_itself():
    compiled = CompiledSteps(backend="eager")
    run(Adam(), compiled, steps=1)
    twin = copy.deepcopy(compiled)
    assert twin.backend == "eager" and not twin.functions


COMPILE = """
import torch
from recsys_book.optimizers import Adam, Optimizer

param = torch.nn.Parameter(torch.ones(3))
optimizer = Optimizer([param], Adam(lr=0.1), compile=True)
param.grad = torch.tensor([1.0, -2.0, 0.0])
optimizer.step()
print(*(round(w, 6) for w in param.tolist()))
"""


def test_the_compiler_itself_agrees():
    if shutil.which("g++") is None and shutil.which("clang++") is None:
        pytest.skip("no C++ compiler on this machine, and torch.compile needs one")
    # A process of its own: the compiler wants to be the first to import distutils.
    run = subprocess.run([sys.executable, "-c", COMPILE], capture_output=True, text=True)
    assert run.stdout.split() == ["0.9", "1.1", "1.0"], run.stderr[-2000:]
