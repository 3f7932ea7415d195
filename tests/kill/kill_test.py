#!/usr/bin/env python3
"""Kills a server with -9 at random moments while files grow and rows are posted, starts it again
each time, and compares its views with those of a server that was never killed.

    tests/kill/kill_test.py MILLRACE_BINARY [--rounds 20] [--seed N] [--keep]

What must hold:
  - while it runs: totals never fall below what a reader saw before the kill, and a row that a reader
    saw in a view that emits at window close stays as it was, also where late rows make the result
    depend on where steps ended;
  - a statement that changes rows has happened as a whole or not at all, wherever the kill was, and an
    acknowledged one has; no reader sees half of one, nor a view ahead of one that it is built on;
  - at the end: every posted row that was acknowledged is there, none is there twice, none is there
    that was never sent; late rows and counted rows add up to all rows; and every other view equals
    the one of an uninterrupted run over the same files and rows.
"""

import argparse
import collections
import datetime
import http.client
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

START_SECONDS = 60
SETTLE_SECONDS = 180
BASE_TIME = datetime.datetime(2024, 5, 1)
KEYS = 23
CHECKPOINTS = "200 ms"
# Rows of the last life, however early the others were killed: they close windows of every size, and
# since all earlier rows were read before, the first of them include late ones.
LAST_ROWS = 2500

SQL = """
CREATE TABLE events (
  id BIGINT, k INT, person STRING, v BIGINT, ts TIMESTAMP(3),
  WATERMARK FOR ts AS ts - INTERVAL '3' SECOND
) WITH ('connector' = 'filesystem', 'path' = '{events}', 'format' = 'csv',
        'source.monitor-interval' = '20 ms');

-- The same files with a watermark that makes rows late.
CREATE TABLE tight_events (
  id BIGINT, k INT, person STRING, v BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts
) WITH ('connector' = 'filesystem', 'path' = '{events}', 'format' = 'csv',
        'source.monitor-interval' = '20 ms');

CREATE TABLE posted (id BIGINT, k INT, v BIGINT);

CREATE MATERIALIZED VIEW totals AS
SELECT k, COUNT(*) AS n, SUM(v) AS s, MIN(v) AS low, MAX(v) AS high FROM events GROUP BY k;

CREATE MATERIALIZED VIEW persons AS
SELECT k, COUNT(DISTINCT person) AS persons, COUNT(DISTINCT person) FILTER (WHERE v > 500) AS rich
FROM events GROUP BY k;

CREATE MATERIALIZED VIEW tumbled AS
SELECT window_start, window_end, k, COUNT(*) AS n, SUM(v) AS s
FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '5' SECOND))
GROUP BY window_start, window_end, k;

CREATE MATERIALIZED VIEW closed AS
SELECT window_start, window_end, k, COUNT(*) AS n, MAX(v) AS high
FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '5' SECOND))
GROUP BY window_start, window_end, k
EMIT ON WINDOW CLOSE;

CREATE MATERIALIZED VIEW hopped AS
SELECT window_start, window_end, COUNT(*) AS n, COUNT(DISTINCT person) AS persons
FROM TABLE(HOP(TABLE events, DESCRIPTOR(ts), INTERVAL '2' SECOND, INTERVAL '6' SECOND))
GROUP BY window_start, window_end;

CREATE MATERIALIZED VIEW picked AS
SELECT id, UPPER(person) AS person, v * 2 AS doubled FROM events WHERE v >= 990;

CREATE MATERIALIZED VIEW tight AS
SELECT window_start, window_end, COUNT(*) AS n
FROM TABLE(TUMBLE(TABLE tight_events, DESCRIPTOR(ts), INTERVAL '1' SECOND))
GROUP BY window_start, window_end;

CREATE MATERIALIZED VIEW tight_closed AS
SELECT window_start, window_end, k, COUNT(*) AS n, SUM(v) AS s
FROM TABLE(TUMBLE(TABLE tight_events, DESCRIPTOR(ts), INTERVAL '1' SECOND))
GROUP BY window_start, window_end, k
EMIT ON WINDOW CLOSE;

CREATE MATERIALIZED VIEW posted_totals AS
SELECT k, COUNT(*) AS n, SUM(v) AS s FROM posted GROUP BY k;

CREATE MATERIALIZED VIEW both_sides AS
SELECT side, k, COUNT(*) AS n
FROM (SELECT 'event' AS side, k FROM events UNION ALL SELECT 'posted' AS side, k FROM posted)
GROUP BY side, k;

-- Tables whose rows change, views on views over them, and a table that a job keeps.
CREATE TABLE account (id INT PRIMARY KEY NOT ENFORCED, owner INT, amount BIGINT);
CREATE TABLE tag (k INT, v INT) WITH ('append-only' = 'false');
CREATE TABLE mirror (owner INT PRIMARY KEY NOT ENFORCED, n BIGINT, s BIGINT);

CREATE MATERIALIZED VIEW per_owner AS
SELECT owner, COUNT(*) AS n, SUM(amount) AS s, MAX(amount) AS most FROM account GROUP BY owner;
CREATE MATERIALIZED VIEW rich AS SELECT id, amount FROM account WHERE amount > 500;
CREATE MATERIALIZED VIEW spread AS
SELECT n, COUNT(*) AS owners, SUM(s) AS s FROM per_owner GROUP BY n;
CREATE MATERIALIZED VIEW tags AS SELECT k, COUNT(*) AS n, SUM(v) AS s FROM tag GROUP BY k;
INSERT INTO mirror SELECT owner, n, s FROM per_owner;
CREATE MATERIALIZED VIEW mirrored AS SELECT owner, n, s FROM mirror;

-- Money only moves: whoever looks sees the same sum. At each start all is as in the beginning.
CREATE TABLE bank (id INT PRIMARY KEY NOT ENFORCED, amount BIGINT);
INSERT INTO bank VALUES (0, 100), (1, 100), (2, 100), (3, 100), (4, 100);
CREATE MATERIALIZED VIEW bank_total AS SELECT COUNT(*) AS n, SUM(amount) AS s FROM bank;
"""

