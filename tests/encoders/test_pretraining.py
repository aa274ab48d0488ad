"""The objectives against their definitions and libraries; the problems, trained."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from recsys_book.encoders.configuration import TransformerConfig
from recsys_book.encoders.corpora import BEGIN, END, FIRST, pad
from recsys_book.encoders.pretraining import (
    IGNORED,
    MaskedLanguageModel,
    MaskedLMProblem,
    NextSentenceProblem,
    ReplacedTokenModel,
    ReplacedTokenProblem,
    SimCSEProblem,
    information_bound,
    joint_loss,
    masked_lm_loss,
    next_sentence_loss,
    replaced_token_loss,
    simcse_loss,
    spans,
)
from recsys_book.encoders.transformer import Transformer
from recsys_book.optimizers import AdamW, Constant, WarmUp, train

WORDS = 16
CONFIG = TransformerConfig(WORDS + 1, width=16, layers=1, heads=2, hidden=32, max_tokens=12)
PAIRS = replace(CONFIG, segments=2, pooler=True)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def sequences(n=300, seed=0):
    """Each sequence has words of one of three groups of four: context tells the group."""
    rng = np.random.default_rng(seed)
    groups, lengths = rng.integers(3, size=n), rng.integers(6, 10, n)
    return [
        np.r_[BEGIN, FIRST + 4 * g + rng.integers(4, size=k), END].astype(np.int64)
        for g, k in zip(groups, lengths)
    ]


def fit(problem, epochs, lr=0.02):
    return train(
        problem,
        AdamW(lr=lr, weight_decay=0.01),
        epochs=epochs,
        schedule=WarmUp(Constant(), 5),
        clip_norm=1.0,
    )


@pytest.mark.equation("eq-mlm")
def test_masked_loss_looks_at_hidden_words_only():
    logits = torch.randn(2, 5, 7, generator=generator(), requires_grad=True)
    targets = torch.full((2, 5), IGNORED)
    targets[0, 1], targets[1, 3] = 4, 6
    log_p = logits.log_softmax(-1)
    want = -(log_p[0, 1, 4] + log_p[1, 3, 6]) / 2
    loss = masked_lm_loss(logits, targets)
    assert loss.item() == pytest.approx(want.item(), abs=1e-6)
    assert loss.item() == pytest.approx(
        functional.cross_entropy(logits.flatten(0, 1), targets.flatten()).item(), abs=1e-6
    )
    loss.backward()
    assert not logits.grad[targets == IGNORED].any() and logits.grad[0, 1].any()


def test_nothing_hidden_costs_nothing():
    assert masked_lm_loss(torch.zeros(1, 3, 5), torch.full((1, 3), IGNORED)) == 0


@pytest.mark.equation("eq-nsp")
def test_pair_loss_is_the_library_s_on_two_logits():
    scores, follows = torch.randn(9, generator=generator()) * 5, torch.arange(9) % 2
    two = torch.stack([torch.zeros(9), scores], 1)
    want = functional.cross_entropy(two, follows)
    assert float(next_sentence_loss(scores, follows.float())) == pytest.approx(float(want))
    sure = next_sentence_loss(torch.tensor([200.0, -200.0]), torch.tensor([0.0, 1.0]))
    assert float(sure) == pytest.approx(200)


@pytest.mark.equation("eq-pretraining-sum")
def test_the_joint_loss_is_a_sum_with_a_gradient_for_both():
    logits = torch.randn(3, 4, 6, generator=generator(), requires_grad=True)
    scores = torch.randn(3, generator=generator(), requires_grad=True)
    targets = torch.randint(6, (3, 4), generator=generator())
    follows = torch.tensor([1.0, 0, 1])
    loss = joint_loss(logits, targets, scores, follows, weight=2.0)
    parts = masked_lm_loss(logits, targets), next_sentence_loss(scores, follows)
    assert loss.item() == pytest.approx((parts[0] + 2 * parts[1]).item())
    loss.backward()
    assert logits.grad.abs().sum() > 0 and scores.grad.abs().sum() > 0


@pytest.mark.equation("eq-rtd")
def test_replaced_loss_asks_every_word_and_no_mark():
    scores = torch.randn(3, 6, generator=generator())
    replaced = torch.rand(3, 6, generator=generator()) < 0.3
    asked = torch.arange(18).reshape(3, 6) % 4 > 0
    want = functional.binary_cross_entropy_with_logits(scores[asked], replaced[asked].float())
    assert float(replaced_token_loss(scores, replaced, asked)) == pytest.approx(float(want))


@pytest.mark.equation("eq-simcse")
def test_simcse_is_cross_entropy_on_cosines():
    a, b = torch.randn(2, 6, 4, generator=generator())
    cosines = functional.cosine_similarity(a[:, None], b[None], dim=2)
    want = functional.cross_entropy(cosines / 0.1, torch.arange(6))
    assert float(simcse_loss(a, b, 0.1)) == pytest.approx(float(want), abs=1e-5)
    # Lengths do not count, and equal vectors everywhere are chance.
    assert float(simcse_loss(3 * a, b, 0.1)) == pytest.approx(float(want), abs=1e-5)
    assert float(simcse_loss(torch.ones(6, 4), torch.ones(6, 4))) == pytest.approx(math.log(6))


def test_simcse_refuses_a_temperature_of_zero_and_a_batch_of_one():
    with pytest.raises(ValueError, match="temperature is 0"):
        simcse_loss(torch.ones(2, 2), torch.ones(2, 2), 0)
    with pytest.raises(ValueError, match="one row"):
        simcse_loss(torch.ones(1, 2), torch.ones(1, 2))


def test_the_bound_is_below_the_information_of_correlated_normals():
    g, rho, rows = generator(), 0.9, 256
    truth = -0.5 * math.log(1 - rho**2)
    x = torch.randn(20, rows, generator=g)
    y = rho * x + (1 - rho**2) ** 0.5 * torch.randn(20, rows, generator=g)
    # The best score is the logarithm of the density ratio, up to a function of x.
    score = rho * (x[:, :, None] * y[:, None] - 0.5 * rho * y[:, None] ** 2) / (1 - rho**2)
    loss = -score.log_softmax(2).diagonal(dim1=1, dim2=2).mean()
    bound = information_bound(loss, rows)
    assert 0.5 * truth < bound < truth + 0.05
    assert information_bound(0.0, rows) == pytest.approx(math.log(rows))


def test_masked_loss_and_gradient_equal_those_of_the_library():
    transformers = pytest.importorskip("transformers")
    theirs = transformers.BertForMaskedLM(
        transformers.BertConfig(
            vocab_size=WORDS + 1,
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=32,
            max_position_embeddings=12,
            type_vocab_size=2,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
            layer_norm_eps=1e-5,
        )
    )
    config = replace(CONFIG, norm="post", segments=2)
    ours = MaskedLanguageModel(Transformer(config, generator()), generator())
    with torch.no_grad():
        for each in theirs.parameters():
            each.copy_(torch.randn(each.shape, generator=generator()) * 0.3)
    _copy_bert(ours, theirs)
    ids, mask = pad(sequences(8))
    targets = torch.where(torch.rand(ids.shape, generator=generator()) < 0.3, ids, IGNORED)
    targets[ids < FIRST] = IGNORED
    want = theirs(ids, attention_mask=mask.long(), labels=targets)
    logits = ours(ids, mask)
    loss = masked_lm_loss(logits, targets)
    assert (logits - want.logits)[mask].abs().max() < 1e-4
    assert float(loss) == pytest.approx(float(want.loss), abs=1e-5)
    loss.backward()
    want.loss.backward()
    table = theirs.bert.embeddings.word_embeddings.weight.grad
    # The library gives the padding's vector no gradient from its use as input.
    assert (ours.transformer.tokens.weight.grad - table)[1:].abs().max() < 1e-5


def _copy_bert(ours, theirs):
    """Copy the weights of transformers' model into ours."""
    bert, t = theirs.bert, ours.transformer
    layer, block = bert.encoder.layer[0], t.blocks[0]
    heads, other = block.attention, layer.attention
    pairs = [
        (t.tokens.weight, bert.embeddings.word_embeddings.weight),
        (t.positions.weight, bert.embeddings.position_embeddings.weight),
        (t.segments.weight, bert.embeddings.token_type_embeddings.weight),
        (ours.bias, theirs.cls.predictions.bias),
    ]
    head = theirs.cls.predictions.transform
    for mine, yours in (
        (heads.query, other.self.query),
        (heads.key, other.self.key),
        (heads.value, other.self.value),
        (heads.output, other.output.dense),
        (block.feed_forward.up, layer.intermediate.dense),
        (block.feed_forward.down, layer.output.dense),
        (ours.transform, head.dense),
    ):
        pairs += [(mine.weight, yours.weight), (mine.bias, yours.bias)]
    for mine, yours in (
        (t.norm, bert.embeddings.LayerNorm),
        (block.attention_norm, other.output.LayerNorm),
        (block.feed_forward_norm, layer.output.LayerNorm),
        (ours.norm, head.LayerNorm),
    ):
        pairs += [(mine.gain, yours.weight), (mine.shift, yours.bias)]
    with torch.no_grad():
        for mine, yours in pairs:
            mine.copy_(yours)


