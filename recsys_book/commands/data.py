"""``recsys-book data``: fetch and verify what the chapters read."""

from __future__ import annotations

from collections.abc import Sequence

from recsys_book.book.tables import text_table


def data(names: Sequence[str], *, show_list: bool) -> int:
    """Fetch and verify data sets and models, or list them.

    Args:
        names: Which; none means those of the book profile.
        show_list: List what there is instead of fetching.

    Returns:
        The exit status, 0.

    Raises:
        ValueError: If a name is unknown or nothing answered.
    """
    # The one place where a command touches another room, and only when it is asked to.
    from recsys_book.data import catalog, fetch_all

    if show_list:
        rows = [
            [
                record["name"],
                record["state"],
                f"{record['bytes'] / 1e6:.1f} MB",
                "yes" if record["default"] else "no",
                record["title"],
                record["licence"],
            ]
            for record in catalog()
        ]
        header = ["name", "state", "size", "book profile", "title", "licence"]
        print(text_table(header, rows, [False, False, True, False, False, False]))
        return 0
    fetch_all(lambda line: print(line, flush=True), list(names) or None)
    return 0
