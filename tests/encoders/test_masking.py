"""What is hidden, what replaces it, and what is asked."""

import numpy as np
import pytest
import torch

from recsys_book.encoders.corpora import BEGIN, END, FIRST
from recsys_book.encoders.pretraining.masking import (
    IGNORED,
    mask_tokens,
    masking_shares,
    replace_tokens,
    sentence_pairs,
)

WORDS = 500


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def rows(n=400, length=52, seed=0):
    """Rows with begin, end, some unknown words and padding."""
    ids = torch.randint(3, WORDS, (n, length), generator=generator(seed))
    ids[:, 0] = BEGIN
    for row in range(n):
        end = length - 1 - row % 7
        ids[row, end] = END
        ids[row, end + 1 :] = 0
    return ids


@pytest.mark.equation("eq-masking-shares")
def test_fifteen_percent_are_chosen_and_split_80_10_10():
    ids = rows()
    inputs, targets = mask_tokens(ids, WORDS, generator())
    shares = masking_shares(ids, inputs, targets, WORDS)
    # 20,000 words: three standard errors of a share of 0.15 are below 0.008.
    assert shares["chosen"] == pytest.approx(0.15, abs=0.008)
    assert shares["masked"] == pytest.approx(0.12, abs=0.007)
    assert shares["random"] == pytest.approx(0.015, abs=0.003)
    assert shares["kept"] == pytest.approx(0.015, abs=0.003)


@pytest.mark.equation("eq-masking-shares")
def test_shares_are_those_of_the_library():
    transformers = pytest.importorskip("transformers")
    ids = rows(300)
    vocabulary = {f"w{i}": i for i in range(WORDS)}
    vocabulary |= {"[MASK]": WORDS}
    for old, new, id_ in (("w0", "[PAD]", 0), ("w1", "[CLS]", 1), ("w2", "[SEP]", 2)):
        vocabulary.pop(old)
        vocabulary[new] = id_
    vocabulary.pop("w3")
    vocabulary["[UNK]"] = 3
    tokenizer = transformers.BertTokenizer(vocab=vocabulary)
    torch.manual_seed(0)  # the library draws from the global generator
    collate = transformers.DataCollatorForLanguageModeling(tokenizer, mlm_probability=0.15)
    batch = collate([{"input_ids": row} for row in ids])
    theirs = masking_shares(ids, batch["input_ids"], batch["labels"], WORDS)
    ours = masking_shares(ids, *mask_tokens(ids, WORDS, generator()), WORDS)
    for name, share in theirs.items():
        assert ours[name] == pytest.approx(share, abs=0.01), name
    assert (batch["labels"][ids < FIRST] == IGNORED).all()


def test_targets_are_the_words_at_chosen_places_and_nothing_elsewhere():
    ids = rows(50)
    inputs, targets = mask_tokens(ids, WORDS, generator())
    chosen = targets != IGNORED
    assert torch.equal(targets[chosen], ids[chosen])
    assert torch.equal(inputs[~chosen], ids[~chosen])
    assert (ids[chosen] >= FIRST).all()


def test_marks_are_never_hidden_even_when_everything_is():
    ids = rows(50)
    inputs, targets = mask_tokens(ids, WORDS, generator(), share=1.0, shares=(1, 0, 0))
    marks = ids < FIRST
    assert torch.equal(inputs[marks], ids[marks])
    assert (inputs[~marks] == WORDS).all()
    assert torch.equal(targets != IGNORED, ~marks)


def test_random_words_are_words():
    ids = rows(100)
    inputs, _ = mask_tokens(ids, WORDS, generator(), share=1.0, shares=(0, 1, 0))
    swapped = inputs[ids >= FIRST]
    assert swapped.min() >= FIRST and swapped.max() < WORDS


def test_the_same_seed_hides_the_same_words_and_another_does_not():
    ids = rows(20)
    first, again = (mask_tokens(ids, WORDS, generator(3))[0] for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first, mask_tokens(ids, WORDS, generator(4))[0])


def test_the_global_generator_is_left_alone():
    before = torch.random.get_rng_state()
    mask_tokens(rows(5), WORDS, generator())
    assert torch.equal(before, torch.random.get_rng_state())


