"""Transfer: what one domain teaches about another, and when it misleads."""