def test_spans_cut_long_sequences_and_drop_short_ones():
    long = np.r_[BEGIN, np.arange(4, 4 + 20), END]
    found = spans([long, np.array([BEGIN, 7, END])], max_tokens=12)
    assert [len(each) for each in found] == [11, 11, 4]
    assert all(each[0] == BEGIN and each[-1] == END for each in found)
    assert np.concatenate([each[1:-1] for each in found]).tolist() == list(range(4, 24))
    with pytest.raises(ValueError, match="nothing to learn"):
        spans([np.array([BEGIN, 7, END])], max_tokens=12)
    with pytest.raises(ValueError, match="need 5"):
        spans([long], max_tokens=4)


@pytest.mark.equation("eq-mlm")
def test_masked_training_learns_the_groups():
    problem = MaskedLMProblem(sequences(), sequences(100, seed=1), CONFIG, 32)
    history = fit(problem, 4)
    # Chance among 12 words is 2.48 nats; who knows the group needs log 4 = 1.39.
    assert history.epoch_validation[0] > 2.4
    assert history.final_validation < 1.7


def test_masked_problem_loss_is_the_loss_of_the_whole_forward_pass():
    problem = MaskedLMProblem(sequences(50), sequences(20, 1), CONFIG, 16)
    model = problem.model(0)
    ids, inputs, targets = next(iter(problem.batches(0)))
    whole = masked_lm_loss(model(inputs, ids != 0), targets)
    assert float(problem.loss(model, (ids, inputs, targets))) == pytest.approx(float(whole))


