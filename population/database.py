"""Opening a run's SQLite file, and telling SQLite's errors in words. Must not know tables or rows.

Only this file and the schema import a database library.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlite_utils import Database

from population import schema
from population.errors import StoreError

Parameters = Mapping[str, Any] | tuple[Any, ...]

WAIT_SECONDS = 20.0
"""How long a connection waits for another's lock before it gives up."""


class Connection:
    """An open database whose every failure is a `StoreError`.

    Attributes:
        path: The file.
    """

    def __init__(self, path: Path, db: Database) -> None:
        self.path = path
        self._db = db

    def execute(self, sql: str, parameters: Parameters = ()) -> None:
        """Runs a statement that answers nothing."""
        with _translated(self.path):
            self._db.conn.execute(sql, parameters)

    def execute_each(self, sql: str, rows: Iterable[tuple[Any, ...]]) -> None:
        """Runs a statement once for each row of parameters."""
        with _translated(self.path):
            self._db.conn.executemany(sql, rows)

    def rows(self, sql: str, parameters: Parameters = ()) -> Iterator[tuple[Any, ...]]:
        """Streams a query's rows."""
        with _translated(self.path):
            yield from self._db.conn.execute(sql, parameters)

    def one(self, sql: str, parameters: Parameters = ()) -> tuple[Any, ...] | None:
        """The first row of a query."""
        return next(self.rows(sql, parameters), None)

    def close(self) -> None:
        """Closes the file; safe to call twice."""
        with _translated(self.path):
            self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """One transaction for writing; any exception undoes it. Inside another it joins the outer one."""
        if self._db.conn.in_transaction:
            yield
            return
        self.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.execute("COMMIT")
        except BaseException:
            self._roll_back()
            raise

    def _roll_back(self) -> None:
        if self._db.conn.in_transaction:  # a full disk may have ended it already
            self.execute("ROLLBACK")


def create(path: Path) -> Connection:
    """Makes a new database with this version's tables and opens it for writing.

    Raises:
        StoreError: The folder is missing or cannot be written, or the disk is full.
    """
    with _translated(path):
        db = _database(sqlite3.connect(path, isolation_level=None, timeout=WAIT_SECONDS))
        with _closed_on_error(db):
            schema.migrate(db)
            _tune(db)
    return Connection(path, db)


def open_writer(path: Path) -> Connection:
    """Opens a database for writing and brings it to this version's schema.

    Raises:
        StoreError: Missing, not a database, corrupt, not a run, of a newer schema, or not writable.
    """
    _check_header(path)
    with _translated(path):
        db = _connect(path, "mode=rw")
        with _closed_on_error(db):
            schema.check(db, path, pending=True)
            _try_to_write(db)
            schema.migrate(db)
            _tune(db)
    return Connection(path, db)


def open_reader(path: Path) -> Connection:
    """Opens a database for reading only; a writer may be at work.

    SQLite wants the files `-wal` and `-shm` beside a database in WAL mode. Where they are missing and the
    folder cannot be written, no writer is there to coordinate with: a database without a log is read as it
    stands, one with a log (left by a killed writer) from a temporary copy of both, because SQLite would leave
    the log's rows out.

    Raises:
        StoreError: Missing, not a database, corrupt, not a run, or of another schema.
    """
    _check_header(path)
    with _translated(path):
        try:
            db = _connect(path, "mode=ro")
        except sqlite3.OperationalError as error:
            if not error.sqlite_errorname.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY")):
                raise
            log = log_of(path)
            if log.exists() and log.stat().st_size:
                db = _connect_to_copy(path, log)
            else:
                db = _connect(path, "mode=ro&immutable=1")
        with _closed_on_error(db):
            db.execute("PRAGMA query_only = on")
            schema.check(db, path, pending=False)
    return Connection(path, db)


def log_of(path: Path) -> Path:
    """The write-ahead log of a database."""
    return path.with_name(path.name + "-wal")


