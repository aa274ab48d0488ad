"""Teaching a pretrained encoder: what is trained, how fast, and what it costs."""

from recsys_book.encoders.fine_tuning.adapters import (
    AdaptedLinear,
    Adapter,
    adapter_parameters,
    add_adapters,
)
from recsys_book.encoders.fine_tuning.freezing import (
    blocks_of,
    depth_rate,
    discriminative_groups,
    freeze,
    freeze_below,
    gradual_unfreezing,
    trainable_parameters,
    unfreeze,
)
from recsys_book.encoders.fine_tuning.lora import (
    LoRALinear,
    add_lora,
    lora_gradients,
    lora_parameters,
    low_rank_update,
    merge_lora,
)
from recsys_book.encoders.fine_tuning.surgery import load_trained, save_trained, trained_state

__all__ = [
    "AdaptedLinear",
    "Adapter",
    "LoRALinear",
    "adapter_parameters",
    "add_adapters",
    "add_lora",
    "blocks_of",
    "depth_rate",
    "discriminative_groups",
    "freeze",
    "freeze_below",
    "gradual_unfreezing",
    "load_trained",
    "lora_gradients",
    "lora_parameters",
    "low_rank_update",
    "merge_lora",
    "save_trained",
    "trainable_parameters",
    "trained_state",
    "unfreeze",
]
