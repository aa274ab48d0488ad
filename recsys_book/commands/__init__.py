"""What the ``recsys-book`` command does, one file an action."""
