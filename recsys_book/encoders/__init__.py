"""Language models: from counting words to an encoder that reads items and behaviour."""

from recsys_book.encoders.attention import (
    KeyValueCache,
    MultiHeadAttention,
    attention,
    attention_cost,
    causal_mask,
    kernel_smoothing,
)
from recsys_book.encoders.bert import load_bert
from recsys_book.encoders.cold_items import AmongCold, LinearProbe, ridge
from recsys_book.encoders.configuration import TransformerConfig
from recsys_book.encoders.corpora import Corpus, behaviour_corpus, pad, split_corpus, title_corpus
from recsys_book.encoders.encoder_decoder import EncoderDecoder
from recsys_book.encoders.faiss_index import FaissIndex
from recsys_book.encoders.generation import CausalLanguageModel
from recsys_book.encoders.generative_retrieval import (
    GenerativeRetriever,
    IdTree,
    NextItemProblem,
    beam_search,
    id_log_likelihood,
    item_histories,
)
from recsys_book.encoders.geometry import (
    PrincipalTruncation,
    Whitening,
    anisotropy,
    lost_share,
    truncate,
    unit_rows,
)
from recsys_book.encoders.index import ExactIndex, build_index, load_index, recall, save_index
from recsys_book.encoders.index_theory import (
    ivf_cost,
    list_imbalance,
    pq_decode,
    pq_scores,
    pq_table,
)
from recsys_book.encoders.language_modeling import (
    ItemToItem,
    LanguageModel,
    NextTokenProblem,
    NoRepeats,
    next_item_ranks,
    next_token_loss,
    perplexity,
    sample_sentence,
    token_log_probs,
    windows,
)
from recsys_book.encoders.layers import FeedForward, LayerNorm, feed_forward, gelu, layer_norm
from recsys_book.encoders.matryoshka import (
    MatryoshkaMap,
    MatryoshkaProblem,
    matryoshka_loss,
    neighbor_loss,
)
from recsys_book.encoders.ngram import AbsoluteDiscount, AddK, KneserNey, MaximumLikelihood, NGram
from recsys_book.encoders.onnx_backend import OnnxModel, export_onnx
from recsys_book.encoders.pooling import (
    cls_pool,
    masked_mean,
    max_pool,
    pool,
    token_idf,
    weighted_mean,
)
from recsys_book.encoders.positions import rotate, sinusoidal
from recsys_book.encoders.recurrent import (
    RecurrentLanguageModel,
    elman_step,
    gru_step,
    jacobian_product_norms,
    lstm_step,
    recurrent_layer,
    unroll,
)
from recsys_book.encoders.residual_quantisation import ResidualKMeans, error_by_level, quantise
from recsys_book.encoders.rqvae import RQVAE, RQVAEProblem, straight_through
from recsys_book.encoders.semantic_ids import (
    SemanticIds,
    digit_vocabulary,
    expected_collisions,
    mutual_information,
    purity,
)
from recsys_book.encoders.text_encoder import TextEncoder, title_texts, title_vectors
from recsys_book.encoders.transformer import Block, Transformer

__all__ = [
    "AbsoluteDiscount",
    "AddK",
    "AmongCold",
    "Block",
    "CausalLanguageModel",
    "Corpus",
    "EncoderDecoder",
    "ExactIndex",
    "FaissIndex",
    "FeedForward",
    "GenerativeRetriever",
    "IdTree",
    "ItemToItem",
    "KeyValueCache",
    "KneserNey",
    "LanguageModel",
    "LayerNorm",
    "LinearProbe",
    "MatryoshkaMap",
    "MatryoshkaProblem",
    "MaximumLikelihood",
    "MultiHeadAttention",
    "NGram",
    "NextItemProblem",
    "NextTokenProblem",
    "NoRepeats",
    "OnnxModel",
    "PrincipalTruncation",
    "RQVAE",
    "RQVAEProblem",
    "RecurrentLanguageModel",
    "ResidualKMeans",
    "SemanticIds",
    "TextEncoder",
    "Transformer",
    "TransformerConfig",
    "Whitening",
    "anisotropy",
    "attention",
    "attention_cost",
    "beam_search",
    "behaviour_corpus",
    "build_index",
    "causal_mask",
    "cls_pool",
    "digit_vocabulary",
    "elman_step",
    "error_by_level",
    "expected_collisions",
    "export_onnx",
    "feed_forward",
    "gelu",
    "gru_step",
    "id_log_likelihood",
    "item_histories",
    "ivf_cost",
    "jacobian_product_norms",
    "kernel_smoothing",
    "layer_norm",
    "list_imbalance",
    "load_bert",
    "load_index",
    "lost_share",
    "lstm_step",
    "masked_mean",
    "matryoshka_loss",
    "max_pool",
    "mutual_information",
    "neighbor_loss",
    "next_item_ranks",
    "next_token_loss",
    "pad",
    "perplexity",
    "pool",
    "pq_decode",
    "pq_scores",
    "pq_table",
    "purity",
    "quantise",
    "recall",
    "recurrent_layer",
    "ridge",
    "rotate",
    "sample_sentence",
    "save_index",
    "sinusoidal",
    "split_corpus",
    "straight_through",
    "title_corpus",
    "title_texts",
    "title_vectors",
    "token_idf",
    "token_log_probs",
    "truncate",
    "unit_rows",
    "unroll",
    "weighted_mean",
    "windows",
]