def test_short_rows_get_a_question_only_if_asked():
    ids = torch.tensor([[BEGIN, 7, 8, END, 0]]).repeat(300, 1)
    ids[0] = torch.tensor([BEGIN, END, 0, 0, 0])
    _, plain = mask_tokens(ids, WORDS, generator())
    _, sure = mask_tokens(ids, WORDS, generator(), at_least=1)
    empty = (plain[1:] == IGNORED).all(1).float().mean()
    assert empty == pytest.approx(0.85**2, abs=0.08)
    counts = (sure != IGNORED).sum(1)
    assert counts[0] == 0 and counts[1:].min() == 1
    # The extra choice is no more likely to fall on one word than on the other.
    assert (sure[1:, 1] != IGNORED).float().mean() == pytest.approx(0.511, abs=0.08)
    _, both = mask_tokens(ids, WORDS, generator(), at_least=9)
    assert ((both != IGNORED).sum(1)[1:] == 2).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"share": 1.5}, "share is 1.5"),
        ({"shares": (0.8, 0.1, 0.2)}, "sum to 1"),
        ({"shares": (1.1, -0.1, 0.0)}, "sum to 1"),
        ({"shares": (0.5, 0.5)}, "three shares"),
    ],
)
def test_wrong_shares_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        mask_tokens(rows(2), WORDS, generator(), **options)


@pytest.mark.parametrize("ids", [torch.tensor([[WORDS]]), torch.tensor([[-1]]), torch.arange(4)])
def test_ids_outside_the_corpus_are_refused(ids):
    with pytest.raises(ValueError, match="from 0 to 499"):
        mask_tokens(ids, WORDS, generator())


def sentences(n=400, seed=0):
    """Sequence number s counts on from 100 s, so that one can see who belongs to whom."""
    lengths = np.random.default_rng(seed).integers(2, 12, n)
    return [np.r_[BEGIN, 100 * (s + 1) + np.arange(k), END] for s, k in enumerate(lengths)]


def test_pairs_follow_half_of_the_time_and_say_so():
    pairs = sentence_pairs(sentences(), np.random.default_rng(0))
    assert pairs.follows.mean() == pytest.approx(0.5, abs=0.08)
    owner = pairs.ids // 100
    for row in range(len(pairs.ids)):
        first = owner[row][(pairs.segments[row] == 0) & (pairs.ids[row] >= 100)].unique()
        second = owner[row][pairs.segments[row] == 1]
        second = second[second > 0].unique()
        assert first.tolist() == [row + 1] and len(second) == 1
        assert bool(pairs.follows[row]) == (second.item() == row + 1)


def test_a_row_is_begin_first_end_second_end():
    pairs = sentence_pairs([np.array([BEGIN, 4, 5, 6, END])] * 2, np.random.default_rng(0))
    assert pairs.ids.tolist() == [[BEGIN, 4, END, 5, 6, END]] * 2
    assert pairs.segments.tolist() == [[0, 0, 0, 1, 1, 1]] * 2
    assert pairs.present.all()


def test_padding_is_absent_and_in_no_second_segment():
    pairs = sentence_pairs(sentences(30), np.random.default_rng(1))
    assert torch.equal(pairs.present, pairs.ids != 0)
    assert not pairs.segments[~pairs.present].any()


def test_pairs_need_two_sequences_of_two_words():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="at least two"):
        sentence_pairs(sentences(1), rng)
    with pytest.raises(ValueError, match="Sequence 1 has 1 words"):
        sentence_pairs([np.array([4, 5]), np.array([BEGIN, 7, END])], rng)


def test_replacements_follow_the_small_model_and_hits_are_no_replacements():
    ids = rows(600, 20)
    _, targets = mask_tokens(ids, WORDS, generator())
    hidden = targets != IGNORED
    logits = torch.full((int(hidden.sum()), WORDS), -50.0)
    logits[:, 10], logits[:, 11] = np.log(0.75), np.log(0.25)
    logits[:, BEGIN] = 50.0  # a mark is never guessed
    corrupted, replaced = replace_tokens(ids, targets, logits, generator(5))
    assert torch.equal(corrupted[~hidden], ids[~hidden]) and not replaced[~hidden].any()
    drawn = corrupted[hidden]
    assert set(drawn.tolist()) == {10, 11}
    assert (drawn == 10).float().mean() == pytest.approx(0.75, abs=0.04)
    perfect = torch.full((int(hidden.sum()), WORDS), -50.0)
    perfect[torch.arange(len(perfect)), targets[hidden]] = 50.0
    assert not replace_tokens(ids, targets, perfect, generator())[1].any()


def test_no_gradient_goes_through_the_drawing():
    ids = rows(5)
    _, targets = mask_tokens(ids, WORDS, generator())
    logits = torch.zeros(int((targets != IGNORED).sum()), WORDS, requires_grad=True)
    corrupted, replaced = replace_tokens(ids, targets, logits, generator())
    assert not corrupted.requires_grad and not replaced.requires_grad
