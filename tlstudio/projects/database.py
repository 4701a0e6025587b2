"""Owns how an SQLite file is used that may come from anybody: it holds our tables and nothing that
acts by itself, and no question to it takes for ever."""

from __future__ import annotations

import itertools
import sqlite3
import sys

_STEPS = 1_000_000
MOST_STEPS = 5_000_000_000
"""For about a minute of one connection, far more than any project needs."""
_LONGEST = 100_000_000
"""Bytes of a text or a row."""

Part = tuple[str, str, str, str]
"""Kind, name, table and statement of something in a database."""


def tighten(database: sqlite3.Connection, steps: int = MOST_STEPS) -> None:
    """From now on functions that reach beyond the database are of no use to what it holds, and work
    that takes more than `steps` of SQLite's machine is interrupted (`sqlite3.OperationalError`)."""
    database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST)
    database.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    if sys.version_info >= (3, 12):
        database.setconfig(sqlite3.SQLITE_DBCONFIG_DEFENSIVE, True)
    worked = itertools.count(_STEPS, _STEPS)
    database.set_progress_handler(lambda: next(worked) > steps, _STEPS)
    database.execute("PRAGMA trusted_schema = OFF")
    database.execute("PRAGMA cell_size_check = ON")


def parts_of(database: sqlite3.Connection) -> frozenset[Part]:
    """Tables, indexes, views and triggers, with the statements that made them."""
    rows = database.execute("SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_schema")
    return frozenset(
        (str(kind), str(name), str(table), " ".join(str(statement).split()))
        for kind, name, table, statement in rows
        if not str(name).startswith("sqlite_stat")
    )


def damage_in(database: sqlite3.Connection) -> str:
    """What is wrong with the file as a whole, or with a value that is of another kind than its
    column: SQLite keeps whatever it is given. Empty where all is sound."""
    (found,) = database.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        return str(found)
    tables = database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
    for (table,) in tables:
        columns = database.execute(
            'SELECT name, type, "notnull" OR pk FROM pragma_table_info(?)', (table,)
        )
        tests = [_mistyped(name, kind, bool(needed)) for name, kind, needed in columns]
        odd = database.execute(f"SELECT 1 FROM {table} WHERE {' OR '.join(tests)} LIMIT 1")  # noqa: S608
        if odd.fetchone():
            return f"{table} holds values of the wrong kind"
    return ""


def _mistyped(column: str, kind: str, needed: bool) -> str:
    kinds = f"'{kind.lower()}'" if needed else f"'{kind.lower()}', 'null'"
    return f"typeof({column}) NOT IN ({kinds})"
