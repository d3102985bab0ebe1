"""A worker's line: plain data only, of bounded size, and nothing on it makes the harness wait or costs another cell."""

from __future__ import annotations

import math
import os
import pickle
import signal
import socket
import subprocess
import sys
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from bench_help import environment, python

from nogd.bench.cell_messages import CellMessages
from nogd.bench.columns import CURVE_COLUMNS, TRACE_COLUMNS
from nogd.bench.experiment import make_experiment
from nogd.bench.intake import checked, point_from, received, sent
from nogd.bench.line import Ended, HarnessEnd, WorkerEnd
from nogd.bench.local import _Slot
from nogd.bench.perform import Job
from nogd.bench.plan import plan
from nogd.bench.record import Record, lost_record
from nogd.bench.wire import HEADER, LARGEST, Unusable, packed, room_for, unpacked
from nogd.bench.wording import MOST, tidy


def there_and_back(value: Any) -> Any:
    header, *body = packed(value)
    assert room_for(header) == sum(map(len, body))
    return unpacked(header, b"".join(body))


class Pair:
    """Both ends of a line."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        self.harness = HarnessEnd(ours)
        self.worker = WorkerEnd(theirs.detach())
        self.raw = self.worker._socket

    def heard(self, rounds: int = 1) -> list[Any]:
        return [message for _ in range(rounds) for message in self.harness.messages()]


@pytest.fixture
def pair() -> Iterator[Pair]:
    made = Pair()
    yield made
    made.harness.close()
    made.raw.close()


# -- messages


def test_plain_data_come_back_as_they_were() -> None:
    value = {"text": "ü \ud800", "none": None, "numbers": [1, 2.5, True, math.inf], "bytes": b"\0\1"}
    assert there_and_back(value) == value
    arrays = {
        "tables": np.arange(6.0).reshape(2, 3),
        "empty": np.empty((0, 5)),
        "small": np.array([1.5], dtype=np.float32),
        "names": np.array(["a", "bc"]),
        "turned": np.arange(6).reshape(2, 3).T,
    }
    for name, found in there_and_back(arrays).items():
        assert (found.dtype, found.shape) == (arrays[name].dtype, arrays[name].shape)
        np.testing.assert_array_equal(found, arrays[name])
        assert found.flags.writeable


def test_single_numbers_of_numpy_come_back_as_python_s() -> None:
    found = there_and_back([np.float64(0.5), np.float32(0.25), np.int64(3), np.bool_(True), np.array(2.0)])
    assert found == [0.5, 0.25, 3, True, 2.0]
    assert [type(each) for each in found] == [float, float, int, bool, float]


@pytest.mark.parametrize("value", [object(), {1, 2}, np.array([object()]), print, 1j])
def test_what_is_no_plain_data_is_refused_where_it_is_sent(value: Any) -> None:
    with pytest.raises(TypeError, match="is no plain data"):
        packed({"value": value})


def test_nothing_larger_than_a_message_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nogd.bench.wire.LARGEST", 1_000)
    with pytest.raises(ValueError, match=r"it takes 2,\d\d\d bytes, more than the 1,000"):
        packed(bytes(2_000))
    assert there_and_back(bytes(500)) == bytes(500)


# -- what an end makes of what is no message


def test_a_message_is_heard_when_it_is_whole_and_not_before(pair: Pair) -> None:
    whole = b"".join(packed([1, "point", {"loss": 0.5}]))
    for place in range(len(whole) - 1):
        pair.raw.send(whole[place : place + 1])
        assert pair.heard() == []
    pair.raw.send(whole[-1:])
    assert pair.heard() == [[1, "point", {"loss": 0.5}]]


def test_large_messages_come_in_pieces_and_in_order(pair: Pair) -> None:
    large = np.random.default_rng(0).bytes(3_000_000)
    program = (
        "import sys\nimport numpy as np\nfrom nogd.bench.line import WorkerEnd\n"
        "line = WorkerEnd(int(sys.argv[1]))\nasked = line.receive()\n"
        "line.send(['first', asked]); line.send(['second'])\n"
    )
    ours, theirs = socket.socketpair()
    with theirs:
        words = [sys.executable, "-c", program, str(theirs.fileno())]
        process = subprocess.Popen(words, pass_fds=[theirs.fileno()], env=environment())
    harness, heard = HarnessEnd(ours), []
    harness.post(large)
    assert harness.has_unsent  # more than the kernel takes, and nobody waited
    with suppress(Ended):
        while True:
            harness.push()
            heard += list(harness.messages())
    harness.close()
    assert process.wait() == 0
    assert heard == [["first", large], ["second"]]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (b"hello, is anybody there, anybody at all?", "something else than nogd wrote to its line"),
        (HEADER.pack(b"ngd\n", 0, 5, LARGEST + 1), "it announced a message of 900,000,001 bytes"),
        (HEADER.pack(b"ngd\n", 0, 10**9, 10**6), "it announced a message"),
        (HEADER.pack(b"ngd\n", 1, 2, 2) + b"[]", "in the middle of a message"),
        (pickle.dumps(list(range(100))), "something else than nogd wrote to its line"),
    ],
)
def test_what_is_no_message_is_told_at_once(pair: Pair, written: bytes, said: str) -> None:
    pair.raw.send(written)
    with pytest.raises(Unusable, match=said):
        pair.heard()


@pytest.mark.parametrize(
    "body",
    [
        b"[1, 2",
        b"[" * 100_000,
        b"1" * 5_000,
        b'{"~": "|O", "at": [0, 8], "shape": [1]}',
        b'{"~": "<f8", "at": [0, 8], "shape": [1000000000000]}',
        b'{"~": "<f8", "at": "everything"}',
        b"\xff\xfe",
    ],
)
def test_a_body_that_makes_no_sense_is_told(body: bytes) -> None:
    header = HEADER.pack(b"ngd\n", zlib.crc32(body + bytes(8)), len(body), len(body) + 8)
    with pytest.raises(Unusable, match="it sent what nogd does not send"):
        unpacked(header, body + bytes(8))


def test_the_end_comes_after_the_last_message(pair: Pair) -> None:
    pair.worker.send("last")
    pair.raw.shutdown(socket.SHUT_RDWR)
    assert pair.heard() == ["last"]
    with pytest.raises(Ended):
        pair.heard()


# -- the worker's end


def test_its_descriptor_is_a_high_one_that_programs_do_not_inherit(pair: Pair) -> None:
    assert pair.raw.fileno() >= 750
    assert not os.get_inheritable(pair.raw.fileno())


def test_what_a_signal_s_handler_interrupts_is_sent_later(pair: Pair) -> None:
    """A learner's own alarm may raise while a message is being sent."""

    def alarm(*_: object) -> None:
        raise TimeoutError("a learner's own")

    before = signal.signal(signal.SIGALRM, alarm)  # whatever pytest's own time limit had there
    large = np.random.default_rng(0).bytes(2_000_000)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with pytest.raises(TimeoutError, match="a learner's own"):
            pair.worker.send(large)  # nobody reads
    finally:
        signal.signal(signal.SIGALRM, before)
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(pair.worker.send, "next")
        heard: list[Any] = []
        while not sending.done() or len(heard) < 2:
            heard += pair.heard()
    assert heard == [large, "next"]


