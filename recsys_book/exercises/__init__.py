"""Checkers for the exercises, one module a chapter."""
