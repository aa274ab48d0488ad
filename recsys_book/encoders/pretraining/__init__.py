"""Pre-training: hide words, cut sentences, replace words, read twice, and learn from it."""

from recsys_book.encoders.pretraining.discrimination import ReplacedTokenProblem, SimCSEProblem
from recsys_book.encoders.pretraining.masking import (
    IGNORED,
    Pairs,
    mask_tokens,
    masking_shares,
    replace_tokens,
    sentence_pairs,
)
from recsys_book.encoders.pretraining.models import (
    MaskedLanguageModel,
    ReplacedTokenModel,
    SentenceVectors,
)
from recsys_book.encoders.pretraining.objectives import (
    information_bound,
    joint_loss,
    masked_lm_loss,
    next_sentence_loss,
    replaced_token_loss,
    simcse_loss,
)
from recsys_book.encoders.pretraining.probing import (
    ProbeResult,
    linear_probe,
    matching_rank,
    row_vectors,
    shuffled_control,
)
from recsys_book.encoders.pretraining.problems import MaskedLMProblem, NextSentenceProblem
from recsys_book.encoders.pretraining.rows import masked_batch, spans
from recsys_book.encoders.pretraining.saving import load_transformer, save_transformer

__all__ = [
    "IGNORED",
    "MaskedLMProblem",
    "MaskedLanguageModel",
    "NextSentenceProblem",
    "Pairs",
    "ProbeResult",
    "ReplacedTokenModel",
    "ReplacedTokenProblem",
    "SentenceVectors",
    "SimCSEProblem",
    "information_bound",
    "joint_loss",
    "linear_probe",
    "load_transformer",
    "mask_tokens",
    "masked_batch",
    "masked_lm_loss",
    "masking_shares",
    "matching_rank",
    "next_sentence_loss",
    "replace_tokens",
    "replaced_token_loss",
    "row_vectors",
    "save_transformer",
    "sentence_pairs",
    "shuffled_control",
    "simcse_loss",
    "spans",
]
