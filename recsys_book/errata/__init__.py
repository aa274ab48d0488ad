"""The source articles' faulty versions, one function an entry.

Imported by chapters and tests only.
"""
