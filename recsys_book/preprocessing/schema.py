"""A schema for event logs: what a row must look like, written once and checked by pandera."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from recsys_book.preprocessing.cleaning import Report, remove_rows, require_columns

if TYPE_CHECKING:
    import pandera.pandas as pa

# What to do about a failed check, by the check's own words.
_REMEDIES = {
    "is missing": "drop the row with drop_missing, or repair the source",
    "is not a number": "repair the source, or convert the column with pd.to_numeric",
    "is not a known event": "correct the name, or add it to `events`",
    "occurs twice": "drop the copy with drop_technical_duplicates(event_id=...)",
}


def event_log_schema(
    *,
    value_range: tuple[float, float] | None = None,
    events: Sequence[str] | None = None,
    required: Sequence[str] = ("user", "item", "timestamp"),
    event_id: str | None = None,
) -> pa.DataFrameSchema:
    """Build the pandera schema of an event log.

    Ids must be present; ``value`` and ``timestamp`` must be numbers, times not negative. Columns
    that are not named here may hold anything.

    Args:
        value_range: Least and greatest allowed ``value``; None allows any number.
        events: Allowed names in ``event``; None allows any.
        required: Columns that must exist.
        event_id: Column whose entries must be unique, if the log has one.

    Returns:
        A ``pandera.DataFrameSchema``.
    """
    import pandera.pandas as pa  # a second of imports, so only for those who validate

    number = pa.Check(lambda s: s.isna() | _number(s).notna(), error="is not a number")
    checks: dict[str, list[pa.Check]] = {"user": [], "item": [], "value": [number]}
    if value_range is not None:
        low, high = value_range
        within = pa.Check(
            lambda s: ~(_number(s) < low) & ~(_number(s) > high),
            error=f"is outside {low:g} to {high:g}",
        )
        checks["value"].append(within)
    past = pa.Check(lambda s: ~(_number(s) < 0), error="is negative")
    checks["timestamp"] = [number, past]
    if events is not None:
        known = list(events)
        checks["event"] = [pa.Check(lambda s: s.isin(known), error="is not a known event")]
    if event_id is not None:
        checks[event_id] = [pa.Check(lambda s: ~s.duplicated(), error="occurs twice")]
    columns = {
        name: pa.Column(checks=tests, nullable=False, required=name in (*required, event_id))
        for name, tests in checks.items()
    }
    return pa.DataFrameSchema(columns)


def _number(series: pd.Series) -> pd.Series:
    return pd.to_numeric(series, errors="coerce")


def schema_failures(log: pd.DataFrame, schema: pa.DataFrameSchema) -> pd.DataFrame:
    """List every violation of a schema.

    Args:
        log: Event log.
        schema: What it must look like, from ``event_log_schema`` or your own.

    Returns:
        One row a violation, in the order of the log: ``row`` (label; missing if the whole column
        is at fault), ``column``, ``value``, ``problem``.
    """
    import pandera.pandas as pa

    require_columns(log, [])
    try:
        schema.validate(log, lazy=True)
    except pa.errors.SchemaErrors as error:
        cases = error.failure_cases
    else:
        return pd.DataFrame({"row": [], "column": [], "value": [], "problem": []}, dtype=object)
    absent = (cases["check"] == "column_in_dataframe").to_numpy()
    problem = cases["check"].astype(object).replace("not_nullable", "is missing")
    problem = problem.where(~absent, "is absent")
    failures = pd.DataFrame(
        {
            "row": cases["index"].astype(object),
            "column": cases["column"].where(~absent, cases["failure_case"]).astype(object),
            "value": cases["failure_case"].astype(object),
            "problem": problem,
        }
    )
    position = {label: place for place, label in enumerate(log.index)}
    order = failures["row"].map(lambda label: position.get(label, -1)).to_numpy()
    return failures.iloc[np.argsort(order, kind="stable")].reset_index(drop=True)


def validate_log(log: pd.DataFrame, schema: pa.DataFrameSchema) -> pd.DataFrame:
    """Return the log if it satisfies the schema, and fail loudly if it does not.

    Args:
        log: Event log.
        schema: What it must look like.

    Returns:
        The same log, so that the call can stand in a chain.

    Raises:
        ValueError: On the first violation, in one sentence that names the column, the row, the
            value and a remedy, and says how many more there are.
    """
    failures = schema_failures(log, schema)
    if len(failures) == 0:
        return log
    first = failures.iloc[0]
    more = f" ({len(failures) - 1:,} more)" if len(failures) > 1 else ""
    if first["problem"] == "is absent":
        raise ValueError(
            f"Column '{first['column']}' is absent{more}; rename a column of the log "
            f"({', '.join(map(str, log.columns))}) or leave it out of `required`."
        )
    remedy = _REMEDIES.get(first["problem"], "correct it, or drop such rows with drop_invalid")
    problem = first["problem"]
    if problem != "is missing":
        problem = f"the value {first['value']!r} {problem}"
    else:
        problem = "the value is missing"
    raise ValueError(
        f"Column '{first['column']}', row {first['row']!r}: {problem}{more}; {remedy}."
    )


def drop_invalid(log: pd.DataFrame, schema: pa.DataFrameSchema) -> tuple[pd.DataFrame, Report]:
    """Remove the rows that violate a schema.

    Args:
        log: Event log.
        schema: What a row must look like.

    Returns:
        The valid rows, and the report with the first violation of each removed row.

    Raises:
        ValueError: If a whole column is at fault, which no dropping of rows can mend.
    """
    failures = schema_failures(log, schema)
    if (failures["problem"] == "is absent").any() or failures["row"].isna().any():
        validate_log(log, schema)
    first = failures.drop_duplicates("row").set_index("row")
    reason = (first["column"] + " " + first["problem"]).reindex(log.index)
    return remove_rows(log, reason.notna().to_numpy(), "schema", reason.to_numpy(dtype=object))