def test_a_forked_child_never_speaks_for_the_worker() -> None:
    program = (
        "import os, socket\nfrom nogd.bench.line import WorkerEnd, HarnessEnd\n"
        "ours, theirs = socket.socketpair()\nline = WorkerEnd(theirs.detach())\n"
        "child = os.fork()\nline.send('from %d' % child)\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), [m for m in HarnessEnd(ours).messages()] == "
        "['from %d' % child])\n"
    )
    assert python("-c", program).stdout.split() == ["1", "True"]


def test_a_job_warns_so_often_and_no_more() -> None:
    [item] = plan(make_experiment(None, learners="adam", tasks="iris", repetitions=1))
    job = Job(item.cell, item.learner, item.task, timeout=1)
    slot, told = _Slot(job, number=1, messages=CellMessages(item.cell)), list[Any]()
    for number in range(1_000):
        slot._hear([1, "warning", f"beware of {number}"], told.append)
    slot._hear([2, "warning", "an earlier job's"], told.append)
    assert [event.text for event in told] == [
        *(f"beware of {number}" for number in range(19)),
        "its further warnings are not shown",
    ]


# -- what a store can keep


CELL = plan(make_experiment(None, learners="adam", tasks="iris", repetitions=4))[-1].cell


def record(**row: Any) -> Record:
    curve = np.ones((2, len(CURVE_COLUMNS)))
    theta = np.array([1.0, 2.0], dtype=np.float32)
    given = {"status": "ok", "reason": "", "loss": 0.5, "evaluations": 3} | row
    return Record(CELL.id, given, curve, np.ones((1, len(TRACE_COLUMNS))), theta, {"path": {"thetas": theta}})


