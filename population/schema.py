"""The shape of a run's database, its migrations, and how a connection to it is opened.

A change of the database is a new function after this file's last migration, never an edit of an old one. This
module must not know what rows mean: that is the store's.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from sqlite_utils import Database, Migrations

from population.errors import StoreError

APPEND_ONLY = ("runs", "programs", "sources", "parents", "trials", "events")
"""Tables whose rows are never changed nor removed; the database itself refuses to."""

WAIT_SECONDS = 20.0
"""How long a connection waits for another's lock before it gives up."""

migrations = Migrations("evolve")


@migrations(name="0001_tables")
def _tables(db: Database) -> None:
    """The tables of a run.

    The text of a genome has a table of its own, so that a listing of 100,000 programs reads no text.
    """
    statements = (
        "CREATE TABLE runs (id INTEGER PRIMARY KEY, config TEXT NOT NULL)",
        """CREATE TABLE programs (
            id INTEGER PRIMARY KEY, seq INTEGER NOT NULL, elapsed REAL NOT NULL, digest TEXT NOT NULL UNIQUE,
            name TEXT NOT NULL, operator TEXT NOT NULL, island INTEGER NOT NULL, birth INTEGER UNIQUE,
            component TEXT NOT NULL, note TEXT NOT NULL, moves TEXT NOT NULL)""",
        "CREATE TABLE sources (program INTEGER PRIMARY KEY REFERENCES programs(id), text BLOB NOT NULL)",
        """CREATE TABLE parents (
            program INTEGER NOT NULL REFERENCES programs(id), position INTEGER NOT NULL,
            parent INTEGER NOT NULL REFERENCES programs(id), PRIMARY KEY (program, position),
            CHECK (parent < program)) WITHOUT ROWID""",
        """CREATE TABLE trials (
            id INTEGER PRIMARY KEY, seq INTEGER NOT NULL, elapsed REAL NOT NULL,
            program INTEGER NOT NULL REFERENCES programs(id), rung TEXT NOT NULL, rng_seed INTEGER NOT NULL,
            fingerprint TEXT NOT NULL, outcome TEXT NOT NULL, value REAL, reason TEXT NOT NULL,
            stderr TEXT NOT NULL, cpu_seconds REAL NOT NULL, wall_seconds REAL NOT NULL,
            curve TEXT NOT NULL, measures TEXT NOT NULL,
            CHECK ((outcome = 'finished') = (value IS NOT NULL)), CHECK (abs(value) < 1e300))""",
        """CREATE TABLE events (
            id INTEGER PRIMARY KEY, seq INTEGER NOT NULL, elapsed REAL NOT NULL,
            kind TEXT NOT NULL, data TEXT NOT NULL)""",
        """CREATE TABLE estimates (
            program INTEGER NOT NULL REFERENCES programs(id), rung TEXT NOT NULL, mean REAL NOT NULL,
            sd REAL NOT NULL, low REAL NOT NULL, high REAL NOT NULL, n INTEGER NOT NULL,
            PRIMARY KEY (rung, program)) WITHOUT ROWID""",
        "CREATE INDEX programs_by_island ON programs (island, operator, birth)",
        "CREATE INDEX programs_by_name ON programs (name) WHERE name <> ''",
        "CREATE INDEX parents_by_parent ON parents (parent, program)",
        "CREATE INDEX trials_by_program ON trials (program, rung, outcome)",
        "CREATE INDEX trials_by_rung ON trials (rung, outcome)",
        "CREATE INDEX trials_failed ON trials (program, rung) WHERE outcome NOT IN ('finished', 'lost')",
        """CREATE UNIQUE INDEX trials_once ON trials (program, rung, rng_seed, fingerprint)
            WHERE outcome <> 'lost'""",
        "CREATE INDEX events_by_kind ON events (kind)",
        "CREATE INDEX estimates_by_mean ON estimates (rung, mean, program)",
    )
    for statement in statements:
        db.execute(statement)
    for table in APPEND_ONLY:
        for verb in ("UPDATE", "DELETE"):
            db.execute(
                f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )


def known_versions() -> list[str]:
    """Names of the migrations this version knows, oldest first."""
    return [migration.name for migration in migrations._migrations]


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turns SQLite's errors into `StoreError`s that say what to do."""
    try:
        yield
    except sqlite3.Error as error:
        raise StoreError(_explain(path, error)) from error


