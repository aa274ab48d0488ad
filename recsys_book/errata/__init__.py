"""The source articles' faulty versions, one function an entry, imported by chapters and tests only."""
