"""Meta-learning: a new user, a new film, a new domain, a new day.

The rooms are imported on their own: ``recsys_book.meta_learning.cold_start`` (newcomers),
``transfer`` (domains) and ``drift`` (streams). What a chapter on learning to learn needs stands in
this folder and is imported when it is first asked for, because it needs torch.
"""

from recsys_book._lazy import lazy_names

#: Public name -> module of this folder.
_LAZY: dict[str, str] = {
    "Amortised": "amortised",
    "CAVIA": "cavia",
    "ContextNetwork": "cavia",
    "ContextReader": "in_context",
    "GradientLearner": "learner",
    "ImplicitMAML": "implicit_maml",
    "InContext": "in_context",
    "MAML": "maml",
    "MAMLPlus": "maml_plus",
    "Matching": "metric",
    "MatchingReader": "metric",
    "MetaLearner": "learner",
    "MetaSGD": "meta_sgd",
    "NonFiniteTaskError": "divergence",
    "NormalisedMLP": "running_norm",
    "PrototypeReader": "metric",
    "Prototypes": "metric",
    "Reader": "amortised",
    "RecurrentReader": "amortised",
    "Reptile": "reptile",
    "RunningNorm": "running_norm",
    "SetEncoder": "amortised",
    "Sinusoids": "families",
    "TaskBatch": "tasks",
    "TaskDataset": "tasks",
    "TaskPool": "families",
    "adapt": "functional",
    "adapt_along": "functional",
    "class_scores": "metric",
    "collate_tasks": "tasks",
    "context_mask": "in_context",
    "domain_tasks": "families",
    "expanded_updates": "theory",
    "expansion_terms": "theory",
    "expected_updates": "theory",
    "inner_gradient": "functional",
    "item_tasks": "families",
    "joint_loss": "maml",
    "linear_adapted": "theory",
    "linear_meta_gradient": "theory",
    "losses_along": "maml",
    "masked_cross_entropy": "metric",
    "masked_mean": "tasks",
    "masked_mse": "tasks",
    "meta_train": "maml",
    "minibatch_of": "reptile",
    "mlp": "learner",
    "multi_step_weights": "maml_plus",
    "optimal_rates": "meta_sgd",
    "outer_step_flops": "learner",
    "parameters": "functional",
    "period_tasks": "families",
    "predict": "functional",
    "prototypes": "metric",
    "quadratic_start": "theory",
    "quadratic_weights": "theory",
    "rate_gradient": "meta_sgd",
    "shrink_context": "cavia",
    "solve_together": "implicit_maml",
    "stacked": "functional",
    "user_tasks": "families",
}

__all__ = sorted(_LAZY)

__getattr__, __dir__ = lazy_names(__name__, _LAZY)