# Views that depend on the input alone, not on where steps ended.
COMPARED = ["totals", "persons", "tumbled", "closed", "hopped", "picked", "posted_totals",
            "both_sides"]
AT_CLOSE = {"closed": 3, "tight_closed": 3}  # Columns of the key.


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    """One life of a server process."""

    def __init__(self, binary, home, init):
        self.port = free_port()
        self.log_path = home / "server.log"
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [binary, "server", "--port", str(self.port), "--data-dir", str(home / "data"),
                 "-D", f"checkpoint.interval={CHECKPOINTS}", "-D", "tables.compact-bytes=2000",
                 "-f", str(init)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def request(self, method, path, body=None, content_type="application/json"):
        """(status, decoded body). Raises OSError or HTTPException when the server goes away."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            headers = {"Content-Type": content_type} if body is not None else {}
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            text = response.read().decode("utf-8")
            return response.status, json.loads(text) if text else None
        finally:
            connection.close()

    def query(self, sql):
        """The rows of a SELECT as tuples."""
        status, body = self.request("POST", "/v1/sql", json.dumps(
            {"sql": sql, "max_rows": 10_000_000}))
        if status >= 500 and body["error"]["code"] in ("SHUTTING_DOWN", "NOT_READY"):
            raise http.client.HTTPException(body["error"]["code"])
        if status != 200:
            raise AssertionError(f"{status} {body}")
        return [tuple(row) for row in body["results"][-1]["rows"]]

    def execute(self, sql):
        """Runs statements. Raises when it is not known whether they were."""
        status, body = self.request("POST", "/v1/sql", json.dumps({"sql": sql}))
        if status >= 500:
            raise http.client.HTTPException(str(body))
        if status != 200:
            raise AssertionError(f"{status} {body}")
        return body["results"][-1]

    def wait_ready(self):
        """Whether it became ready; False when the process ended first."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                return False
            try:
                if self.request("GET", "/readyz")[0] == 200:
                    return True
            except (OSError, http.client.HTTPException):
                pass
            time.sleep(0.01)
        raise AssertionError(f"not ready after {START_SECONDS} s; see {self.log_path}")

    def kill(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        return self.process.wait()

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=START_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return "no end after SIGTERM"


class EventFiles:
    """A directory of CSV files in which whole lines are appended and files come up whole."""

    def __init__(self, home, rng):
        self.directory = home / "events"
        self.directory.mkdir()
        self.scratch = home / "scratch.csv"
        self.rng = rng
        self.rows = 0
        self.files = 0
        self.current = None

    def line(self):
        i = self.rows
        self.rows += 1
        back = self.rng.randrange(2000) if self.rng.random() < 0.2 else 0
        at = BASE_TIME + datetime.timedelta(milliseconds=2000 + 5 * i - back)
        k = self.rng.randrange(KEYS) if self.rng.random() < 0.7 else 0
        return (f"{i},{k},person {self.rng.randrange(300)},{self.rng.randrange(1000)},"
                f"{at.isoformat(sep=' ', timespec='milliseconds')}\n")

    def grow(self, rows=None):
        text = "".join(self.line() for _ in range(rows or self.rng.randrange(1, 300)))
        if self.current is None or self.rng.random() < 0.4:
            self.current = self.directory / f"{self.files:06}.csv"
            self.files += 1
            self.scratch.write_text(text, encoding="utf-8")
            self.scratch.rename(self.current)
        else:
            with open(self.current, "a", encoding="utf-8") as file:
                file.write(text)


class Poster:
    """Posts rows with new ids and knows which were acknowledged."""

    def __init__(self, rng):
        self.rng = rng
        self.sent = {}
        self.acknowledged = set()

    def post(self, server):
        rows = {}
        for _ in range(self.rng.randrange(1, 40)):
            number = len(self.sent)
            rows[number] = (number, self.rng.randrange(KEYS), self.rng.randrange(1000))
            self.sent[number] = rows[number]
        text = "".join(json.dumps(dict(zip(("id", "k", "v"), row))) + "\n" for row in rows.values())
        status, body = server.request("POST", "/v1/tables/posted/rows", text,
                                      "application/x-ndjson")
        if status == 200:
            assert body["accepted"] == len(rows), body
            self.acknowledged |= rows.keys()
        elif status < 500:
            raise AssertionError(f"{status} {body}")


class Keeper:
    """Changes rows by key, by UPDATE and by DELETE, and knows what the tables hold. The statement
    that a kill interrupts has happened as a whole or not at all."""

    def __init__(self, rng):
        self.rng = rng
        self.accounts = {}
        self.tags = collections.Counter()
        self.doubt = None  # (accounts, tags) if the last statement happened.
        self.done = 0

    def read(self, server):
        accounts = {row[0]: row[1:] for row in server.query("SELECT id, owner, amount FROM account")}
        tags = collections.Counter(server.query("SELECT k, v FROM tag"))
        return accounts, tags

    def check(self, server):
        found = self.read(server)
        allowed = [(self.accounts, self.tags)] + ([self.doubt] if self.doubt else [])
        if found not in allowed:
            raise AssertionError(f"the tables hold {found}, not one of {allowed}")
        self.accounts, self.tags = found
        self.doubt = None

    def change(self, server):
        if self.doubt is not None:
            self.check(server)
        accounts, tags = dict(self.accounts), collections.Counter(self.tags)
        action = self.rng.choice([self.upsert, self.upsert, self.upsert, self.post, self.update,
                                  self.update_key, self.delete, self.add_tags, self.update_tags,
                                  self.delete_tags, self.move])
        request = action(accounts, tags)
        self.doubt = (accounts, +tags)
        request(server)
        self.accounts, self.tags = self.doubt
        self.doubt = None
        self.done += 1

    def some_rows(self, accounts):
        rows = [(self.rng.randrange(60), self.rng.randrange(7), self.rng.randrange(1000))
                for _ in range(self.rng.randrange(1, 9))]
        for row in rows:
            accounts[row[0]] = row[1:]
        return rows

    def upsert(self, accounts, _):
        values = ", ".join(str(row) for row in self.some_rows(accounts))
        return lambda server: server.execute(f"INSERT INTO account VALUES {values}")

    def post(self, accounts, _):
        text = "".join(json.dumps(dict(zip(("id", "owner", "amount"), row))) + "\n"
                       for row in self.some_rows(accounts))

        def request(server):
            status, body = server.request("POST", "/v1/tables/account/rows", text,
                                          "application/x-ndjson")
            if status >= 500:
                raise http.client.HTTPException(str(body))
            assert status == 200, body
        return request

    def update(self, accounts, _):
        owner = self.rng.randrange(7)
        hit = [id for id, (o, _) in accounts.items() if o == owner]
        for id in hit:
            accounts[id] = ((owner + accounts[id][1]) % 7, (accounts[id][1] * 7 + 1) % 1000)
        return self.counted("UPDATE account SET owner = MOD(owner + CAST(amount AS INT), 7), amount = "
                            f"MOD(amount * 7 + 1, 1000) WHERE owner = {owner}", len(hit))

    def update_key(self, accounts, _):
        """Keys change places."""
        low = self.rng.randrange(60)
        hit = [id for id in accounts if low <= id < low + 5]
        rows = {2 * low + 4 - id: accounts[id] for id in hit}
        for id in hit:
            del accounts[id]
        accounts.update(rows)
        return self.counted(f"UPDATE account SET id = {2 * low + 4} - id "
                            f"WHERE id BETWEEN {low} AND {low + 4}", len(hit))

    def delete(self, accounts, _):
        rest, owner = self.rng.randrange(4), self.rng.randrange(7)
        hit = [id for id, (o, amount) in accounts.items() if amount % 4 == rest and o == owner]
        for id in hit:
            del accounts[id]
        return self.counted(f"DELETE FROM account WHERE MOD(amount, 4) = {rest} AND owner = {owner}",
                            len(hit))

    def add_tags(self, _, tags):
        rows = [(self.rng.randrange(5), self.rng.randrange(3)) for _ in range(5)]
        tags.update(rows)
        return lambda server: server.execute(
            "INSERT INTO tag VALUES " + ", ".join(str(row) for row in rows))

    def update_tags(self, _, tags):
        k, n = self.rng.randrange(5), 0
        for row in [row for row in tags if row[0] == k]:
            count = tags.pop(row)
            tags[((k + 1) % 5, row[1])] += count
            n += count
        return self.counted(f"UPDATE tag SET k = MOD(k + 1, 5) WHERE k = {k}", n)

    def delete_tags(self, _, tags):
        v, k = self.rng.randrange(3), self.rng.randrange(5)
        return self.counted(f"DELETE FROM tag WHERE v = {v} AND k = {k}", tags.pop((k, v), 0))

    def move(self, _, __):
        a, b = self.rng.sample(range(5), 2)
        return self.counted(f"UPDATE bank SET amount = amount + CASE id WHEN {a} THEN 3 ELSE -3 END "
                            f"WHERE id IN ({a}, {b})", 2)

    @staticmethod
    def counted(sql, expected):
        def request(server):
            result = server.execute(sql)
            assert result["affected_rows"] == expected, (sql, result, expected)
        return request

    def views(self):
        """What the views hold when everything was read."""
        owners = collections.defaultdict(list)
        for owner, amount in self.accounts.values():
            owners[owner].append(amount)
        per_owner = [(o, len(a), sum(a), max(a)) for o, a in owners.items()]
        spread = collections.defaultdict(list)
        for row in per_owner:
            spread[row[1]].append(row[2])
        tags = collections.defaultdict(list)
        for row in self.tags.elements():
            tags[row[0]].append(row[1])
        return {
            "per_owner": per_owner,
            "rich": [(id, a) for id, (_, a) in self.accounts.items() if a > 500],
            "spread": [(n, len(s), sum(s)) for n, s in spread.items()],
            "mirrored": [row[:3] for row in per_owner],
            "tags": [(k, len(v), sum(v)) for k, v in tags.items()],
        }


class Reader:
    """Remembers what it saw, over all lives of the server."""

    def __init__(self):
        self.totals = collections.Counter()
        self.closed = {name: {} for name in AT_CLOSE}
        self.reads = 0
        self.faults = []

    def read(self, server):
        for view in ("totals", "posted_totals"):
            total = sum(row[0] for row in server.query(f"SELECT n FROM {view}"))
            if total < self.totals[view]:
                self.faults.append(f"{view}: {total} rows after {self.totals[view]}")
            self.totals[view] = total
        for view, width in AT_CLOSE.items():
            found = {row[:width]: row[width:] for row in server.query(f"SELECT * FROM {view}")}
            for key, values in self.closed[view].items():
                if found.get(key) != values:
                    self.faults.append(f"{view}: {key} was {values} and is {found.get(key)}")
            self.closed[view] = found
        total = server.query("SELECT * FROM bank_total")
        if total not in ([], [(5, 500)]):
            self.faults.append(f"bank_total: {total}")
        total = server.query("SELECT COUNT(*), SUM(amount) FROM bank")
        if total not in ([(0, None)], [(5, 500)]):
            self.faults.append(f"bank: {total}")
        # Views of one pipeline, in one query.
        total = server.query("SELECT SUM(s) FROM (SELECT s FROM per_owner UNION ALL "
                             "SELECT -s AS s FROM spread)")
        if total not in ([(None,)], [(0,)]):
            self.faults.append(f"spread is not that of per_owner: {total}")
        self.reads += 1


class Checks:
    def __init__(self):
        self.passed = 0
        self.failed = 0

    def that(self, fine, message):
        if fine:
            self.passed += 1
        else:
            self.failed += 1
            print("FAILED:", message)


def keep_going(stop, period, rng, *actions):
    """Repeats the actions until `stop` or until the server is gone; returns what went wrong."""
    while not stop.is_set():
        for action in actions:
            try:
                action()
            except (OSError, http.client.HTTPException, json.JSONDecodeError):
                return
        stop.wait(rng.random() * period)


def run_thread(faults, *arguments):
    def body():
        try:
            keep_going(*arguments)
        except AssertionError as error:
            faults.append(str(error))
    thread = threading.Thread(target=body)
    thread.start()
    return thread


def one_life(binary, home, init, rng, files, actors, faults):
    """Starts the server, lets things happen, kills it. Returns how it was killed."""
    server = Server(binary, home, init)
    if rng.random() < 0.15:  # In the middle of starting.
        time.sleep(rng.random() * 0.15)
        files.grow()
        server.kill()
        return "while starting"
    if not server.wait_ready():
        raise AssertionError(f"ended with {server.process.returncode} at the start; "
                             f"see {server.log_path}")
    poster, keeper, reader = actors
    stop = threading.Event()
    threads = [run_thread(faults, stop, 0.01, random.Random(rng.random()),
                          lambda: keeper.change(server)),
               run_thread(faults, stop, 0.05, random.Random(rng.random()),
                          lambda: poster.post(server)),
               run_thread(faults, stop, 0.2, random.Random(rng.random()),
                          lambda: reader.read(server))]
    end = time.monotonic() + rng.random() * 1.2
    while time.monotonic() < end:
        files.grow()
        time.sleep(rng.random() * 0.15)
    how = "while running"
    if rng.random() < 0.15:
        server.process.send_signal(signal.SIGTERM)
        time.sleep(rng.random() * 0.05)
        how = "while stopping"
    server.kill()
    stop.set()
    for thread in threads:
        thread.join()
    return how


def settle(server, rows):
    """Waits until all events are in the views."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        seen = sum(row[0] for row in server.query("SELECT n FROM totals"))
        tight = server.query("SELECT COUNT(*) FROM tight$late")[0][0] + sum(
            row[0] for row in server.query("SELECT n FROM tight"))
        if seen == rows and tight >= rows:
            break
        if time.monotonic() > deadline:
            raise AssertionError(f"{seen} and {tight} of {rows} events after {SETTLE_SECONDS} s")
        time.sleep(0.05)
    server.request("POST", "/v1/sql", json.dumps({"sql": "FLUSH"}))


def views_of(server):
    return {name: sorted(server.query(f"SELECT * FROM {name}"), key=repr) for name in COMPARED}


def difference(mine, theirs):
    mine, theirs = collections.Counter(mine), collections.Counter(theirs)
    return (f"only without kills {sorted((mine - theirs).elements(), key=repr)[:5]}, "
            f"only with {sorted((theirs - mine).elements(), key=repr)[:5]}")


def check_posted(checks, server, poster):
    rows = server.query("SELECT id, k, v FROM posted")
    found = {row[0]: row for row in rows}
    checks.that(len(found) == len(rows), f"{len(rows) - len(found)} posted rows are there twice")
    lost = poster.acknowledged - found.keys()
    checks.that(not lost, f"{len(lost)} acknowledged rows are lost, e.g. {sorted(lost)[:5]}")
    strange = [row for row in rows if poster.sent.get(row[0]) != row]
    checks.that(not strange, f"rows nobody sent: {strange[:5]}")
    return rows


def check_kept(checks, server, keeper):
    try:
        keeper.check(server)
        checks.that(True, "")
    except AssertionError as error:
        checks.that(False, str(error))
    for name, rows in keeper.views().items():
        found = server.query(f"SELECT * FROM {name}")
        checks.that(sorted(found) == sorted(rows),
                    f"{name}: {sorted(found)} instead of {sorted(rows)}")


def check_late(checks, server, rows):
    late = server.query("SELECT COUNT(*) FROM tight$late")[0][0]
    counted = sum(row[0] for row in server.query("SELECT n FROM tight"))
    checks.that(late + counted == rows, f"{late} late and {counted} counted of {rows} rows")
    checks.that(late > 0, "no row was late: the test lost its point")
    for name in COMPARED:
        errors = server.query(f"SELECT COUNT(*) FROM {name}$errors")[0][0]
        checks.that(errors == 0, f"{name}$errors has {errors} rows")


def uninterrupted(binary, home, init, rows, posted):
    server = Server(binary, home, init)
    try:
        if not server.wait_ready():
            raise AssertionError(f"the uninterrupted server ended; see {server.log_path}")
        text = "".join(json.dumps(dict(zip(("id", "k", "v"), row))) + "\n" for row in posted)
        if text:
            status, body = server.request("POST", "/v1/tables/posted/rows", text,
                                          "application/x-ndjson")
            assert status == 200, body
        settle(server, rows)
        return views_of(server)
    finally:
        server.kill()


def run(options, home, checks):
    rng = random.Random(options.seed)
    files = EventFiles(home, rng)
    init = home / "init.sql"
    init.write_text(SQL.format(events=files.directory), encoding="utf-8")
    poster, reader, faults = Poster(random.Random(rng.random())), Reader(), []
    keeper = Keeper(random.Random(rng.random()))
    killed, fresh = home / "killed", home / "fresh"
    killed.mkdir()
    fresh.mkdir()

    kills = collections.Counter()
    for number in range(options.rounds):
        kills[one_life(options.binary, killed, init, rng, files, (poster, keeper, reader), faults)] += 1
        checks.that(not faults and not reader.faults,
                    f"round {number}: {(faults + reader.faults)[:3]}")
        faults.clear()
        reader.faults.clear()

    files.grow()
    server = Server(options.binary, killed, init)
    try:
        checks.that(server.wait_ready(), "the server did not start after the last kill")
        settle(server, files.rows)
        files.grow(LAST_ROWS)
        settle(server, files.rows)
        reader.read(server)
        checks.that(not reader.faults, f"at the end: {reader.faults[:3]}")
        posted = check_posted(checks, server, poster)
        check_late(checks, server, files.rows)
        check_kept(checks, server, keeper)
        with_kills = views_of(server)
        code = server.terminate()
        checks.that(code == 0, f"SIGTERM: {code}")
    finally:
        server.kill()

    without_kills = uninterrupted(options.binary, fresh, init, files.rows, posted)
    for name in COMPARED:
        checks.that(bool(without_kills[name]), f"{name} is empty")
        checks.that(without_kills[name] == with_kills[name],
                    f"{name}: {difference(without_kills[name], with_kills[name])}")
    print(f"{sum(kills.values())} kills ({', '.join(f'{n} {how}' for how, n in kills.items())}), "
          f"{files.rows} events in {files.files} files, {len(poster.sent)} rows posted, "
          f"{len(poster.acknowledged)} acknowledged, {keeper.done} changes, {reader.reads} reads")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("binary", type=os.path.abspath)
    parser.add_argument("--rounds", type=int, default=int(os.environ.get("MILLRACE_KILL_ROUNDS", 20)))
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--keep", action="store_true", help="keep the directories")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)

    home = pathlib.Path(tempfile.mkdtemp(prefix="millrace-kill-"))
    checks = Checks()
    try:
        run(options, home, checks)
    except (AssertionError, OSError, http.client.HTTPException) as error:
        checks.that(False, f"{type(error).__name__}: {error}")
    if checks.failed or options.keep:
        print(f"The directories and logs are in {home}")
    else:
        shutil.rmtree(home)
    print(f"{checks.passed} passed, {checks.failed} failed")
    return 1 if checks.failed else 0


if __name__ == "__main__":
    sys.exit(main())
