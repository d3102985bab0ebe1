"""The store's schema; `nogd.bench.migration` brings an older one to it."""

from __future__ import annotations

from nogd.bench.columns import CURVE_COLUMNS, REAL, TEXT, TRACE_COLUMNS, WHOLE

VERSION = 6

# What only pictures need, and what each of them belongs to.
OF_A_RUN, OF_A_TASK = ("portrait", "path"), ("points", "plane")
# Those that a report shows as they are; paths are large, and shown on their task's plane.
SHOWN = ("portrait", *OF_A_TASK)
PICTURES = f"""\
-- What only pictures need: .npz of named arrays. owner: a run's id for {", ".join(OF_A_RUN)}; a task's name for
-- {", ".join(OF_A_TASK)}.
create table pictures (kind text, owner text, arrays blob, primary key (kind, owner)) without rowid"""
CELLS = """\
-- Every cell that an experiment asked for. session: the call that last asked for it; of several cells of one learner,
-- task and repetition the one last asked for counts, and is missing as long as it has no run.
create table cells (id text primary key, learner text, task text, repetition integer, session integer) without rowid"""
FROZEN = """\
-- What scores and targets of a task's version are measured by. entry: JSON, NULL where nothing is frozen; path: the
-- reference.json that it came from, and is read from again as long as that file is there.
create table frozen (task text, version integer, entry text, path text, primary key (task, version)) without rowid"""

INDEXES = """\
-- What runs are looked for by. The first has all that decides which of them count, so that no run is read for that.
create index runs_by_learner on runs (learner, task, repetition, session, finished);
create index runs_by_task on runs (task);
create index runs_by_status on runs (status)"""

_RUNS = ", ".join(
    [f"{name} text" for name in TEXT]
    + [f"{name} integer" for name in WHOLE]
    + [f"{name} real" for name in REAL]
)
SCHEMA = f"""
-- One row per run; id is the hash of everything that decides the result. hyper, budget: JSON. host: the machine that it
-- ran on, or that lost it.
-- NULL: not known, or not finite.
-- curve, trace, theta: zlib-compressed .npy; curve has the columns {", ".join(CURVE_COLUMNS)};
-- trace, every improvement of the best training loss, has {", ".join(TRACE_COLUMNS)}.
create table runs (id text primary key, {_RUNS}, curve blob, trace blob, theta blob) without rowid;
{CELLS};
{FROZEN};
-- Where an interrupted run goes on from: CRC-32 (4 bytes, little-endian), then plain data, no pickled code. Empty:
-- it is to be run again from the start, and the run that is there stays until then.
create table checkpoints (id text primary key, state blob, saved text) without rowid;
-- Cells that a process is at work on.
create table claims (id text primary key, host text, pid integer, born real, until real) without rowid;
-- One row per call of nogd run, also of one that found all done; the higher its number, the later.
-- environment, settings: JSON.
create table sessions (id integer primary key, started text, environment text, settings text);
{PICTURES};
{INDEXES};
"""