def clear_leftovers(path: Path) -> None:
    """Removes logs whose database is gone: SQLite would replay them into a new one of that name."""
    for suffix in ("-wal", "-shm", "-journal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _connect(path: Path, query: str) -> Database:
    """Connects and reads once, so that what cannot be read fails here."""
    uri = f"file:{quote(str(path.absolute()))}?{query}"
    db = _database(sqlite3.connect(uri, uri=True, isolation_level=None, timeout=WAIT_SECONDS))
    with _closed_on_error(db):
        db.conn.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return db


def _connect_to_copy(path: Path, log: Path) -> Database:
    """Reads a copy of database and log; its files lose their names at once, the connection keeps them."""
    with tempfile.TemporaryDirectory(prefix="evolve-read-") as folder:
        copy = Path(folder) / path.name
        shutil.copyfile(path, copy)
        shutil.copyfile(log, log_of(copy))
        return _connect(copy, "mode=rw")


def _database(connection: sqlite3.Connection) -> Database:
    return Database(connection, execute_plugins=False)


@contextmanager
def _closed_on_error(db: Database) -> Iterator[None]:
    try:
        yield
    except BaseException:
        db.close()
        raise


def _tune(db: Database) -> None:
    """One sync per checkpoint, none per commit: a kill loses nothing, a power cut maybe the last commits."""
    db.conn.execute("PRAGMA journal_mode = WAL").fetchone()
    db.conn.execute("PRAGMA synchronous = NORMAL")
    db.conn.execute("PRAGMA foreign_keys = ON")


def _try_to_write(db: Database) -> None:
    """Fails where nothing can be written; SQLite opens such a file for reading and says nothing."""
    db.conn.execute("BEGIN IMMEDIATE")
    try:
        db.conn.execute("PRAGMA user_version = 0")
    finally:
        db.conn.execute("ROLLBACK")


def _check_header(path: Path) -> None:
    """Tells apart what SQLite would call by one name: missing, unreadable, empty, something else."""
    try:
        with path.open("rb") as file:
            header = file.read(16)
    except FileNotFoundError:
        raise StoreError(f"No run database at {path}. Start one with `evolve start`, or name another --run.") from None
    except OSError as error:
        raise StoreError(f"Cannot read {path}: {error.strerror}. Check its permissions and path.") from error
    if header != b"SQLite format 3\x00":
        raise StoreError(
            f"{path} is not an SQLite database (it begins with {header!r}). It may have been overwritten or "
            "cut off; restore it from a copy."
        )


_ADVICE = {
    "SQLITE_FULL": "The disk is full: nothing of this commit was kept, all before it was. Free space, then "
    "`evolve resume`.",
    "SQLITE_CORRUPT": "The file is damaged. Restore it from a copy, or save what is readable with "
    "`sqlite3 FILE .recover`.",
    "SQLITE_NOTADB": "The file is damaged or no SQLite database. Restore it from a copy.",
    "SQLITE_BUSY": "Another process holds the database. Wait for it, or end the other writing command.",
    "SQLITE_READONLY": "The file or its folder cannot be written. Check permissions.",
    "SQLITE_CANTOPEN": "The file or its folder cannot be opened. Check that it exists and its permissions.",
    "SQLITE_IOERR": "The disk reported an error. Check the disk and free space, then `evolve resume`.",
    "SQLITE_CONSTRAINT": "A row breaks a rule of the store (append-only, unique ids, digests and trials, "
    "known parents, a value exactly when finished).",
}


def _explain(path: Path, error: sqlite3.Error) -> str:
    name: str = getattr(error, "sqlite_errorname", "")
    advice = next((text for code, text in _ADVICE.items() if name.startswith(code)), "")
    return f"{path}: {error}. {advice}".rstrip()


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    """Turns SQLite's errors into `StoreError`s that say what to do."""
    try:
        yield
    except sqlite3.Error as error:
        raise StoreError(_explain(path, error)) from error
