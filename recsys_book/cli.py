"""The ``recsys-book`` command."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from recsys_book import __version__
from recsys_book.book.settings import PROFILES, resolve_profile

_EPILOG = """environment variables (each stands in for an option that is not given):
  RECSYS_BOOK_PROFILE   smoke, book or full
  RECSYS_BOOK_JOBS      how many chapters at a time
  RECSYS_BOOK_TIMEOUT   seconds that one chapter may take
  RECSYS_BOOK_DATA      where data and models are kept
  RECSYS_BOOK_RESULTS   where results are written
"""


def parser() -> argparse.ArgumentParser:
    """Return the command's parser.

    Returns:
        A parser with one sub-command an action.
    """
    top = argparse.ArgumentParser(
        prog="recsys-book",
        description="Run, check and build the book.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"recsys-book {__version__}")
    actions = top.add_subparsers(dest="action", required=True, metavar="ACTION")

    def action(name: str, summary: str, jobs: bool = False) -> argparse.ArgumentParser:
        sub = actions.add_parser(name, help=summary, description=summary)
        if jobs:
            sub.add_argument("--jobs", type=int, help="how many at a time (default 1)")
            sub.add_argument("--timeout", type=float, help="seconds a chapter may take")
        return sub

    action("list", "list the chapters and their last runs")
    data = action("data", "fetch and verify the data and the text encoder")
    data.add_argument("names", nargs="*", metavar="NAME", help="default: what the book needs")
    data.add_argument("--list", action="store_true", dest="show_list", help="only list them")
    run = action("run", "run chapters with papermill into _build/runs", jobs=True)
    run.add_argument("chapters", nargs="*", metavar="CHAPTER", help="default: all")
    run.add_argument("--profile", help=f"{', '.join(PROFILES)} (default: book)")
    smoke = action("smoke", "run chapters at the smoke profile", jobs=True)
    smoke.add_argument("chapters", nargs="*", metavar="CHAPTER", help="default: all")
    check = action("check", "run chapters again and compare every output", jobs=True)
    check.add_argument("chapters", nargs="*", metavar="CHAPTER", help="default: all")
    refresh = action("refresh", "make the committed outputs of chapters again", jobs=True)
    refresh.add_argument("chapters", nargs="+", metavar="CHAPTER", help="or `all`")
    board = action("leaderboard", "fit the models of the leaderboard and store what they reach")
    board.add_argument("names", nargs="*", metavar="MODEL", help="default: all")
    board.add_argument("--chapter", help="only the models of one part, such as neighbours")
    board.add_argument("--protocol", help="only one protocol, such as temporal")
    action("build", "build the HTML; a warning is an error")
    serve = action("serve", "serve the video case study: web page, model and cache")
    serve.add_argument("--port", type=int, default=8080, help="0 takes a free one (default 8080)")
    serve.add_argument("--host", default="127.0.0.1", help="default: this machine only")
    serve.add_argument("--redis", default="own", help="own, none, or redis://... (default own)")
    address = action("address", "show or set the URL where the book lives")
    address.add_argument("url", nargs="?", help='an https URL; "" takes it away')
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: The words after ``recsys-book``; those of this process by default.

    Returns:
        The exit status: 0 done, 1 something failed, 2 asked for something impossible, 130
        interrupted.
    """
    options = parser().parse_args(arguments)
    try:
        return dispatch(options)
    except (ValueError, OSError) as error:
        print(f"recsys-book: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("recsys-book: interrupted", file=sys.stderr)
        return 130


def dispatch(options: argparse.Namespace) -> int:
    """Do what was asked; each action is imported only when it is needed.

    Args:
        options: The parsed arguments.

    Returns:
        The exit status.
    """
    if options.action == "list":
        from recsys_book.commands.listing import list_chapters

        return list_chapters()
    if options.action == "data":
        from recsys_book.commands.data import data

        return data(options.names, show_list=options.show_list)
    if options.action == "build":
        from recsys_book.commands.build import build

        return build()
    if options.action == "address":
        from recsys_book.commands.address import address

        return address(options.url)
    if options.action == "serve":
        from recsys_book.commands.serve import serve

        return serve(options.port, host=options.host, redis=options.redis)
    if options.action == "leaderboard":
        from recsys_book.commands.leaderboard import leaderboard

        return leaderboard(options.names, part=options.chapter, protocol=options.protocol)
    jobs = int(number(options.jobs, "RECSYS_BOOK_JOBS", 1))
    if options.action in {"run", "smoke"}:
        from recsys_book.commands.run import run

        profile = "smoke" if options.action == "smoke" else resolve_profile(options.profile)
        limit = number(options.timeout, "RECSYS_BOOK_TIMEOUT", 86400 if profile == "full" else 900)
        return run(options.chapters, profile=profile, jobs=jobs, timeout=limit)
    limit = number(options.timeout, "RECSYS_BOOK_TIMEOUT", 900)
    if options.action == "check":
        from recsys_book.commands.check import check

        return check(options.chapters, jobs=jobs, timeout=limit)
    from recsys_book.commands.refresh import refresh

    return refresh(options.chapters, jobs=jobs, timeout=limit)


def number(given: float | None, variable: str, default: float) -> float:
    """Return a number from an option, else from the environment, else the default.

    Args:
        given: The option's value, ``None`` if it was not given.
        variable: The environment variable that stands in for it.
        default: The value without either.

    Returns:
        A number of at least 1.

    Raises:
        ValueError: If it is no number of at least 1.
    """
    text = os.environ.get(variable, "").strip() if given is None else str(given)
    try:
        value = float(text) if text else float(default)
        if not value >= 1:
            raise ValueError
    except ValueError:
        where = variable if given is None else f"--{variable.rpartition('_')[2].lower()}"
        raise ValueError(f"{where} is {text!r}: give a number of at least 1.") from None
    return value


if __name__ == "__main__":
    sys.exit(main())
