"""The one exception of this room: its message is a sentence that a reader can act on."""


class DataError(ValueError):
    """Data that cannot be fetched, or cannot be read as it stands.

    The message is one sentence: what is wrong, where (file, column, row, value), and what to do.
    """
