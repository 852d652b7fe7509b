"""The store: what goes in comes out, nothing is changed afterwards, and nothing acknowledged is lost."""

import json
import math
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from population import database, queries, schema
from population.rows import EstimateRow, EventRow, Move, ProgramRow, TrialRow
from population.store import Listed, Store, StoreError, UnknownProgramError

ROOT = Path(__file__).resolve().parents[2]


def program(id: int, parents: tuple[int, ...] = (), **fields) -> ProgramRow:
    defaults = {
        "digest": f"{id * 0x9E3779B97F4A7C15 % 2**64:016x}",
        "source": f"x = {id}\n",
        "operator": "perturb" if parents else "seed",
        "island": 0,
        "birth": id if parents else None,
        "parents": parents,
    }
    return ProgramRow(id=id, **{**defaults, **fields})


def trial(id: int, program: int = 1, outcome: str = "finished", **fields) -> TrialRow:
    value = 2.5 if outcome == "finished" else None
    defaults = {"rung": "proxy", "rng_seed": id, "fingerprint": "f", "value": value}
    return TrialRow(id=id, program=program, outcome=outcome, **{**defaults, **fields})


def estimate(program: int, mean: float, rung: str = "proxy", n: int = 2) -> EstimateRow:
    return EstimateRow(program, rung, mean, 0.1, mean - 0.2, mean + 0.2, n)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.db"


@pytest.fixture
def store(path: Path):
    with Store.create(path, {"islands": 4}) as store:
        yield store


@pytest.fixture(scope="module")
def empty(tmp_path_factory) -> Path:
    """A run without rows, to be copied: quicker than making one."""
    path = tmp_path_factory.mktemp("empty") / "run.db"
    Store.create(path, {}).close()
    return path


