#!/usr/bin/env python3
"""The queries of sql-examples/nexmark over seeded events, against brute force (queries.py). The events
themselves are those that `millrace run` prints.

    tests/nexmark/nexmark_test.py MILLRACE ENGINE_DRIVER [--events 200000] [--only q5,q7]
"""

import argparse
import collections
import csv
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
for folder in ("random", "oracle"):
    sys.path.insert(0, str(ROOT / "tests" / folder))

import queries
from engine import Engine, EngineError
from queries import Auction, Bid, Events, Person
from text import millis, rows_of

EXAMPLES = ROOT / "sql-examples/nexmark"


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("millrace")
    parser.add_argument("driver")
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--partitions", type=int, default=2)
    parser.add_argument("--only", default="")
    return parser.parse_args()


def tables(events, folder):
    """The statements that make tables and sinks, for files in `folder`."""
    text = (EXAMPLES / "tables.sql").read_text() + (EXAMPLES / "sinks.sql").read_text()
    for old, new in (("'events.num' = '200000'", f"'events.num' = '{events}'"),
                     ("'path' = 'sql-examples/", f"'path' = '{ROOT}/sql-examples/"),
                     ("'path' = 'nexmark_q10'", f"'path' = '{folder}/q10'")):
        assert old in text
        text = text.replace(old, new)
    return text


def read_events(millrace, sql):
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(sql + "SELECT event_type, person, auction, bid FROM events;")
        file.flush()
        printed = subprocess.run([millrace, "run", file.name, "-o", "ndjson"], check=True,
                                 stdout=subprocess.PIPE).stdout
    events = Events()
    for line in printed.splitlines():
        row = json.loads(line)
        kind, name = [(Person, "person"), (Auction, "auction"), (Bid, "bid")][row["event_type"]]
        fields = row[name]
        for moment in ("dateTime", "expires"):
            if moment in fields:
                fields[moment] = millis(fields[moment])
        getattr(events, name + "s").append(kind(*fields.values()))
    return events


def statement(name):
    """What the file says, and its query."""
    text = re.sub("--.*", "", (EXAMPLES / f"{name}.sql").read_text())
    return text, text.replace(f"INSERT INTO sink_{name}", "").strip().rstrip(";")


class Nexmark:
    def __init__(self, arguments, folder):
        self.folder = folder
        sql = tables(arguments.events, folder)
        self.events = read_events(arguments.millrace, sql)
        self.engine = Engine(arguments.driver)
        self.engine.call("open", f"{arguments.partitions} 1024 8192")
        self.engine.call("sql", sql)
        self.faults = []

    def start(self, names):
        """A view of each query; that it can be inserted where its file says, is checked too."""
        for name in names:
            insert, select = statement(name)
            try:
                if name == "q10":
                    self.engine.call("sql", insert)
                else:
                    self.engine.call("plan", insert)
                    self.engine.call("sql", f"CREATE MATERIALIZED VIEW {name} AS {select}")
            except EngineError as error:
                self.faults.append(f"{name}: {error.code}: {error}")
        self.engine.call("drain")
        for line in self.engine.call("jobs"):
            name, state, error, error_rows, late_rows = line.split("\t")
            if state == "FAILED" or error_rows != "0" or late_rows != "0":
                self.faults.append(f"{name}: {state} {error}, {error_rows} errors, {late_rows} late")

    def rows(self, view):
        return rows_of(self.engine, f"SELECT * FROM {view}")

    def check(self, name):
        special = getattr(self, f"check_{name}", None)
        if special:
            special()
        else:
            self.compare(name, self.rows(name), getattr(queries, name)(self.events))

    def compare(self, name, rows, expected):
        rows, expected = collections.Counter(rows), collections.Counter(expected)
        print(f"{name}: {rows.total()} rows")
        if rows != expected:
            extra, missing = rows - expected, expected - rows
            self.faults.append(f"{name}: {extra.total()} rows too many, as {list(extra)[:3]}; "
                               f"{missing.total()} missing, as {list(missing)[:3]}")
        elif not rows:
            self.faults.append(f"{name}: there are no rows")

    def check_q10(self):
        rows = []
        for path in pathlib.Path(self.folder, "q10").glob("dt=*/hm=*/*"):
            date, minute = (part.split("=")[1].replace("%3A", ":") for part in path.parts[-3:-1])
            with open(path, newline="", encoding="utf-8") as file:
                rows += [(int(auction), int(bidder), int(price), millis(moment), extra, date, minute)
                         for auction, bidder, price, moment, extra in csv.reader(file)]
        self.compare("q10", rows, queries.q10(self.events))

    def check_q12(self):
        """Which window a bid falls into nobody knows, but it is one."""
        rows = collections.Counter()
        for bidder, bids, start, end in self.rows("q12"):
            assert end - start == 10_000 and start % 10_000 == 0
            rows[bidder] += bids
        self.compare("q12", rows.items(),
                     collections.Counter(b.bidder for b in self.events.bids).items())

    def check_q19(self):
        """Bids of one price may stand in any order."""
        def ranked(rows):
            return [(row[0], row[2], row[-1]) for row in rows]

        rows = self.rows("q19")
        self.compare("q19", ranked(rows), ranked(queries.q19(self.events)))
        bids = collections.Counter(row[:-1] for row in rows)
        if bids - collections.Counter(map(tuple, self.events.bids)):
            self.faults.append("q19: a bid that is none, or twice")


def main():
    arguments = parse_arguments()
    if "MILLRACE_TEST_CELLS" in os.environ:  # Under sanitizers.
        arguments.events = min(arguments.events, 20_000)
    names = sorted((path.stem for path in EXAMPLES.glob("[qp]*.sql")),
                   key=lambda name: (name[0] == "p", int(name[1:])))
    if arguments.only:
        names = arguments.only.split(",")
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        nexmark = Nexmark(arguments, folder)
        try:
            read = time.monotonic()
            nexmark.start(names)
            ran = time.monotonic()
            for name in names:
                if not any(fault.startswith(f"{name}:") for fault in nexmark.faults):
                    nexmark.check(name)
        finally:
            nexmark.engine.close()
    for fault in nexmark.faults:
        print(f"failed: {fault}")
    print(f"nexmark: {len(names)} queries over {arguments.events} events, "
          f"{read - start:.0f} + {ran - read:.0f} + {time.monotonic() - ran:.0f} s, "
          f"{len(nexmark.faults)} failed")
    return 1 if nexmark.faults or not names else 0


if __name__ == "__main__":
    sys.exit(main())