def test_a_record_comes_back_with_what_its_cell_decides() -> None:
    found = received(CELL, there_and_back(sent(record(learner="somebody else", evaluations=np.int64(3)))))
    assert {name: found.row[name] for name in ("status", "loss", "evaluations", "learner", "repetition")} == {
        "status": "ok", "loss": 0.5, "evaluations": 3, "learner": "adam", "repetition": 3,
    }  # fmt: skip
    assert (found.id, found.curve.shape) == (CELL.id, (2, len(CURVE_COLUMNS)))
    np.testing.assert_array_equal(found.theta, record().theta)
    np.testing.assert_array_equal(found.pictures["path"]["thetas"], record().theta)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (record(loss="abc"), "loss is 'abc'"),
        (record(evaluations=10**30), "evaluations is 10+ in its record"),
        (record(reason=False), "reason is False"),
        (record(status="excellent"), "its status is 'excellent'"),
        (replace(record(), curve=np.ones((2, 3))), "its curve is none"),
        (replace(record(), curve=np.full((2, len(CURVE_COLUMNS)), np.nan)), "its curve is none"),
        (replace(record(), trace=np.ones(3)), "its trace of losses is none"),
        (replace(record(), theta=np.ones((2, 2))), "its solution is no vector"),
        (replace(record(), theta=np.array(["a"])), "its solution is no vector"),
        (replace(record(), pictures={"path": {"thetas": np.array([None])}}), "what it drew is no arrays"),
    ],
)
def test_a_record_that_no_store_can_keep_is_refused_with_what_is_wrong(wrong: Record, said: str) -> None:
    with pytest.raises(Unusable, match=said):
        checked(CELL, wrong)


@pytest.mark.parametrize("parts", [None, [], {}, {"row": 3}, sent(record()) | {"row": None}])
def test_what_is_no_record_is_refused(parts: Any) -> None:
    with pytest.raises(Unusable, match="something else than its record"):
        received(CELL, parts)


def test_a_point_has_all_that_it_cost() -> None:
    point = dict.fromkeys(CURVE_COLUMNS, 1.0)
    assert point_from(point | {"loss": math.nan, "forwards": 2}) == pytest.approx(
        point | {"loss": math.nan, "forwards": 2.0}, nan_ok=True
    )
    for wrong in ([], {"loss": 1.0}, point | {"forwards": math.nan}, point | {"loss": "low"}):
        with pytest.raises(Unusable, match="its curve"):
            point_from(wrong)


# -- words


def test_words_have_an_end_and_keep_their_beginning_and_their_end() -> None:
    found = tidy("begin " + 50_000_000 * "x" + " end", 1_000)
    assert len(found) <= 1_000
    assert found.startswith("begin xxx")
    assert found.endswith("xxx end")
    assert "[... 49,999,010 characters more ...]" in found
    assert tidy(found, 1_000) == found
    assert tidy("as it is\n\tin lines", 1_000) == "as it is\n\tin lines"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J", r"\x1b[2J"),
        ("\r\x07\x00\x9b", r"\r\x07\x00\x9b"),
        ("half \udc80", r"half \udc80"),
        ("turned \u202e round", r"turned \u202e round"),
        ("naïve 数 🙂", "naïve 数 🙂"),
    ],
)
def test_what_would_act_on_a_terminal_is_shown_as_an_escape(text: str, shown: str) -> None:
    assert tidy(text, 100) == shown


def test_every_record_bounds_its_words() -> None:
    made = lost_record(CELL, "error", 10**6 * "a", 10**6 * "\x1b", [])
    assert len(made.row["reason"]) <= MOST["reason"]
    assert len(made.row["traceback"]) <= MOST["traceback"]
    assert "\x1b" not in made.row["traceback"]