# What goes in comes out

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
number = st.floats(allow_nan=False)
whole = st.integers(-(2**62), 2**62)
json_data = st.recursive(st.none() | st.booleans() | whole | number | text, lambda inner: st.lists(inner, max_size=3))
moves = st.lists(st.builds(Move, component=text, old=whole | number, new=whole | number), max_size=3).map(tuple)
programs = st.builds(
    program,
    st.just(2),
    parents=st.sampled_from([(), (1,)]),
    digest=text,
    source=st.text(max_size=200),
    operator=text,
    island=whole,
    birth=st.none() | whole,
    component=text,
    note=text,
    moves=moves,
    name=text,
    elapsed=number,
    seq=whole,
)
trials = st.builds(
    trial,
    st.integers(1, 2**62),
    rung=text,
    rng_seed=whole,
    fingerprint=text,
    value=st.floats(-1e299, 1e299),
    reason=text,
    stderr=text,
    cpu_seconds=number,
    wall_seconds=number,
    curve=st.lists(st.tuples(whole, number), max_size=5).map(tuple),
    measures=st.dictionaries(text, number | text, max_size=3),
    elapsed=number,
    seq=whole,
)
events = st.builds(
    EventRow, whole, kind=text, data=st.dictionaries(text, json_data, max_size=3), elapsed=number, seq=whole
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(program=programs, trial=trials, event=events)
def test_rows_come_back_as_they_went_in(empty, program, trial, event):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(shutil.copy(empty, folder))
        with Store.open(path, write=True) as store:
            store.append_program(ProgramRow(1, "the first", "", "seed", 0, None))
            store.append_program(program)
            store.append_trial(trial)
            store.append_event(event)
        with Store.open(path) as store:
            assert store.program(2) == program
            assert list(store.programs())[1] == program
            assert list(store.trials()) == [trial]
            assert list(store.events()) == [event]


def test_the_run_comes_back(path):
    config = {"islands": 4, "rungs": {"proxy": [1, 2]}, "note": "Grüße"}
    Store.create(path, config).close()
    with Store.open(path) as store:
        assert store.run == config


def test_parents_keep_their_order(store):
    for id in (1, 2, 3):
        store.append_program(program(id))
    store.append_program(program(4, parents=(3, 1, 2)))
    assert store.program(4).parents == (3, 1, 2)
    assert [row.parents for row in store.listing(order="id")][3] == (3, 1, 2)


def test_curves_keep_losses_that_are_not_finite(store):
    store.append_program(program(1))
    store.append_trial(trial(1, outcome="diverged", curve=((0, 5.5), (10, math.inf), (20, math.nan))))
    (row,) = store.trials()
    assert row.curve[1] == (10, math.inf)
    assert math.isnan(row.curve[2][1])


def test_a_candidate_may_print_what_has_no_encoding(store):
    store.append_program(program(1))
    store.append_trial(trial(1, outcome="crashed", stderr="bad \udc80 byte", reason="\ud800"))
    (row,) = store.trials()
    assert (row.stderr, row.reason) == ("bad ? byte", "?")


def test_rows_can_be_asked_for_by_program_kind_and_rung(store):
    for id in (1, 2):
        store.append_program(program(id))
        store.append_trial(trial(2 * id, id))
        store.append_trial(trial(2 * id + 1, id))
        store.append_event(EventRow(id, f"kind {id}", {}))
    store.put_estimates([estimate(1, 2.0), estimate(1, 1.9, "confirm"), estimate(2, 2.1)])
    assert [row.id for row in store.trials(2)] == [4, 5]
    assert [row.id for row in store.events("kind 2")] == [2]
    assert [row.program for row in store.estimates("proxy")] == [1, 2]
    assert [row.rung for row in store.estimates(program=1)] == ["confirm", "proxy"]


def test_estimates_are_overwritten(store):
    store.append_program(program(1))
    store.put_estimates([estimate(1, 2.0)])
    store.put_estimates([estimate(1, 1.5, n=3)])
    assert list(store.estimates()) == [estimate(1, 1.5, n=3)]


# What must not go in


@pytest.mark.parametrize("table", schema.APPEND_ONLY)
@pytest.mark.parametrize("change", ["UPDATE {} SET rowid = rowid + 9", "DELETE FROM {}"])
def test_tables_are_append_only(path, table, change):
    with Store.create(path, {}) as store:
        store.append_program(program(1))
        store.append_program(program(2, parents=(1,)))
        store.append_trial(trial(1))
        store.append_event(EventRow(1, "session", {}))
    column = {"parents": "position", "sources": "program"}.get(table, "id")
    with sqlite3.connect(path) as connection, pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute(change.format(table).replace("rowid", column))
    connection.close()


@pytest.mark.parametrize(
    "row",
    [
        trial(2, value=None),
        trial(2, value=math.nan),
        trial(2, value=math.inf),
        trial(2, outcome="crashed", value=2.5),
        trial(2, outcome="lost", value=0.0),
        trial(2, program=7),
        trial(1, rng_seed=9),
        trial(2, rng_seed=1),
        trial(2, rng_seed=1, outcome="crashed"),
    ],
)
def test_trials_that_cannot_be_are_refused(store, row):
    store.append_program(program(1))
    store.append_trial(trial(1))
    with pytest.raises(StoreError, match="breaks a rule"):
        store.append_trial(row)
    assert [kept.id for kept in store.trials()] == [1]


def test_a_lost_trial_may_be_run_again(store):
    store.append_program(program(1))
    for id, outcome in ((1, "lost"), (2, "lost"), (3, "finished")):
        store.append_trial(trial(id, outcome=outcome, rng_seed=5))
    assert len(list(store.trials(1))) == 3


@pytest.mark.parametrize(
    "row",
    [
        program(1, digest="other"),
        program(3, digest=program(1).digest),
        program(3, parents=(9,)),
        program(3, parents=(3,)),
        program(3, parents=(1,), birth=2),
    ],
)
def test_programs_that_cannot_be_leave_no_trace(store, row):
    store.append_program(program(1))
    store.append_program(program(2, parents=(1,)))
    with pytest.raises(StoreError, match="breaks a rule"):
        store.append_program(row)
    assert [kept.id for kept in store.programs()] == [1, 2]


def test_an_estimate_is_a_number(store):
    store.append_program(program(1))
    with pytest.raises(StoreError):
        store.put_estimates([estimate(1, math.nan)])


def test_a_reader_cannot_write(path, store):
    with Store.open(path) as reader, pytest.raises(StoreError, match="readonly"):
        reader.append_event(EventRow(1, "session", {}))


# One commit


def test_a_commit_keeps_all_or_nothing(store):
    def interrupted():
        with store.commit():
            store.append_program(program(1))
            store.append_trial(trial(1))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(store.programs()) == []
    with store.commit():
        store.append_program(program(1))
        with store.commit():
            store.append_trial(trial(1))
    assert len(list(store.trials())) == 1


def test_a_reader_sees_commits_as_they_come(path, store):
    with Store.open(path) as reader:
        assert reader.summary().programs == 0
        with store.commit():
            store.append_program(program(1))
            assert reader.summary().programs == 0
        assert reader.summary().programs == 1
        rows = reader.programs()
        next(rows)
        store.append_program(program(2))
        assert [row.id for row in rows] == []


def test_a_full_disk_says_so_and_keeps_what_was_committed(path, store):
    store.append_program(program(1))
    store._connection.execute("PRAGMA max_page_count = 40")
    big = "".join(map(chr, range(20_000, 40_000)))

    def fill():
        with store.commit():
            for id in range(2, 50):
                store.append_program(program(id, source=big + str(id)))

    with pytest.raises(StoreError, match=r"disk is full.*Free space"):
        fill()
    store._connection.execute("PRAGMA max_page_count = 100000")
    store.append_program(program(2))
    with Store.open(path) as reader:
        assert [row.id for row in reader.programs()] == [1, 2]


WRITER = """
import sys
from pathlib import Path
from population.rows import EstimateRow, ProgramRow, TrialRow
from population.store import Store
store = Store.open(Path(sys.argv[1]), write=True)
first = store.summary().programs + 1
for id in range(first, first + 100_000):
    with store.commit():
        parents = (id - 1,) if id > 1 else ()
        store.append_program(ProgramRow(id, str(id), "x" * 3000, "perturb", 0, id, parents))
        store.append_trial(TrialRow(id, id, "proxy", 0, "f", "finished", 2.0))
        store.put_estimates([EstimateRow(id, "proxy", 2.0, 0.1, 1.8, 2.2, 1)])
    print(id, flush=True)
"""


def test_a_kill_loses_nothing_acknowledged(path):
    Store.create(path, {}).close()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    for lines in (3, 150, 40):
        command = [sys.executable, "-c", WRITER, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as writer:
            acknowledged = [int(writer.stdout.readline()) for _ in range(lines)]
            writer.send_signal(signal.SIGKILL)
            acknowledged += [int(line) for line in writer.stdout.read().split()]
        with Store.open(path) as store:
            kept = [row.id for row in store.programs()]
            assert kept == list(range(1, kept[-1] + 1))
            assert acknowledged[-1] <= kept[-1]
            assert [row.program for row in store.trials()] == kept
            assert [row.program for row in store.estimates()] == kept
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()


# Opening


def test_what_exists_is_not_overwritten(path, store):
    with pytest.raises(StoreError, match="exists already"):
        Store.create(path, {})


def test_creation_clears_what_a_killed_one_left(path):
    with Store.create(path, {"run": "first"}) as store:
        store.append_program(program(1))
        shutil.copy(database.log_of(path), path.with_name("log"))
    path.rename(path.with_name("run.db.new"))
    path.with_name("log").rename(database.log_of(path))
    with Store.create(path, {"run": "second"}) as store:
        assert store.run == {"run": "second"}
        assert list(store.programs()) == []
    assert sorted(file.name for file in path.parent.iterdir()) == ["run.db"]


def test_creation_in_a_missing_folder_says_so(tmp_path):
    with pytest.raises(StoreError, match="Check that it exists"):
        Store.create(tmp_path / "nowhere" / "run.db", {})


@pytest.mark.parametrize("write", [False, True])
class TestRefusals:
    def test_missing(self, path, write):
        with pytest.raises(StoreError, match="No run database at"):
            Store.open(path, write=write)
        assert not path.exists()

    def test_a_folder(self, tmp_path, write):
        with pytest.raises(StoreError, match="Cannot read"):
            Store.open(tmp_path, write=write)

    @pytest.mark.parametrize("content", [b"", b"{}", b"SQLite format 2\x00" + b"\x00" * 4096])
    def test_no_database(self, path, write, content):
        path.write_bytes(content)
        with pytest.raises(StoreError, match="not an SQLite database"):
            Store.open(path, write=write)

    def test_damaged(self, path, write):
        Store.create(path, {}).close()
        path.write_bytes(path.read_bytes()[:16] + b"\xff" * 30_000)
        with pytest.raises(StoreError, match="Restore it from a copy"):
            Store.open(path, write=write)

    def test_cut_off(self, path, write):
        with Store.create(path, {}) as store:
            for id in range(1, 50):
                store.append_program(program(id, source=str(list(range(id, id + 900)))))
        path.write_bytes(path.read_bytes()[: 4096 * 8])
        with pytest.raises(StoreError, match=r"malformed|disk image"), Store.open(path, write=write) as store:
            list(store.programs())

    def test_another_programs_database(self, path, write):
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE runs (id INTEGER)")
        connection.close()
        with pytest.raises(StoreError, match="not a run of evolve"):
            Store.open(path, write=write)

    def test_a_newer_schema(self, path, write, monkeypatch):
        newer = schema.Migrations("evolve")
        newer._migrations = [*schema.migrations._migrations]
        newer(name="0999_from_the_future")(lambda db: db.execute("CREATE TABLE future (id INTEGER)"))
        with monkeypatch.context() as patch:
            patch.setattr(schema, "migrations", newer)
            Store.create(path, {}).close()
        before = path.read_bytes()
        with pytest.raises(StoreError, match=r"newer version of evolve \(schema 0999_from_the_future"):
            Store.open(path, write=write)
        assert path.read_bytes() == before


def test_an_older_schema_is_brought_up_by_a_writer_only(path, monkeypatch):
    Store.create(path, {"islands": 2}).close()
    newer = schema.Migrations("evolve")
    newer._migrations = [*schema.migrations._migrations]
    newer(name="0002_more")(lambda db: db.execute("CREATE TABLE more (id INTEGER)"))
    monkeypatch.setattr(schema, "migrations", newer)
    with pytest.raises(StoreError, match=r"older version.*evolve resume"):
        Store.open(path)
    with Store.open(path, write=True) as store:
        assert store.run == {"islands": 2}
    Store.open(path).close()


@pytest.fixture
def unprivileged():
    """Root may write everywhere: become nobody for a while."""
    if os.geteuid() != 0:
        yield lambda: None
        return
    yield lambda: os.seteuid(65534)
    os.seteuid(0)


@pytest.fixture
def public_folder():
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


@pytest.mark.parametrize("log", ["none", "with index", "without index"])
def test_a_read_only_folder_can_be_read(public_folder, unprivileged, log):
    path = public_folder / "run.db"
    store = Store.create(path, {})
    store.append_program(program(1))
    copies = {file: file.read_bytes() for file in public_folder.iterdir()}
    store.close()
    if log != "none":  # what a killed writer leaves
        for file, content in copies.items():
            if log == "with index" or not file.name.endswith("-shm"):
                file.write_bytes(content)
    for file in public_folder.iterdir():
        file.chmod(0o444)
    public_folder.chmod(0o555)
    unprivileged()
    with Store.open(path) as reader:
        assert [row.id for row in reader.programs()] == [1]
        assert reader.summary().programs == 1
    with pytest.raises(StoreError, match=r"readonly.*Check permissions|cannot be opened"):
        Store.open(path, write=True)


def test_an_unreadable_file_says_so(public_folder, unprivileged):
    path = public_folder / "run.db"
    Store.create(path, {}).close()
    path.chmod(0)
    unprivileged()
    with pytest.raises(StoreError, match="Permission denied"):
        Store.open(path)


# Finding programs


@pytest.fixture
def named(store):
    for id, name, digest in (
        (1, "adamw", "abc111"),
        (2, "muon", "abc222"),
        (3, "soap", "17aaaa"),
        (4, "12", "ffff"),
    ):
        store.append_program(program(id, name=name, digest=digest))
    for id in range(5, 18):
        store.append_program(program(id, parents=(1,), digest=f"d{id:04d}"))
    return store


@pytest.mark.parametrize(
    ("asked", "id"),
    [("17", 17), (" 3 ", 3), ("muon", 2), ("abc1", 1), ("ABC1", 1), ("17a", 3), ("12", 12), ("d0009", 9)],
)
def test_a_program_goes_by_id_name_or_digest(named, asked, id):
    assert named.resolve(asked) == id


@pytest.mark.parametrize(
    ("asked", "near"),
    [
        ("moun", "muon"),
        ("18", "17"),
        ("abc", "1"),
        ("abc999", "1"),
        ("adam", "adamw"),
        ("9" * 30, None),
        ("", None),
    ],
)
def test_an_unknown_program_is_told_near_matches(named, asked, near):
    with pytest.raises(UnknownProgramError) as caught:
        named.resolve(asked)
    assert caught.value.asked == asked
    if near:
        assert near in caught.value.near
        assert near in str(caught.value)


def test_names_that_several_programs_share_are_not_guessed(named):
    named.append_program(program(18, name="muon"))
    with pytest.raises(UnknownProgramError, match="more than one program: 2, 18"):
        named.resolve("muon")


def test_programs_by_id_and_digest(named):
    assert named.by_digest("abc222") == named.program(2)
    assert named.by_digest("abc2") is None
    with pytest.raises(UnknownProgramError, match="from 1 to 17"):
        named.program(99)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_ancestors_and_descendants_agree_with_a_plain_walk(empty, data):
    parents: dict[int, tuple[int, ...]] = {1: ()}
    for id in range(2, 16):
        chosen = data.draw(st.lists(st.integers(1, id - 1), unique=True, max_size=3))
        parents[id] = tuple(chosen)
    ancestors: dict[int, set[int]] = {}
    for id, above in parents.items():
        ancestors[id] = set(above).union(*(ancestors[parent] for parent in above))
    with (
        tempfile.TemporaryDirectory() as folder,
        Store.open(Path(shutil.copy(empty, folder)), write=True) as store,
    ):
        for id, above in parents.items():
            store.append_program(program(id, parents=above))
        for id in parents:
            assert store.ancestors(id) == sorted(ancestors[id])
            assert store.descendants(id) == [other for other in parents if id in ancestors[other]]


# Reports


@pytest.fixture
def reported(store):
    store.append_program(program(1, name="muon", elapsed=1.0))
    store.append_program(program(2, name="sgd", island=1, operator="add", elapsed=1.0))
    store.append_program(program(3, parents=(1,), island=1, birth=1))
    store.append_program(program(4, parents=(3, 1), operator="crossover", birth=2))
    rows = [
        (1, 1, "finished"),
        (2, 1, "finished"),
        (3, 2, "finished"),
        (4, 3, "finished"),
        (5, 3, "timed_out"),
    ]
    rows += [(6, 3, "crashed"), (7, 1, "lost"), (8, 4, "lost")]
    for id, of, outcome in rows:
        store.append_trial(trial(id, of, outcome, elapsed=10.0 + id))
    store.put_estimates([estimate(1, 2.0), estimate(2, 2.2), estimate(3, 1.9), estimate(1, 1.5, "confirm")])
    return store


def test_the_summary_counts(reported):
    summary = reported.summary()
    assert (summary.programs, summary.births, summary.trials) == (4, 2, 8)
    assert summary.outcomes == {"finished": 4, "timed_out": 1, "crashed": 1, "lost": 2}
    assert summary.rungs == {"proxy": summary.outcomes}
    assert summary.islands == {0: 2, 1: 2}
    assert summary.operators == {"seed": 1, "add": 1, "perturb": 1, "crossover": 1}
    assert summary.elapsed == reported.last_elapsed() == 18.0


def test_operators_are_judged_by_what_became_of_their_programs(reported):
    reported.append_program(program(5, parents=(2, 1), birth=3))
    reported.append_program(program(6, parents=(1,), birth=4))
    reported.put_estimates([estimate(5, 2.1), estimate(6, 2.05)])
    tallies = reported.tallies()
    assert [row.operator for row in tallies] == ["crossover", "perturb"]
    assert (tallies[0].births, tallies[0].failed, tallies[0].improved) == (1, 0, 0)
    assert (tallies[1].births, tallies[1].failed, tallies[1].improved) == (3, 1, 1)


def test_the_leader_of_an_island_failed_nothing(reported):
    leaders = reported.leaders(2)
    assert [(row.island, row.members, row.leader) for row in leaders] == [
        (0, 2, estimate(1, 2.0)),
        (1, 2, estimate(1, 2.0)),
    ]
    assert [row.leader.mean for row in reported.leaders(2, "confirm")] == [1.5, 1.5]


def test_who_moved_to_an_island_lives_there_too(reported):
    reported.append_program(program(5, parents=(1,), island=1, birth=3))
    reported.put_estimates([estimate(5, 1.8)])
    reported.append_event(EventRow(1, "migration", {"moves": [[5, 1, 2], [5, 3, 2]]}))
    assert [(row.island, row.members, row.leader.program) for row in reported.leaders(3)] == [
        (0, 2, 1),
        (1, 3, 5),
        (2, 3, 5),
    ]


def test_an_empty_run_has_reports_too(store):
    assert (store.tallies(), store.leaders(4)) == ([], [])
    assert store.last_elapsed() == 0.0
    assert store.summary().outcomes == {}
    assert list(store.listing()) == []
    assert store.best("proxy") == []


def test_the_best_did_not_fail_on_the_rung(reported):
    assert [row.program for row in reported.best("proxy", 5)] == [1, 2]
    assert [row.program for row in reported.best("proxy", 5, seeds_only=True)] == [1]
    assert [row.mean for row in reported.best("confirm")] == [1.5]


def test_an_estimate_without_trials_is_not_the_best(reported):
    reported.put_estimates([estimate(4, 0.5, n=0)])
    assert [row.program for row in reported.best("proxy")] == [1]


def test_the_listing_shows_what_became_of_each(reported):
    rows = list(reported.listing())
    assert [row.id for row in rows] == [3, 1, 2, 4]
    assert [row.outcome for row in rows] == ["timed_out", "finished", "finished", ""]
    assert [(row.trials, row.finished) for row in rows] == [(3, 1), (2, 2), (1, 1), (0, 0)]
    assert rows[3].mean is None
    assert rows[3].parents == (3, 1)
    assert rows[1]._asdict()["name"] == "muon"


@pytest.mark.parametrize(
    ("asked", "ids"),
    [
        ({"order": "id"}, [1, 2, 3, 4]),
        ({"order": "newest"}, [4, 3, 2, 1]),
        ({"order": "newest", "limit": 2}, [4, 3]),
        ({"offset": 3}, [4]),
        ({"limit": 2, "offset": 1}, [1, 2]),
        ({"island": 1}, [3, 2]),
        ({"operator": "crossover"}, [4]),
        ({"outcome": "finished"}, [1, 2]),
        ({"outcome": "timed_out", "island": 1}, [3]),
        ({"outcome": ""}, [4]),
        ({"rung": "confirm"}, [1, 2, 3, 4]),
    ],
)
def test_the_listing_is_sorted_filtered_and_paged(reported, asked, ids):
    assert [row.id for row in reported.listing(**asked)] == ids


@pytest.mark.parametrize("asked", [{}, {"order": "newest"}, {"order": "id"}, {"limit": 3}, {"outcome": "finished"}])
def test_the_listing_in_json_says_the_same(reported, asked):
    plain = list(reported.listing(**asked))
    parsed = [Listed(**{**json.loads(line), "high": None}) for line in reported.listing_json(**asked)]
    assert [row._replace(parents=tuple(row.parents)) for row in parsed] == [row._replace(high=None) for row in plain]


def test_an_unknown_order_is_refused(store):
    with pytest.raises(ValueError, match="estimate, id, newest"):
        list(store.listing(order="luck"))


def test_counting_reads_indexes_alone(store):
    """100,000 texts must not be read to count them."""
    for sql in queries.COUNTS:
        plan = " ".join(row[3] for row in store._connection.rows(f"EXPLAIN QUERY PLAN {sql}"))
        assert "COVERING INDEX" in plan
        assert "TEMP" not in plan


def test_closing_twice_is_harmless(path):
    store = Store.create(path, {})
    store.close()
    store.close()
    with pytest.raises(StoreError):
        store.append_event(EventRow(1, "session", {}))
