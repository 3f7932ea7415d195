#!/usr/bin/env python3
"""Writes a .test file of session windows over random rows, with the answers by brute force.

    tests/oracle/sessions.py --seed 1 > tests/sql/window/session_random.test
"""

import argparse
import random

GAP = 10
DELAY = 15  # Of the watermark.

HEADER = """# Made by tests/oracle/sessions.py --seed {seed}: random rows, the answers by brute force.

statement
CREATE TABLE e (k STRING, x INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '{delay}' SECOND);
CREATE MATERIALIZED VIEW v AS
SELECT k, window_start, window_end, COUNT(*) AS n, SUM(x) AS s
FROM TABLE(SESSION(TABLE e PARTITION BY k, DESCRIPTOR(ts), INTERVAL '{gap}' SECOND))
GROUP BY k, window_start, window_end;
CREATE MATERIALIZED VIEW c AS
SELECT k, window_start, window_end, MAX(x) AS hi
FROM TABLE(SESSION(TABLE e PARTITION BY k, DESCRIPTOR(ts), INTERVAL '{gap}' SECOND))
GROUP BY k, window_start, window_end EMIT ON WINDOW CLOSE;
CREATE MATERIALIZED VIEW d AS
SELECT k, window_start, window_end, COUNT(DISTINCT x) AS n
FROM TABLE(SESSION(TABLE e PARTITION BY k, DESCRIPTOR(ts), INTERVAL '{gap}' SECOND))
GROUP BY k, window_start, window_end;
"""


def clock(second):
    if second < 0:
        return "'1969-12-31 23:%02d:%02d'" % divmod(3600 + second, 60)
    return "%02d:%02d:%02d" % (second // 3600, second // 60 % 60, second % 60)


def sessions(rows):
    """Lists of rows (k, x, t) of one key, each at most a gap behind the one before."""
    found = []
    for row in sorted(rows, key=lambda r: (r[0], r[2])):
        last = found[-1][-1] if found else None
        if last and last[0] == row[0] and row[2] - last[2] <= GAP:
            found[-1].append(row)
        else:
            found.append([row])
    return found


def end(session):
    return session[-1][2] + GAP


class Oracle:
    def __init__(self):
        self.open, self.closed, self.late = [], [], 0
        self.before = None  # The watermark when the step begins.

    def step(self, rows):
        old = set(map(id, self.open))
        kept = []
        for session in sessions(self.open + rows):
            # An end is one millisecond behind the window's last instant.
            if self.before is not None and end(session) - 0.001 <= self.before:
                assert not any(id(row) in old for row in session)
                self.late += len(session)
            else:
                kept += session
        watermark = max([row[2] for row in rows] + [-10**9]) - DELAY
        self.before = watermark if self.before is None else max(self.before, watermark)
        self.open = []
        for session in sessions(kept):
            if end(session) - 0.001 <= self.before:
                self.closed.append(session)
            else:
                self.open += session

    def closed_sessions(self):
        return self.closed

    def all_sessions(self):
        return self.closed + sessions(self.open)


def answer(view, rows):
    print("\nquery sort\nSELECT * FROM %s\n----" % view)
    for row in rows:
        print(" ".join(map(str, row)))


def bounds(session):
    return session[0][0], clock(session[0][2]), clock(end(session))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", type=int, default=16)
    arguments = parser.parse_args()
    random.seed(arguments.seed)
    oracle = Oracle()
    print(HEADER.format(seed=arguments.seed, delay=DELAY, gap=GAP), end="")
    now = 20
    for step in range(arguments.steps):
        now += random.choice([0, 3, 8, 25])
        rows = []
        for _ in range(random.choice([1, 2, 3, 8])):
            behind = random.choice([0, 0, 5, 12, 30, 60])
            rows.append((random.choice("aab"), random.randrange(5),
                         now - random.randrange(behind + 1)))
        print("\ninput e")
        for k, x, t in rows:
            print("+", k, x, clock(t))
        oracle.step(rows)
        if step % 3 != 2:
            continue
        answer("v", [(*bounds(s), len(s), sum(r[1] for r in s)) for s in oracle.all_sessions()])
        answer("c", [(*bounds(s), max(r[1] for r in s)) for s in oracle.closed_sessions()])
        answer("d", [(*bounds(s), len({r[1] for r in s})) for s in oracle.all_sessions()])
        for view in "vcd":
            print("\nquery\nSELECT COUNT(*) FROM %s$late\n----\n%d" % (view, oracle.late))


if __name__ == "__main__":
    main()
