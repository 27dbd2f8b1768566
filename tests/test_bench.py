"""The pure parts of `make bench`: what is added up over a tree of processes, and what the table says."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import dkim
import pytest

from tests.bench.checked import Checked
from tests.bench.checks import see_checked
from tests.bench.console import Taken
from tests.bench.console import table as table_of_pages
from tests.bench.corpus import M1M, M4K, M40K, write_corpus
from tests.bench.measure import Measurement, Sample, median, percentile, take_turns
from tests.bench.process import Tree, is_running
from tests.bench.report import Result, as_values, table
from tests.bench.rows import FULL, Row, Wanted, make_rows, make_scale_rows, make_sealing_rows
from tests.bench.sender import Sender
from tests.bench.servers import Server, free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TICK = 1 / os.sysconf("SC_CLK_TCK")


class FakeProc:
    """A folder that looks like /proc."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "meminfo").write_text("MemTotal: 1 kB\n")

    def add(self, pid: int, parent: int, ticks: tuple[int, int, int, int] = (0, 0, 0, 0), pss: int = 0) -> None:
        own = self.folder / str(pid)
        own.mkdir()
        times = " ".join(map(str, ticks))
        # A name may look like the fields behind it.
        (own / "stat").write_text(f"{pid} (a) S 1 (b c) S {parent} 1 1 0 -1 4194560 9 9 9 9 {times} 20 0 1 0\n")
        (own / "smaps_rollup").write_text(
            f"55e-7ff ---p 00000000 00:00 0 [rollup]\nRss: 900 kB\nPss: {pss} kB\nPss_Dirty: 800 kB\n"
        )


@pytest.fixture
def proc(tmp_path: Path) -> FakeProc:
    return FakeProc(tmp_path)


def test_all_descendants_count_and_nobody_else(proc: FakeProc) -> None:
    proc.add(1, 0)
    proc.add(10, 1, (1, 2, 30, 40), pss=100)
    proc.add(11, 10, (100, 0, 0, 0), pss=20)
    proc.add(12, 11, (0, 1000, 0, 0), pss=3)
    proc.add(13, 1, (5000, 5000, 5000, 5000), pss=5000)
    tree = Tree(10, proc=proc.folder)
    assert sorted(tree.members()) == [10, 11, 12]
    assert tree.cpu_seconds() == pytest.approx(1173 * TICK)
    assert tree.memory() == 123 << 10


def test_a_process_that_ends_meanwhile_has_no_memory(proc: FakeProc) -> None:
    proc.add(10, 1, pss=100)
    proc.add(11, 10, pss=20)
    (proc.folder / "11" / "smaps_rollup").unlink()
    assert Tree(10, proc=proc.folder).memory() == 100 << 10


def test_what_has_ended_with_its_parent_is_counted_there() -> None:
    before = Tree(os.getpid()).cpu_seconds()
    burn = "import time\nwhile time.process_time() < 0.2: pass"
    subprocess.run([sys.executable, "-c", burn], check=True)
    assert Tree(os.getpid()).cpu_seconds() - before >= 0.2 - 2 * TICK


def test_this_process_has_memory_and_runs() -> None:
    assert Tree(os.getpid()).memory() > 1 << 20
    assert is_running(os.getpid())


def test_a_process_of_whose_end_nobody_took_note_does_not_run() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert not is_running(process.pid)
    process.wait()
    assert not is_running(process.pid)


def test_percentile_is_one_of_the_values() -> None:
    values = [float(value) for value in range(1, 201)]
    assert percentile(values, 99) == 198
    assert percentile([7.0], 99) == 7


def test_medians_are_taken_of_each_figure() -> None:
    samples = [Sample(1, 30, 5), Sample(3, 20, 9), Sample(2, 10, 7)]
    assert median(samples) == Sample(2, 20, 7)
    assert median([Sample(1, 2)]) == Sample(1, 2, None)


class FakeServer(Server):
    def __init__(self, folder: Path, name: str, log: list[str]) -> None:
        super().__init__(folder / name)
        self.name = name
        self.log = log

    def start(self) -> None:
        raise AssertionError("it is no server")

    stop = start

    @property
    def tree(self) -> Tree:
        raise AssertionError("it is no server")

    def drain(self) -> None:
        self.log.append(f"drain {self.name}")