def test_masks_change_with_the_epoch_unless_they_are_static():
    dynamic = MaskedLMProblem(sequences(16), sequences(20, 1), CONFIG, 16)
    static = replace(dynamic, dynamic=False)

    def hidden(problem, seed):
        ids, _, targets = next(iter(problem.batches(seed)))
        rows = zip(ids.tolist(), (targets != IGNORED).tolist())
        return {tuple(row): tuple(where) for row, where in rows}

    assert hidden(dynamic, 1) != hidden(dynamic, 2)
    assert hidden(dynamic, 1) == hidden(dynamic, 1)
    assert hidden(static, 1) == hidden(static, 2)


def test_an_epoch_reads_every_span_once():
    problem = MaskedLMProblem(sequences(65), sequences(20, 1), CONFIG, 16)
    batches = list(problem.batches(3))
    assert [len(ids) for ids, *_ in sorted(batches, key=lambda b: -len(b[0]))] == [16] * 4
    # 65 = 4 * 16 + 1: a batch of one row has nothing to be compared with and is left out.


def test_masked_model_refuses_a_causal_transformer():
    with pytest.raises(ValueError, match="causal=False"):
        MaskedLanguageModel(Transformer(replace(CONFIG, causal=True)), generator())


@pytest.mark.equation("eq-pretraining-sum")
def test_pair_problem_trains_both_questions_in_one_batch():
    problem = NextSentenceProblem(sequences(), sequences(100, seed=1), PAIRS, 32)
    model, batch = problem.model(0), next(iter(problem.batches(0)))
    words, pairs, scores = problem.parts(model, batch)
    loss = problem.loss(model, batch)
    assert float(loss) == pytest.approx(float(words + pairs))
    whole = model(batch.inputs, batch.pairs.present, batch.pairs.segments)
    want = joint_loss(whole, batch.targets, scores, batch.pairs.follows)
    assert float(loss) == pytest.approx(float(want), abs=1e-5)
    loss.backward()
    assert model.follows.weight.grad.abs().sum() > 0 and model.bias.grad.abs().sum() > 0
    only = replace(problem, weight=0.0)
    assert float(only.loss(model, batch)) == pytest.approx(float(words))


