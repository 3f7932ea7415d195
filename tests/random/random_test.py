#!/usr/bin/env python3
"""Random tables, changes and views, run by the engine with random steps, partitions, batches, crashes
and restores; after every round every view must equal PostgreSQL's rows, the same query run once over
all input, and at the end a fresh engine that got everything at once.

    tests/random/random_test.py ENGINE_DRIVER [--seed N] [--count QUERIES]

A case is made from its seed; cases are run from --seed on until --count views were compared. What
fails is shrunk and printed as a .test file with the seed that repeats it (the features that the engine
has are part of what a seed means). By hand, for as long as you like:

    tests/random/random_test.py build/release/tests/engine_driver --seed 1000000 --count 20000
"""

import argparse
import collections
import os
import pathlib
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from as_test import settings_text, test_text
from engine import Engine
from features import probe
from generate import Generator
from postgres import Missing, Server
from run_case import Failure, Runner, Unusable
from shrink import shrink

SKIPPED = 77  # CTest's SKIP_RETURN_CODE.


class Totals:
    def __init__(self):
        self.cases = self.queries = self.comparisons = self.unusable = 0
        self.unsupported = collections.Counter()
        self.failures = []  # (seed, kind)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("driver")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=300, help="views to compare")
    parser.add_argument("--max-failures", type=int, default=10)
    parser.add_argument("--shrink-seconds", type=float, default=60)
    parser.add_argument("--tests", type=pathlib.Path, help="a directory for the .test files of failures")
    parser.add_argument("--verbose", action="store_true")
    return parser.parse_args()


def report(runner, case, failure, seed, arguments):
    """Shrinks and prints."""
    def fails(candidate):
        try:
            runner.run(candidate)
        except Failure as other:
            return other.kind == failure.kind
        except Unusable:
            return False
        return False

    print(f"seed {seed}: {failure.kind} of {failure.view}\n{failure.detail}", flush=True)
    small = shrink(case, fails, arguments.shrink_seconds) if arguments.shrink_seconds else case
    try:
        runner.run(small)
    except Failure as last:
        failure = last
    except Unusable:
        pass
    text = test_text(small, failure, f"{failure.kind}; seed {seed}; {settings_text(small)}")
    print(f"--- {settings_text(small)}\n{failure.detail}\n---\n{text}---", flush=True)
    if arguments.tests:
        name = f"seed_{seed}_{failure.kind.lower().replace(' ', '_')}.test"
        (arguments.tests / name).write_text(text, encoding="utf-8")


def run(arguments, engine, connection):
    works, lacks, faults = probe(engine)
    for feature, fault in sorted(faults.items()):
        print(f"probe {feature}: {fault}")
    runner = Runner(engine, connection)
    totals = Totals()
    seed = arguments.seed
    stopped = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.append(True))
    while (totals.queries < arguments.count and len(totals.failures) < arguments.max_failures
           and not stopped):
        case = Generator(seed, works).case()
        totals.cases += 1
        try:
            if arguments.verbose:
                print(f"seed {seed}", flush=True)
            runner.run(case)
        except Failure as failure:
            totals.failures.append((seed, failure.kind))
            report_runner = Runner(engine, connection)
            report(report_runner, case, failure, seed, arguments)
        except Unusable as unusable:
            totals.unusable += 1
            if arguments.verbose:
                print(f"unusable: {unusable}")
        totals.queries += runner.result.views
        totals.comparisons += runner.result.comparisons
        for message, _ in runner.result.unsupported:
            totals.unsupported[message] += 1
        seed += 1
    for message, count in totals.unsupported.most_common(12):
        print(f"unsupported {count} times: {message}")
    if lacks:
        print(f"left out: {', '.join(sorted(lacks))}")
    return totals, seed, len(faults)


def main():
    arguments = parse_arguments()
    if "MILLRACE_TEST_CELLS" in os.environ:  # Under sanitizers.
        arguments.count = min(arguments.count, 60)
    try:
        # Some queries take long in PostgreSQL, which computes a correlated one for every row.
        server = Server({"statement_timeout": "10s"})
    except Missing as missing:
        print(f"SKIPPED: PostgreSQL cannot be had: {missing}")
        return SKIPPED
    engine = Engine(arguments.driver)
    start = time.monotonic()
    try:
        totals, end, faults = run(arguments, engine, server.connect())
    finally:
        engine.close()
        server.close()
    seconds = time.monotonic() - start
    for seed, kind in totals.failures:
        print(f"failed: seed {seed}: {kind}")
    print(f"random: {totals.queries} queries in {totals.cases} cases (seeds {arguments.seed} to {end - 1}), "
          f"{totals.comparisons} comparisons, {totals.unusable} unusable, {seconds:.0f} s, "
          f"{len(totals.failures) + faults} failed")
    return 1 if totals.failures or faults or totals.queries == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