class Counting(Measurement):
    unit = "messages/s"

    def __init__(self) -> None:
        self.number = 0

    def warm_up(self, server: Server) -> None:
        assert isinstance(server, FakeServer)
        server.log.append(f"warm {server.name}")

    def take(self, server: Server) -> Sample:
        assert isinstance(server, FakeServer)
        server.log.append(f"take {server.name}")
        self.number += 1
        return Sample(self.number, 0)


def test_servers_take_turns_and_finish_their_work_in_between(tmp_path: Path) -> None:
    log: list[str] = []
    servers = {name: FakeServer(tmp_path, name, log) for name in ("a", "b")}
    told: list[tuple[str, float]] = []
    samples = take_turns(Counting(), servers, 2, lambda name, sample: told.append((name, sample.value)))
    turn = ["take a", "drain a", "take b", "drain b"]
    assert log == ["warm a", "drain a", "warm b", "drain b", *turn, *turn]
    assert [[sample.value for sample in samples[name]] for name in ("a", "b")] == [[1, 3], [2, 4]]
    assert told == [("a", 1), ("b", 2), ("a", 3), ("b", 4)]


@pytest.mark.parametrize(
    ("wanted", "figure", "reached"),
    [
        (Wanted(3.5, relative=True, at_least=True), 350, True),
        (Wanted(3.5, relative=True, at_least=True), 349, False),
        (Wanted(1.3, relative=True, at_least=False), 130, True),
        (Wanted(1.3, relative=True, at_least=False), 131, False),
        (Wanted(250, relative=False, at_least=False), 250, True),
        (Wanted(250, relative=False, at_least=False), 251, False),
    ],
)
def test_what_is_reached(wanted: Wanted, figure: float, reached: bool) -> None:
    assert wanted.is_reached(figure, 100) is reached


TIMES = Wanted(3, relative=True, at_least=True)
AT_MOST = Wanted(250, relative=False, at_least=False)


def test_the_best_of_several_rivals_counts() -> None:
    row = Row("fast", "many messages", Counting(), ("Postfix", "Haraka", "alone"), TIMES, rivals=2)
    samples = {"Postfix": [Sample(100, 1)], "Haraka": [Sample(200, 1)], "alone": [Sample(9999, 1)]}
    for figure, reached in ((600, True), (599, False)):
        assert Result(row, {"tempmaild": [Sample(figure, 1)], **samples}).is_reached is reached


def test_the_table_has_a_line_for_each_peer_and_a_verdict_for_each_row() -> None:
    measurement = Counting()
    rows = [
        Row("fast", "many messages", measurement, ("Postfix", "Dovecot"), TIMES),
        Row("cpu", "processor time", measurement, ("Postfix",), AT_MOST, of_cpu=True),
    ]
    samples = {
        "tempmaild": [Sample(6600, 80, 300)],
        "Postfix": [Sample(1650, 200.4, 1200), Sample(10, 200.4, 1200), Sample(9999, 200.4, 1200)],
        "Dovecot": [Sample(160, 70, 5000)],
    }
    alone = Row("alone", "a latency", measurement, (), Wanted(5, relative=False, at_least=False))
    results = [
        *(Result(row, samples) for row in rows),
        Result(alone, {"tempmaild": [Sample(4.25, 81)]}),
        Result(Row("broken", "nothing", measurement, (), AT_MOST), {}, "it fell over"),
    ]
    assert [line.split() for line in table(results).splitlines()[2:]] == [
        line.split()
        for line in (
            "many messages   messages/s  tempmaild 6,600 Postfix 1,650  4.00 ≥ 3x  300 / 1,200 80 / 200",
            "many messages   messages/s  tempmaild 6,600 Dovecot 160   41.25 -     300 / 5,000 80 / 70",
            "processor time  CPU µs      tempmaild 300   Postfix 1,200  0.25 ≤ 250 300 / 1,200 80 / 200",
            "a latency       messages/s  tempmaild 4.25  -       -         - ≤ 5   -           81",
            "",
            "reached  many messages (fast): ≥ 3x",
            "MISSED   processor time (cpu): ≤ 250",
            "reached  a latency (alone): ≤ 5",
            "NOT MEASURED nothing (broken): it fell over",
        )
    ]


