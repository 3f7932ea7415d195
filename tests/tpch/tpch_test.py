#!/usr/bin/env python3
"""TPC-H's 22 queries as materialized views, made before the data, against PostgreSQL: after the load
and after each of several refreshes with inserts, deletes and updates, with restarts between.

    tests/tpch/tpch_test.py ENGINE_DRIVER TPCH_GEN [--scale 0.01] [--refreshes 4] [--seed 1]

The views are those of sql-examples/tpch. A query that the engine does not support yet is listed.
"""

import argparse
import os
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import time
from decimal import Decimal

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/random"))

from engine import Engine, EngineError
from postgres import Missing, Server

SKIPPED = 77  # CTest's SKIP_RETURN_CODE.
EXAMPLES = ROOT / "sql-examples/tpch"
TABLES = ["region", "nation", "supplier", "part", "partsupp", "customer", "orders", "lineitem"]
CHUNK_ROWS = 20_000
# Quotients of decimals have six digits or more here, sixteen or more in PostgreSQL.
TOLERANCE = Decimal("0.000002")
INDEXES = """CREATE INDEX ON lineitem (l_partkey, l_suppkey); CREATE INDEX ON lineitem (l_suppkey);
CREATE INDEX ON orders (o_custkey); CREATE INDEX ON partsupp (ps_suppkey); ANALYZE"""


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("driver")
    parser.add_argument("generator")
    parser.add_argument("--scale", type=float, default=0.01)
    parser.add_argument("--refreshes", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--partitions", type=int, default=2)
    parser.add_argument("--only", help="queries, as q01,q17")
    return parser.parse_args()


def read_queries(scale, only):
    """{name: the SELECT}."""
    queries = {}
    for path in sorted(EXAMPLES.glob("q*.sql")):
        if only and path.stem not in only.split(","):
            continue
        text = re.sub(r"--.*", "", path.read_text(encoding="utf-8")).strip().rstrip(";")
        select = re.fullmatch(r"CREATE MATERIALIZED VIEW \w+ AS\s+(.*)", text, re.DOTALL)[1]
        # Query 11 divides its share by the scale factor.
        queries[path.stem] = select.replace("* 0.0001", f"* {0.0001 / scale:.8f}")
    return queries


def normal(field, type_):
    if field is None:
        return None
    if type_.startswith(("DECIMAL", "DOUBLE", "BIGINT", "INTEGER", "SMALLINT")):
        return Decimal(field)
    return field


def same(left, right):
    if left == right:
        return True
    if not isinstance(left, Decimal) or not isinstance(right, Decimal):
        return False
    return abs(left - right) <= TOLERANCE * max(1, abs(left) / 10**9)


def row_key(row):
    """Sorts rows alike on both sides: decimals are rounded far coarser than they may differ."""
    return tuple("" if f is None else f"{f:.3f}" if isinstance(f, Decimal) else f for f in row)


class Comparison:
    def __init__(self, engine, postgres, arguments):
        self.engine, self.postgres, self.arguments = engine, postgres, arguments
        self.random = random.Random(arguments.seed)
        self.queries = read_queries(arguments.scale, arguments.only)
        self.keyed = True
        self.faults = []
        self.compared = 0
        self.seconds = 0

    def create(self):
        """Tables, then the views, over no data yet."""
        self.engine.call("open", f"{self.arguments.partitions} 1024 65536")
        tables = (EXAMPLES / "tables.sql").read_text(encoding="utf-8")
        tables = re.sub(r"--.*", "", tables)
        self.keyed = self._takes_changes()
        if not self.keyed:
            print("tables are append-only: no primary keys, no deletes, no updates")
        self.engine.call("sql", tables if self.keyed else without_keys(tables))
        self.postgres.query(tables.replace("STRING", "TEXT").replace(" NOT ENFORCED", ""))
        for name, select in list(self.queries.items()):
            try:
                self.engine.call("sql", f"CREATE MATERIALIZED VIEW {name} AS {select}")
            except EngineError as error:
                print(f"{name} left out: {error.code}: {error}")
                if error.code != "UNSUPPORTED_FEATURE":
                    self.faults.append(f"{name}: {error.code}")
                del self.queries[name]

    def _takes_changes(self):
        try:
            self.engine.call("sql", "CREATE TABLE probe (a INT, b INT, PRIMARY KEY (a) NOT ENFORCED);"
                             "INSERT INTO probe VALUES (1, 2); UPDATE probe SET b = 3 WHERE a = 1;"
                             "DELETE FROM probe WHERE a = 1; DROP TABLE probe")
            return True
        except EngineError as error:
            if error.code != "UNSUPPORTED_FEATURE":
                raise
            self.engine.call("open", f"{self.arguments.partitions} 1024 65536")
            return False

    def load(self, folder):
        """Chunks of all tables in a random order, with steps between."""
        chunks = []
        for table in TABLES:
            lines = (folder / f"{table}.tbl").read_bytes().splitlines(keepends=True)
            self.postgres.copy_in(table, b"".join(lines))
            chunks += [(table, lines[at:at + CHUNK_ROWS]) for at in range(0, len(lines), CHUNK_ROWS)]
        self.random.shuffle(chunks)
        self.postgres.query(INDEXES)
        start = time.monotonic()
        for table, lines in chunks:
            self.engine.load(table, lines)
            if self.random.random() < 0.5:
                self.engine.call("step")
        self.engine.call("drain")
        self.seconds += time.monotonic() - start

    def refresh(self, folder, number):
        start = time.monotonic()
        for table in ("orders", "lineitem"):
            lines = (folder / f"{table}.u{number}.tbl").read_bytes().splitlines(keepends=True)
            self.engine.load(table, lines)
            self.postgres.copy_in(table, b"".join(lines))
        if self.random.random() < 0.5:
            self.engine.call("step")
        if self.keyed:
            keys = (folder / f"delete.{number}.tbl").read_text(encoding="utf-8").split()
            for table, column in (("orders", "o_orderkey"), ("lineitem", "l_orderkey")):
                self.both(f"DELETE FROM {table} WHERE {column} IN ({', '.join(keys)})")
            for statement in self.updates():
                self.both(statement)
        self.engine.call("drain")
        self.seconds += time.monotonic() - start

    def updates(self):
        """Beyond the specification: rows of every size of table change."""
        r = self.random
        suppliers = max(1, round(10_000 * self.arguments.scale))
        parts = max(1, round(200_000 * self.arguments.scale))
        customers = max(1, round(150_000 * self.arguments.scale))
        part, supplier = r.randint(1, parts), r.randint(1, suppliers)
        yield f"UPDATE supplier SET s_nationkey = {r.randint(0, 24)} WHERE s_suppkey = {supplier}"
        yield (f"UPDATE customer SET c_nationkey = {r.randint(0, 24)}, c_acctbal = c_acctbal + 1000 "
               f"WHERE c_custkey % 97 = {r.randint(0, min(96, customers))}")
        yield f"UPDATE part SET p_name = 'forest green', p_size = 15 WHERE p_partkey = {part}"
        yield f"UPDATE partsupp SET ps_supplycost = ps_supplycost - 0.01 WHERE ps_partkey % 50 = {r.randint(0, 49)}"
        yield f"DELETE FROM partsupp WHERE ps_partkey = {part} AND ps_suppkey % 2 = 0"
        yield (f"UPDATE lineitem SET l_quantity = l_quantity + 1, l_receiptdate = l_commitdate "
               f"WHERE l_orderkey % 101 = {r.randint(0, 100)}")
        yield f"UPDATE orders SET o_orderstatus = 'F' WHERE o_orderkey % 53 = {r.randint(0, 52)}"
        yield f"DELETE FROM customer WHERE c_custkey = {r.randint(1, customers)}"
        a, b = r.sample(range(25), 2)
        yield f"UPDATE nation SET n_regionkey = {r.randint(0, 4)} WHERE n_nationkey IN ({a}, {b})"

    def both(self, sql):
        self.engine.call("sql", sql)
        self.postgres.query(sql)

    def restart(self):
        r = self.random
        if r.random() < 0.5:
            self.engine.call("checkpoint")
        self.engine.call("crash", f"{r.randint(1, 3)} {r.choice([64, 1024, 4096])}")

    def compare(self, when):
        for name, select in self.queries.items():
            self.compared += 1
            self.postgres.send(select)
            self.engine.send("query", f"SELECT * FROM {name}")
            expected = self.postgres.receive()
            types, actual = self.engine.receive_typed_rows()
            fault = difference(expected, actual, types)
            if fault:
                self.faults.append(f"{name} {when}")
                print(f"{name} {when}: {fault}", flush=True)
        for job in self.engine.call("jobs"):
            name, state, error, errors, _ = job.split("\t")
            if state != "RUNNING" or errors != "0":
                self.faults.append(f"{name} {when}: {state}")
                print(f"{name} {when}: {state} {error}, {errors} error rows", flush=True)


def without_keys(tables):
    return re.sub(r",\s*PRIMARY KEY \([^)]*\) NOT ENFORCED", "", tables)


def difference(expected, actual, types):
    expected = sorted(([normal(f, t) for f, t in zip(row, types)] for row in expected), key=row_key)
    actual = sorted(([normal(f, t) for f, t in zip(row, types)] for row in actual), key=row_key)
    if len(expected) != len(actual):
        missing = [row for row in expected if row not in actual][:2]
        surplus = [row for row in actual if row not in expected][:2]
        return f"{len(actual)} rows, expected {len(expected)}; missing {missing}, too many {surplus}"
    for left, right in zip(expected, actual):
        if not all(same(a, b) for a, b in zip(left, right)):
            return f"expected {left}, got {right}"
    return ""


def run(arguments, engine, server):
    comparison = Comparison(engine, server.connect(), arguments)
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as folder:
        subprocess.run([arguments.generator, folder, str(arguments.scale), str(arguments.seed),
                        str(arguments.refreshes)], check=True)
        folder = pathlib.Path(folder)
        comparison.create()
        comparison.load(folder)
        comparison.compare("after the load")
        for number in range(1, arguments.refreshes + 1):
            comparison.refresh(folder, number)
            comparison.compare(f"after refresh {number}")
            if number % 2 == 1:
                comparison.restart()
                comparison.compare(f"after restart {number}")
    return comparison


def main():
    arguments = parse_arguments()
    if "MILLRACE_TEST_CELLS" in os.environ:  # Under sanitizers.
        # Fewer rounds, not fewer rows: with few suppliers the formula gives a part one of them twice.
        arguments.refreshes = min(arguments.refreshes, 1)
    try:
        server = Server({"work_mem": "64MB"})
    except Missing as missing:
        print(f"SKIPPED: PostgreSQL cannot be had: {missing}")
        return SKIPPED
    engine = Engine(arguments.driver)
    start = time.monotonic()
    try:
        comparison = run(arguments, engine, server)
    finally:
        engine.close()
        server.close()
    for fault in comparison.faults:
        print(f"failed: {fault}")
    print(f"tpch: {len(comparison.queries)} of 22 queries at scale {arguments.scale}, "
          f"{arguments.refreshes} refreshes, {comparison.compared} comparisons, "
          f"{comparison.seconds:.1f} s in the engine of {time.monotonic() - start:.1f} s, "
          f"{len(comparison.faults)} failed")
    return 1 if comparison.faults or not comparison.compared else 0


if __name__ == "__main__":
    sys.exit(main())
