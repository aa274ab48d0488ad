"""A rule as one compiled kernel (torch.compile)."""


class CompiledSteps:
    """Placeholder."""

    def __call__(self, rule, params, states, step):
        """Step."""
        raise NotImplementedError