def test_values_for_programs_hold_every_sample() -> None:
    row = Row("fast", "many messages", Counting(), ("Postfix",), TIMES)
    samples = {"tempmaild": [Sample(6, 1, 2), Sample(8, 1, 4)], "Postfix": [Sample(2, 3)]}
    (values,) = as_values([Result(row, samples)])
    assert values["reached"] is True
    assert values["medians"]["tempmaild"] == {"value": 7, "memory": 1, "cpu": 3}
    assert [sample["value"] for sample in values["samples"]["tempmaild"]] == [6, 8]
    assert values["samples"]["Postfix"] == [{"value": 2, "memory": 3, "cpu": None}]


class NoGenerator:
    """Rows are made with it, none is measured."""


def test_rows_have_names_of_their_own(tmp_path: Path) -> None:
    generator: Any = NoGenerator()
    beside_haraka = partial(make_rows, haraka=True)
    names = [
        row.name
        for make in (beside_haraka, make_scale_rows, make_sealing_rows)
        for row in make(generator, tmp_path, FULL)
    ]
    assert len(set(names)) == len(names)


def test_the_corpus_is_the_same_each_time(tmp_path: Path) -> None:
    twice = [tmp_path / "one", tmp_path / "two"]
    for folder in twice:
        folder.mkdir()
        write_corpus(folder)
    for name, size in ((M4K, 4 << 10), (M40K, 40 << 10), (M1M, 1 << 20)):
        one, two = ((folder / name).read_bytes() for folder in twice)
        assert one == two
        assert one.count(b"\n") == one.count(b"\r\n")
        assert len(one) == pytest.approx(size, rel=0.1)


def test_the_signed_corpus_is_valid_by_what_dns_says(tmp_path: Path) -> None:
    write_corpus(tmp_path)
    sender = Sender()
    (record,) = [record for record in sender.records() if "_domainkey" in record]
    key = "".join(record.split('"')[1::2]).encode()

    def ask(name: bytes, timeout: int = 0) -> bytes:  # noqa: ARG001 - as dkimpy calls it
        assert name == b"s1._domainkey.example.org."
        return key

    for name in (M4K, M40K):
        plain = (tmp_path / name).read_bytes()
        signed = sender.signed(plain)
        assert signed.lower().count(b"dkim-signature:") == 1
        assert dkim.verify(signed, dnsfunc=ask)
        assert not dkim.verify(signed + b"more\r\n", dnsfunc=ask)
        assert signed.partition(b"\r\n\r\n")[2] == plain.partition(b"\r\n\r\n")[2]


class FakeChecked(Checked):
    """A server that has stored what its test says."""

    ports: dict[str, int] = {}  # noqa: RUF012 - it has none

    def __init__(self, folder: Path, results: list[str]) -> None:
        super().__init__(folder / "server")
        self.results = results

    def start(self) -> None:
        raise AssertionError("it is no server")

    stop = start

    @property
    def tree(self) -> Tree:
        raise AssertionError("it is no server")

    def new_results(self) -> Iterator[str]:
        return iter(self.results)


def test_a_row_is_measured_only_if_all_was_checked(tmp_path: Path) -> None:
    passing = "mx.test; spf=pass smtp.mailfrom=example.org; dkim=pass header.d=example.org"
    server = FakeChecked(tmp_path, [passing, passing])
    see_checked(server, scans=2, least=2)
    with pytest.raises(AssertionError, match="only 1 of 2"):
        see_checked(server, scans=1, least=2)
    server.results.append(passing.replace("dkim=pass", "dkim=fail"))
    with pytest.raises(AssertionError, match="dkim=pass is missing"):
        see_checked(server, scans=3, least=3)
    server.results.clear()
    with pytest.raises(AssertionError, match="no message"):
        see_checked(server, scans=3, least=3)


def test_ports_are_distinct() -> None:
    ports = free_ports("smtp", "lmtp", "imap", "pop3")
    assert list(ports) == ["smtp", "lmtp", "imap", "pop3"]
    assert len(set(ports.values())) == 4


def test_pages_are_told_with_the_slowest_first() -> None:
    quick = Taken("/quick", [0.001] * 94 + [0.002] * 6)
    late = Taken("/late", [0.01] * 94 + [0.2001] * 6)
    at_the_limit = Taken("/limit", [0.2] * 95 + [9.0] * 5)
    assert [line.split() for line in table_of_pages([quick, late, at_the_limit]).splitlines()[1:]] == [
        ["10.0", "200.1", "200.1", "MISSED", "/late"],
        ["200.0", "200.0", "9,000.0", "reached", "/limit"],
        ["1.0", "2.0", "2.0", "reached", "/quick"],
    ]
