#!/usr/bin/env python3
"""Random rows through the operators of event time: out of order, late, of equal times, with silent
tables, in steps, with checkpoints, crashes and restores to other numbers of partitions. After every
step every view must hold what its oracle, by brute force, says.

    tests/oracle/oracle_test.py ENGINE_DRIVER [--seed N] [--count CASES] [--operator "interval join"]

A case is made from its seed. What fails is made small and printed as a .test file.
"""

import argparse
import collections
import math
import os
import pathlib
import random
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "random"))

from cases import Case, OPERATORS
from engine import Died, Engine, EngineError
from text import rows_of, timestamp
from watermarks import Watermarks


class Failure(Exception):
    def __init__(self, view, what, expected=None):
        super().__init__(what)
        self.view, self.expected = view, expected


def line(row):
    key, x, moment = row
    fields = ["\\N" if field is None else str(field) for field in (key, x)]
    return ("\t".join(fields + [timestamp(moment)]) + "\n").encode()


class Runner:
    def __init__(self, engine):
        self.engine = engine
        self.comparisons = 0

    def run(self, case):
        """Raises Failure."""
        self.random = random.Random(case.seed)
        try:
            self.start(case)
            for number, round_ in enumerate(case.rounds):
                self.round(case, round_, number)
        except (EngineError, Died) as error:
            if isinstance(error, Died):
                self.engine.start()
            raise Failure(None, f"{type(error).__name__}: {error}") from error

    def start(self, case):
        self.engine.call("open", f"{self.random.randint(1, 3)} {self.random.choice([1, 7, 1024])} 65536")
        for statement in case.statements():
            self.engine.call("sql", statement)
        self.engine.call("step")  # So that the clock of every table runs.
        self.oracles = [view.oracle() for view in case.views]
        self.watermarks = Watermarks(case.delays, case.idle_timeout or math.inf)

    def crash(self):
        self.engine.call("crash", f"{self.random.randint(1, 3)} {self.random.choice([1, 7, 1024])}")

    def round(self, case, round_, number):
        for table, rows in round_.rows.items():
            self.engine.load(table, [line(row) for row in rows])
        if "crash before" in round_.events:
            self.crash()
        if round_.seconds:
            self.engine.call("advance", str(round_.seconds))
        self.engine.call("step")
        if "checkpoint" in round_.events:
            self.engine.call("checkpoint")
        if "crash after" in round_.events:
            self.crash()
        befores = [self.watermarks.over(view.tables) for view in case.views]
        self.watermarks.step({table: [row[2] for row in rows] for table, rows in round_.rows.items()},
                             round_.seconds)
        for view, oracle, before in zip(case.views, self.oracles, befores):
            oracle.step(*(list(round_.rows[table]) for table in view.tables), before,
                        self.watermarks.over(view.tables))
            self.compare(view, oracle, number)

    def compare(self, view, oracle, number):
        self.comparisons += 1
        rows = collections.Counter(rows_of(self.engine, f"SELECT * FROM {view.name}"))
        expected = collections.Counter(oracle.rows())
        if rows != expected:
            raise Failure(view, f"round {number}: too many: {list((rows - expected).elements())[:5]}; "
                          f"missing: {list((expected - rows).elements())[:5]}", oracle.rows())
        for beside, count in (("late", oracle.late), ("errors", getattr(oracle, "errors", 0))):
            found = rows_of(self.engine, f"SELECT COUNT(*) FROM {view.name}${beside}")[0][0]
            if count is not None and found != count:
                raise Failure(view, f"round {number}: {found} rows in {view.name}${beside}, not {count}")


def shrink(case, runner, failure, seconds):
    """Leaves out views, rounds, events and rows for as long as the case fails alike."""
    deadline = time.monotonic() + seconds

    def fails():
        try:
            runner.run(case)
        except Failure as other:
            return (other.view is None) == (failure.view is None)
        return False

    def attempt(holder, name, smaller):
        old = getattr(holder, name)
        setattr(holder, name, smaller)
        if time.monotonic() < deadline and fails():
            return True
        setattr(holder, name, old)
        return False

    if failure.view:
        attempt(case, "views", [failure.view])
    for index in reversed(range(len(case.rounds))):
        attempt(case, "rounds", case.rounds[:index] + case.rounds[index + 1:])
    for round_ in case.rounds:
        attempt(round_, "seconds", 0)
        for event in list(round_.events):
            attempt(round_, "events", [other for other in round_.events if other != event])
        for table in round_.rows:
            for index in reversed(range(len(round_.rows[table]))):
                rows = round_.rows[table]
                attempt(round_, "rows", {**round_.rows, table: rows[:index] + rows[index + 1:]})


def field(value):
    if value is None:
        return "NULL"
    return f"'{value}'" if " " in str(value) else str(value)


def test_text(case, failure):
    """As a .test file; times in answers are left as milliseconds."""
    blocks = [f"# {case.operator}; seed {case.seed}",
              "statement\n" + ";\n".join(case.statements()) + ";"]
    for round_ in case.rounds:
        for table, rows in round_.rows.items():
            if rows:
                blocks.append(f"append {table}\n" + "\n".join(
                    "+ " + " ".join(field(v) for v in (row[0], row[1], timestamp(row[2])))
                    for row in rows))
        if round_.seconds:
            blocks.append(f"advance {round_.seconds} s")
        blocks.append("step" + "".join(f"\n# {event}" for event in round_.events))
    if failure.expected is not None:
        blocks.append(f"query sort\nSELECT * FROM {failure.view.name}\n----\n" + "\n".join(
            " ".join(map(field, row)) for row in failure.expected))
    return "\n\n".join(blocks)


def report(case, runner, failure, seconds):
    print(f"seed {case.seed}: {case.operator}: {failure.view and failure.view.name}: {failure}",
          flush=True)
    shrink(case, runner, failure, seconds)
    try:
        runner.run(case)
        print("what is left does not fail")
    except Failure as last:
        print(f"--- {last}\n{test_text(case, last)}\n---", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("driver")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--operator", choices=list(OPERATORS))
    parser.add_argument("--max-failures", type=int, default=5)
    parser.add_argument("--shrink-seconds", type=float, default=30)
    arguments = parser.parse_args()
    if "MILLRACE_TEST_CELLS" in os.environ:  # Under sanitizers.
        arguments.count = min(arguments.count, 60)
    start = time.monotonic()
    runner = Runner(Engine(arguments.driver))
    cases, failed, seed = 0, [], arguments.seed
    while cases < arguments.count and len(failed) < arguments.max_failures:
        case = Case(seed)
        seed += 1
        if arguments.operator and case.operator != arguments.operator:
            continue
        cases += 1
        try:
            runner.run(case)
        except Failure as failure:
            failed.append(case.seed)
            report(case, runner, failure, arguments.shrink_seconds)
    runner.engine.close()
    print(f"oracle: {cases} cases (seeds {arguments.seed} to {seed - 1}), {runner.comparisons} "
          f"comparisons, {time.monotonic() - start:.0f} s, failed: {failed or 'none'}")
    return 1 if failed or not cases else 0


if __name__ == "__main__":
    sys.exit(main())