def test_pair_training_tells_strangers_apart():
    problem = NextSentenceProblem(sequences(400), sequences(150, seed=1), PAIRS, 32)
    before = problem.accuracy(problem.model(0))
    model = fit(problem, 9, lr=0.01).model
    # A stranger has the same group in one case of three, so 5/6 is the most there is.
    assert before < 0.62 and problem.accuracy(model) > 0.7


def test_pairs_need_segments_and_a_pooler():
    for config in (CONFIG, replace(CONFIG, segments=2), replace(CONFIG, pooler=True)):
        with pytest.raises(ValueError, match="segments=2 and pooler=True"):
            NextSentenceProblem(sequences(5), sequences(5), config)


@pytest.mark.equation("eq-rtd")
def test_replaced_training_finds_words_of_other_groups():
    class BlindGuesses(ReplacedTokenProblem):
        """The small model knows nothing, so replacements stay easy to find."""

        def model(self, seed):
            model = super().model(seed)
            model.small.word_scores = lambda hidden: hidden.new_zeros(len(hidden), WORDS + 1)
            return model

    problem = BlindGuesses(sequences(400), sequences(150, seed=1), CONFIG, 32)
    model = fit(problem, 8).model
    g = generator(3)
    _, found, scores, replaced = problem.parts(model, (problem._valid[0], g))
    share = replaced.float().mean()
    constant = float(-(share * share.log() + (1 - share) * (1 - share).log()))
    assert found.item() < 0.93 * constant
    wrong, right = scores[replaced], scores[~replaced]
    assert (wrong[:, None] > right).float().mean() > 0.65


def test_the_encoder_s_loss_gives_the_small_model_s_head_no_gradient():
    problem = ReplacedTokenProblem(sequences(50), sequences(20, 1), CONFIG, 16)
    model = problem.model(0)
    small, found, _, _ = problem.parts(model, next(iter(problem.batches(0))))
    found.backward(retain_graph=True)
    assert model.small.bias.grad is None and model.small.transform.weight.grad is None
    assert model.score.weight.grad.abs().sum() > 0
    small.backward()
    assert model.small.bias.grad.abs().sum() > 0
    assert model.small.transformer.tokens is model.transformer.tokens


def test_both_models_need_one_width():
    small = Transformer(replace(CONFIG, width=8))
    with pytest.raises(ValueError, match="give both one width"):
        ReplacedTokenModel(small, Transformer(CONFIG), generator())


@pytest.mark.equation("eq-simcse")
def test_two_readings_differ_in_training_and_the_loss_falls():
    config = replace(CONFIG, dropout=0.2)
    problem = SimCSEProblem(sequences(), sequences(100, seed=1), config, 32)
    model, batch = problem.model(0), next(iter(problem.batches(0)))
    assert not torch.equal(model(*batch), model(*batch))
    model.eval()
    assert torch.equal(model(*batch), model(*batch))
    history = fit(problem, 4)
    assert history.final_validation < 0.5 * history.epoch_validation[0]
    # Validation reads twice with dropout too, and leaves the model as it was.
    assert not history.model.training
    assert problem.validate(history.model) != problem.validate(history.model)
    assert not history.model.training


def test_simcse_needs_dropout():
    with pytest.raises(ValueError, match="dropout=0.1"):
        SimCSEProblem(sequences(5), sequences(5), CONFIG)


@pytest.mark.parametrize(
    "problem",
    [
        MaskedLMProblem(sequences(60), sequences(20, 1), CONFIG, 16),
        NextSentenceProblem(sequences(60), sequences(20, 1), PAIRS, 16),
        ReplacedTokenProblem(sequences(60), sequences(20, 1), CONFIG, 16),
        SimCSEProblem(sequences(60), sequences(20, 1), replace(CONFIG, dropout=0.1), 16),
    ],
)
def test_the_same_seed_trains_the_same_model(problem):
    before = torch.random.get_rng_state()
    first, again = fit(problem, 2), fit(problem, 2)
    assert np.array_equal(first.step_loss, again.step_loss)
    assert torch.equal(before, torch.random.get_rng_state())


def test_a_batch_of_one_is_refused():
    with pytest.raises(ValueError, match="batch_size is 1"):
        MaskedLMProblem(sequences(5), sequences(5), CONFIG, 1)
