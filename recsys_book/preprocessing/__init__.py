"""Cleaning, text, features and splitting: from a raw log to something a model may see."""
