"""Neural recommenders: towers, networks over pairs, autoencoders, and a convolution over text."""

from recsys_book.recommenders.neural.autoencoders import (
    MultDAE,
    MultVAE,
    annealed,
    gaussian_kl,
    multvae_loss,
)
from recsys_book.recommenders.neural.autorec import AutoRec, observed_loss
from recsys_book.recommenders.neural.neumf import NeuMF, NeuMFNetwork, gmf
from recsys_book.recommenders.neural.poster_cnn import PosterCNN, stand_in_posters
from recsys_book.recommenders.neural.text_cnn import TextCNN, convolve, max_over_time
from recsys_book.recommenders.neural.towers import (
    TwoTower,
    batch_softmax_loss,
    tower_scores,
)
from recsys_book.recommenders.neural.training import multinomial_loss

__all__ = [
    "AutoRec",
    "MultDAE",
    "MultVAE",
    "NeuMF",
    "NeuMFNetwork",
    "PosterCNN",
    "TextCNN",
    "TwoTower",
    "annealed",
    "batch_softmax_loss",
    "convolve",
    "gaussian_kl",
    "gmf",
    "max_over_time",
    "multinomial_loss",
    "multvae_loss",
    "observed_loss",
    "stand_in_posters",
    "tower_scores",
]
