"""The shape of a run's database and its migrations.

A change of the database is a new function after this file's last migration, never an edit of an old one. This
module must not know what rows mean: that is the store's.
"""

from __future__ import annotations

from pathlib import Path

from sqlite_utils import Database, Migrations

from population.errors import StoreError

APPEND_ONLY = ("runs", "programs", "sources", "parents", "trials", "events")
"""Tables whose rows are never changed nor removed; the database itself refuses to."""

CALLS = ("calls", "replies")
"""The same, of the second version."""

PRUNINGS = ("pruning_trials",)
"""The same, of the fourth version."""

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
    _make_append_only(db, APPEND_ONLY)


def _make_append_only(db: Database, tables: tuple[str, ...]) -> None:
    for table in tables:
        for verb in ("UPDATE", "DELETE"):
            db.execute(
                f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )


@migrations(name="0002_calls")
def _calls(db: Database) -> None:
    """Calls of language models and their replies; what a child's author said about it."""
    statements = (
        "ALTER TABLE programs ADD COLUMN hypothesis TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE programs ADD COLUMN depth TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE programs ADD COLUMN provenance TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE programs ADD COLUMN attempt INTEGER",
        """CREATE TABLE calls (
            id INTEGER PRIMARY KEY, seq INTEGER NOT NULL, elapsed REAL NOT NULL, attempt INTEGER NOT NULL,
            turn INTEGER NOT NULL, island INTEGER NOT NULL, operator TEXT NOT NULL, parents TEXT NOT NULL,
            model TEXT NOT NULL, prompt BLOB NOT NULL, digest TEXT NOT NULL, seen INTEGER NOT NULL,
            cut TEXT NOT NULL, max_tokens INTEGER NOT NULL, most_tokens INTEGER NOT NULL, most_usd REAL)""",
        """CREATE TABLE replies (
            call INTEGER PRIMARY KEY REFERENCES calls(id), seq INTEGER NOT NULL, elapsed REAL NOT NULL,
            outcome TEXT NOT NULL, text BLOB NOT NULL, prompt_tokens INTEGER NOT NULL,
            completion_tokens INTEGER NOT NULL, usd REAL, seconds REAL NOT NULL, tries INTEGER NOT NULL,
            reason TEXT NOT NULL)""",
        "CREATE INDEX calls_by_attempt ON calls (attempt)",
        "CREATE INDEX programs_by_attempt ON programs (attempt) WHERE attempt IS NOT NULL",
    )
    for statement in statements:
        db.execute(statement)
    _make_append_only(db, CALLS)


@migrations(name="0003_forms")
def _forms(db: Database) -> None:
    """What a genome is but for its names, and training curves: what was written before this has none."""
    db.execute("ALTER TABLE trials ADD COLUMN training TEXT NOT NULL DEFAULT '[]'")
    db.execute("ALTER TABLE programs ADD COLUMN form TEXT NOT NULL DEFAULT ''")


@migrations(name="0004_pruning_trials")
def _pruning_trials(db: Database) -> None:
    """Trials of genomes without a part, which are no programs: the search knows nothing of them."""
    statements = (
        """CREATE TABLE pruning_trials (
            id INTEGER PRIMARY KEY, digest TEXT NOT NULL, rung TEXT NOT NULL, rng_seed INTEGER NOT NULL,
            fingerprint TEXT NOT NULL, outcome TEXT NOT NULL, value REAL, reason TEXT NOT NULL,
            cpu_seconds REAL NOT NULL, wall_seconds REAL NOT NULL,
            CHECK ((outcome = 'finished') = (value IS NOT NULL)), CHECK (abs(value) < 1e300))""",
        "CREATE UNIQUE INDEX pruning_trials_once ON pruning_trials (digest, rung, rng_seed, fingerprint)",
    )
    for statement in statements:
        db.execute(statement)
    _make_append_only(db, PRUNINGS)


def known_versions() -> list[str]:
    """Names of the migrations this version knows, oldest first."""
    return [migration.name for migration in migrations._migrations]


def check(db: Database, path: Path, *, pending: bool) -> None:
    """Checks that a database is a run that this version can read.

    Args:
        db: The open database.
        path: Its file, for the message.
        pending: Whether a schema older than this version's will do.

    Raises:
        StoreError: Not a run, of a newer schema, or of an older one that will not do.
    """
    applied = [migration.name for migration in migrations.applied(db)]
    known = known_versions()
    if not applied:
        raise StoreError(f"{path} is an SQLite database, but not a run of evolve. Name the run's folder with --run.")
    unknown = [name for name in applied if name not in known]
    if unknown:
        raise StoreError(
            f"{path} was written by a newer version of evolve (schema {unknown[-1]}; this version knows "
            f"up to {known[-1]}). Update evolve to read it."
        )
    if not pending and applied != known:
        raise StoreError(
            f"{path} was written by an older version of evolve (schema {applied[-1]}; this one "
            f"reads {known[-1]}). `evolve resume` brings it up to date, then read it again."
        )


def migrate(db: Database) -> None:
    """Brings a database to this version's schema, one transaction a migration."""
    migrations.apply(db)