def create(path: Path) -> Database:
    """Makes a new database with this version's tables and opens it for writing, in a rollback journal.

    Raises:
        StoreError: The folder is missing or not writable, or the disk is full.
    """
    with translated(path):
        db = _database(sqlite3.connect(path, isolation_level=None, timeout=WAIT_SECONDS))
        migrations.apply(db)
        _tune(db)
    return db


def open_writer(path: Path) -> Database:
    """Opens a database for writing and brings it to this version.

    Raises:
        StoreError: Missing, not a database, corrupt, not one of ours, or of a newer schema.
    """
    _check_header(path)
    with translated(path):
        db = _database(
            sqlite3.connect(_uri(path, "mode=rw"), uri=True, isolation_level=None, timeout=WAIT_SECONDS)
        )
        try:
            _check_version(db, path)
            migrations.apply(db)
            _tune(db)
        except BaseException:
            db.close()
            raise
    return db


def open_reader(path: Path) -> Database:
    """Opens a database for reading only; a writer may be at work.

    SQLite wants the files `-wal` and `-shm` beside a database in WAL mode. Where they are missing and the
    folder cannot be written, no writer is there to coordinate with: a database without a log is read as it
    stands, one with a log (left by a killed writer) from a temporary copy of both, because SQLite would leave
    the log's rows out.

    Raises:
        StoreError: As `open_writer`, or of an older schema.
    """
    _check_header(path)
    with translated(path):
        try:
            db = _reader(path, "mode=ro")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorname not in (
                "SQLITE_CANTOPEN",
                "SQLITE_READONLY_CANTINIT",
                "SQLITE_READONLY",
            ):
                raise
            log = log_of(path)
            if log.exists() and log.stat().st_size:
                db = _copied_reader(path, log)
            else:
                db = _reader(path, "mode=ro&immutable=1")
        try:
            _check_version(db, path)
            if migrations.pending(db):
                raise StoreError(
                    f"{path} was written by an older version of evolve; this one reads schema "
                    f"{known_versions()[-1]}. `evolve resume` brings it up to date, then read it again."
                )
        except BaseException:
            db.close()
            raise
    return db


def _database(connection: sqlite3.Connection) -> Database:
    return Database(connection, execute_plugins=False)


def _uri(path: Path, query: str) -> str:
    return f"file:{quote(str(path.absolute()))}?{query}"


def log_of(path: Path) -> Path:
    """The write-ahead log of a database."""
    return path.with_name(path.name + "-wal")


def _reader(path: Path, query: str) -> Database:
    connection = sqlite3.connect(_uri(path, query), uri=True, isolation_level=None, timeout=WAIT_SECONDS)
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        connection.execute("PRAGMA query_only = on")
    except BaseException:
        connection.close()
        raise
    return _database(connection)


def _copied_reader(path: Path, log: Path) -> Database:
    """Reads a copy of database and log; its files lose their names at once, the connection keeps them."""
    with tempfile.TemporaryDirectory(prefix="evolve-read-") as folder:
        copy = Path(folder) / path.name
        for original, target in ((path, copy), (log, log_of(copy))):
            shutil.copyfile(original, target)
        db = _reader(copy, "mode=rw")
        db.conn.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return db


def _tune(db: Database) -> None:
    """One sync per checkpoint, none per commit: a kill loses nothing, a power cut maybe the last commits."""
    db.execute("PRAGMA journal_mode = WAL").fetchone()
    db.execute("PRAGMA synchronous = NORMAL")
    db.execute("PRAGMA foreign_keys = ON")


def _check_header(path: Path) -> None:
    """Tells apart what SQLite would call by one name: missing, unreadable, empty, something else."""
    try:
        with path.open("rb") as file:
            header = file.read(16)
    except FileNotFoundError:
        raise StoreError(
            f"No run database at {path}. Start one with `evolve start`, or name another --run."
        ) from None
    except OSError as error:
        raise StoreError(f"Cannot read {path}: {error.strerror}. Check its permissions and path.") from error
    if header != b"SQLite format 3\x00":
        raise StoreError(
            f"{path} is not an SQLite database (it begins with {header!r}). It may have been overwritten or "
            "cut off; restore it from a copy."
        )


def _check_version(db: Database, path: Path) -> None:
    applied = [migration.name for migration in migrations.applied(db)]
    known = known_versions()
    if not applied:
        raise StoreError(
            f"{path} is an SQLite database, but not a run of evolve. Name the run's folder with --run."
        )
    unknown = [name for name in applied if name not in known]
    if unknown:
        raise StoreError(
            f"{path} was written by a newer version of evolve (schema {unknown[-1]}; this version knows "
            f"up to {known[-1]}). Update evolve to read it."
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
