#!/usr/bin/env python3
"""Views over recorded data, compared with what this file computes from the same files by itself.

    tests/data/real_data_test.py MILLRACE_BINARY [unittest's arguments]

The excerpts in tests/data/excerpts are made up and always there. The recorded sets are looked for in
$MILLRACE_DATA, else in ../shared/data beside the checkout; without them their tests are skipped.
"""

import collections
import csv
import datetime
import decimal
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
CHECKOUT = HERE.parent.parent
RECORDED = pathlib.Path(os.environ.get("MILLRACE_DATA", CHECKOUT.parent / "shared" / "data"))
PARTITIONS = (1, 3)
TIMEOUT_SECONDS = 300
BINARY = "millrace"

MINUTE = datetime.timedelta(minutes=1)
HOUR = datetime.timedelta(hours=1)
DAY = datetime.timedelta(days=1)
EPOCH = datetime.datetime(1970, 1, 1)


# ---- Running Millrace.

def run_sql(sql, partitions):
    """The rows of the script's SELECT as dicts."""
    with tempfile.TemporaryDirectory() as directory:
        script = pathlib.Path(directory) / "script.sql"
        script.write_text(f"SET 'parallelism.default' = '{partitions}';\n{sql}", encoding="utf-8")
        done = subprocess.run([BINARY, "run", str(script), "-o", "ndjson"], capture_output=True,
                              timeout=TIMEOUT_SECONDS, check=False)
    if done.returncode != 0:
        raise AssertionError(f"exit code {done.returncode}\n{done.stderr.decode()}\n{sql}")
    return [json.loads(line) for line in done.stdout.decode("utf-8").splitlines() if line]


# ---- Computing it ourselves.

def tumble(time, size):
    start = time - (time - EPOCH) % size
    return [(start, start + size)]


def hop(time, slide, size):
    last = time - (time - EPOCH) % slide
    starts = [last - slide * i for i in range(size // slide)]
    return [(start, start + size) for start in starts if start + size > time]


def cumulate(time, step, size):
    start = time - (time - EPOCH) % size
    first = (time - start) // step + 1
    return [(start, start + step * i) for i in range(first, size // step + 1)]


def group(rows, keys):
    """Rows by key; `keys(row)` gives the keys of one row."""
    groups = collections.defaultdict(list)
    for row in rows:
        for key in keys(row):
            groups[key].append(row)
    return groups


def read_csv(path):
    with open(path, newline="", encoding="utf-8") as file:
        return [{name: value if value != "" else None for name, value in row.items()}
                for row in csv.DictReader(file)]


def read_retail(root):
    rows = []
    for path in sorted((root / "retail").glob("*.csv")):
        rows += read_csv(path)
    for row in rows:
        row["Quantity"] = int(row["Quantity"])
        row["UnitPrice"] = decimal.Decimal(row["UnitPrice"])
        row["InvoiceDate"] = datetime.datetime.fromisoformat(row["InvoiceDate"])
        row["revenue"] = row["Quantity"] * row["UnitPrice"]
    return rows


def read_series(path):
    return [(datetime.datetime.fromisoformat(row["timestamp"]), float(row["value"]))
            for row in read_csv(path)]


# ---- Comparing.

def comparable(value):
    """A value of either side in one form: times as text, decimals and integers as Decimal."""
    if isinstance(value, datetime.datetime):
        return value.isoformat(sep="T", timespec="milliseconds")
    if isinstance(value, decimal.Decimal):
        return value.normalize()
    if isinstance(value, int) and not isinstance(value, bool):
        return decimal.Decimal(value).normalize()
    return value


class DataTest:
    """The tests of one set of files; `root` is set by the subclasses."""

    root = None
    maxDiff = 4000

    @classmethod
    def setUpClass(cls):
        if not cls.root.is_dir():
            print(f"NOTICE: {cls.root} is missing: the tests of {cls.__name__} are skipped",
                  file=sys.stderr)
            raise unittest.SkipTest(f"{cls.root} is missing")
        cls.retail = read_retail(cls.root)
        cls.sensor = read_series(cls.root / "sensors" / "machine_temperature.csv")
        cls.tweets = {path.stem: read_series(path)
                      for path in sorted((cls.root / "tweets").glob("*.csv"))}

    def check(self, sql, names, expected, approximate=()):
        """The script's rows are `expected` (tuples in the order of `names`), in any order."""
        self.assertTrue(expected, "the computation found no rows")
        decimals = {name for i, name in enumerate(names)
                    if any(isinstance(row[i], decimal.Decimal) for row in expected)}
        exact = [i for i, name in enumerate(names) if name not in approximate]
        wanted = self.keyed([[comparable(value) for value in row] for row in expected], exact)
        for partitions in PARTITIONS:
            with self.subTest(partitions=partitions):
                rows = []
                for row in run_sql(sql, partitions):
                    self.assertEqual(list(row), list(names))
                    rows.append([comparable(decimal.Decimal(str(value)))
                                 if name in decimals and value is not None else comparable(value)
                                 for name, value in row.items()])
                found = self.keyed(rows, exact)
                self.assertEqual(sorted(found, key=repr)[:50], sorted(wanted, key=repr)[:50])
                self.assertEqual(found.keys(), wanted.keys())
                for key, values in wanted.items():
                    for mine, theirs in zip(values, found[key]):
                        self.assertAlmostEqual(mine, theirs, delta=1e-9 * max(1, abs(mine)),
                                               msg=str(key))

    def keyed(self, rows, exact):
        """{exact values: approximate values}; equal rows count."""
        result = {}
        for row in rows:
            key = tuple(row[i] for i in exact)
            count = 0
            while (key, count) in result:
                count += 1
            result[key, count] = [float(v) for i, v in enumerate(row) if i not in exact]
        return result

    # -- retail

    def retail_sql(self, statements):
        return f"""
            CREATE TABLE retail (
              InvoiceNo STRING, StockCode STRING, Description STRING, Quantity INT,
              InvoiceDate TIMESTAMP(3), UnitPrice DECIMAL(10, 2), CustomerID STRING,
              Country STRING,
              WATERMARK FOR InvoiceDate AS InvoiceDate
            ) WITH ('connector' = 'filesystem', 'path' = '{self.root / "retail"}',
                    'format' = 'csv', 'csv.header' = 'true', 'csv.null-literal' = '');
            {statements}"""

    def test_revenue_per_country_and_day(self):
        groups = group(self.retail, lambda row: [
            (row["Country"], *window) for window in tumble(row["InvoiceDate"], DAY)])
        self.check(self.retail_sql("""
            CREATE MATERIALIZED VIEW v AS
            SELECT Country, window_start, window_end, SUM(Quantity * UnitPrice) AS revenue,
                   COUNT(*) AS lines
            FROM TABLE(TUMBLE(TABLE retail, DESCRIPTOR(InvoiceDate), INTERVAL '1' DAY))
            GROUP BY Country, window_start, window_end;
            SELECT * FROM v;"""),
            ("Country", "window_start", "window_end", "revenue", "lines"),
            [(*key, sum(row["revenue"] for row in rows), len(rows))
             for key, rows in groups.items()])

    def test_revenue_per_hour_at_window_close(self):
        groups = group(self.retail, lambda row: tumble(row["InvoiceDate"], HOUR))
        self.check(self.retail_sql("""
            CREATE MATERIALIZED VIEW v AS
            SELECT window_start, window_end, SUM(Quantity * UnitPrice) AS revenue,
                   SUM(Quantity) AS items, MAX(UnitPrice) AS dearest
            FROM TABLE(TUMBLE(TABLE retail, DESCRIPTOR(InvoiceDate), INTERVAL '1' HOUR))
            GROUP BY window_start, window_end
            EMIT ON WINDOW CLOSE;
            SELECT * FROM v;"""),
            ("window_start", "window_end", "revenue", "items", "dearest"),
            [(*key, sum(row["revenue"] for row in rows), sum(row["Quantity"] for row in rows),
              max(row["UnitPrice"] for row in rows)) for key, rows in groups.items()])

    def test_revenue_per_hour_as_group_window(self):
        groups = group(self.retail, lambda row: tumble(row["InvoiceDate"], HOUR))
        self.check(self.retail_sql("""
            CREATE MATERIALIZED VIEW v AS
            SELECT TUMBLE_START(InvoiceDate, INTERVAL '1' HOUR) AS hour_start,
                   TUMBLE_END(InvoiceDate, INTERVAL '1' HOUR) AS hour_end,
                   SUM(Quantity * UnitPrice) AS revenue
            FROM retail
            GROUP BY TUMBLE(InvoiceDate, INTERVAL '1' HOUR);
            SELECT * FROM v;"""),
            ("hour_start", "hour_end", "revenue"),
            [(*key, sum(row["revenue"] for row in rows)) for key, rows in groups.items()])

    def test_hopping_counts(self):
        groups = group(self.retail, lambda row: hop(row["InvoiceDate"], 15 * MINUTE, HOUR))
        for emit in ("", "EMIT ON WINDOW CLOSE"):
            with self.subTest(emit=emit):
                self.check(self.retail_sql(f"""
                    CREATE MATERIALIZED VIEW v AS
                    SELECT window_start, window_end, COUNT(*) AS lines, MIN(Quantity) AS least
                    FROM TABLE(HOP(TABLE retail, DESCRIPTOR(InvoiceDate), INTERVAL '15' MINUTE,
                                   INTERVAL '1' HOUR))
                    GROUP BY window_start, window_end {emit};
                    SELECT * FROM v;"""),
                    ("window_start", "window_end", "lines", "least"),
                    [(*key, len(rows), min(row["Quantity"] for row in rows))
                     for key, rows in groups.items()])

    def test_cumulated_revenue(self):
        groups = group(self.retail, lambda row: cumulate(row["InvoiceDate"], 6 * HOUR, DAY))
        self.check(self.retail_sql("""
            CREATE MATERIALIZED VIEW v AS
            SELECT window_start, window_end, SUM(Quantity * UnitPrice) AS revenue
            FROM TABLE(CUMULATE(TABLE retail, DESCRIPTOR(InvoiceDate), INTERVAL '6' HOUR,
                                INTERVAL '1' DAY))
            GROUP BY window_start, window_end;
            SELECT * FROM v;"""),
            ("window_start", "window_end", "revenue"),
            [(*key, sum(row["revenue"] for row in rows)) for key, rows in groups.items()])

    def test_cascaded_windows(self):
        per_hour = group(self.retail, lambda row: tumble(row["InvoiceDate"], HOUR))
        per_day = collections.defaultdict(list)
        for (start, _), rows in per_hour.items():
            per_day[tumble(start, DAY)[0]].append(len(rows))
        self.check(self.retail_sql("""
            CREATE VIEW per_hour AS
            SELECT window_start, window_end, window_time AS hour_time, COUNT(*) AS lines
            FROM TABLE(TUMBLE(TABLE retail, DESCRIPTOR(InvoiceDate), INTERVAL '1' HOUR))
            GROUP BY window_start, window_end, window_time;
            CREATE MATERIALIZED VIEW v AS
            SELECT window_start, window_end, COUNT(*) AS hours, MAX(lines) AS busiest
            FROM TABLE(TUMBLE(TABLE per_hour, DESCRIPTOR(hour_time), INTERVAL '1' DAY))
            GROUP BY window_start, window_end;
            SELECT * FROM v;"""),
            ("window_start", "window_end", "hours", "busiest"),
            [(*key, len(counts), max(counts)) for key, counts in per_day.items()])

    def test_distinct_customers(self):
        groups = group(self.retail, lambda row: tumble(row["InvoiceDate"], DAY))
        self.check(self.retail_sql("""
            CREATE MATERIALIZED VIEW v AS
            SELECT window_start, COUNT(DISTINCT CustomerID) AS customers,
                   COUNT(DISTINCT InvoiceNo) AS invoices,
                   COUNT(DISTINCT StockCode) FILTER (WHERE Quantity < 0) AS returned,
                   COUNT(CustomerID) AS known
            FROM TABLE(TUMBLE(TABLE retail, DESCRIPTOR(InvoiceDate), INTERVAL '1' DAY))
            GROUP BY window_start, window_end;
            SELECT * FROM v;"""),
            ("window_start", "customers", "invoices", "returned", "known"),
            [(key[0], len({row["CustomerID"] for row in rows} - {None}),
              len({row["InvoiceNo"] for row in rows}),
              len({row["StockCode"] for row in rows if row["Quantity"] < 0}),
              sum(row["CustomerID"] is not None for row in rows))
             for key, rows in groups.items()])

    def test_top_products(self):
        groups = group(self.retail, lambda row: [row["StockCode"]])
        totals = [(code, sum(row["revenue"] for row in rows), len(rows))
                  for code, rows in groups.items()]
        self.check(self.retail_sql("""
            CREATE MATERIALIZED VIEW v AS
            SELECT StockCode, SUM(Quantity * UnitPrice) AS revenue, COUNT(*) AS lines
            FROM retail GROUP BY StockCode;
            SELECT * FROM v ORDER BY revenue DESC, StockCode LIMIT 20;"""),
            ("StockCode", "revenue", "lines"),
            sorted(totals, key=lambda row: (-row[1], row[0]))[:20])

    def test_customers_grouped_with_nulls(self):
        groups = group(self.retail, lambda row: [(row["CustomerID"], row["Country"])])
        self.check(self.retail_sql("""
            CREATE MATERIALIZED VIEW v AS
            SELECT CustomerID, Country, COUNT(*) AS lines, MIN(InvoiceDate) AS first_seen,
                   MAX(Description) AS last_name
            FROM retail GROUP BY CustomerID, Country;
            SELECT * FROM v;"""),
            ("CustomerID", "Country", "lines", "first_seen", "last_name"),
            [(*key, len(rows), min(row["InvoiceDate"] for row in rows),
              max((row["Description"] for row in rows if row["Description"] is not None),
                  key=lambda text: text.encode(), default=None))
             for key, rows in groups.items()])

    def test_cancellations(self):
        cancelled = [row for row in self.retail if row["InvoiceNo"].startswith("C")]
        groups = group(cancelled, lambda row: [row["Country"]])
        self.check(self.retail_sql("""
            CREATE MATERIALIZED VIEW v AS
            SELECT Country, SUM(CASE WHEN Quantity < 0 THEN -Quantity ELSE 0 END) AS items
            FROM retail WHERE InvoiceNo LIKE 'C%'
            GROUP BY Country HAVING COUNT(*) > 1;
            SELECT * FROM v;"""),
            ("Country", "items"),
            [(key, sum(-row["Quantity"] for row in rows if row["Quantity"] < 0))
             for key, rows in groups.items() if len(rows) > 1])

    def test_every_row_is_somewhere(self):
        files = collections.Counter(
            path.name for path in (self.root / "retail").glob("*.csv") for _ in read_csv(path))
        sql = self.retail_sql("""
            CREATE TABLE named (
              name STRING NOT NULL METADATA FROM 'file.name', InvoiceNo STRING
            ) WITH ('connector' = 'filesystem', 'path' = '""" + str(self.root / "retail") + """',
                    'format' = 'csv', 'csv.header' = 'true');
            CREATE MATERIALIZED VIEW v AS SELECT name, COUNT(*) AS lines FROM named GROUP BY name;
            SELECT * FROM v;""")
        self.check(sql, ("name", "lines"), list(files.items()))

    def test_nothing_is_late_or_rejected(self):
        self.check(self.retail_sql("""
            CREATE MATERIALIZED VIEW v AS
            SELECT window_start, COUNT(*) AS lines
            FROM TABLE(TUMBLE(TABLE retail, DESCRIPTOR(InvoiceDate), INTERVAL '1' HOUR))
            GROUP BY window_start, window_end;
            SELECT 'lines' AS what, SUM(lines) AS n FROM v
            UNION ALL SELECT 'late', COUNT(*) FROM v$late
            UNION ALL SELECT 'rejected', COUNT(*) FROM retail$errors
            UNION ALL SELECT 'failed', COUNT(*) FROM v$errors;"""),
            ("what", "n"),
            [("lines", len(self.retail)), ("late", 0), ("rejected", 0), ("failed", 0)])

    # -- sensors

    def sensor_sql(self, statements):
        path = self.root / "sensors" / "machine_temperature.csv"
        return f"""
            CREATE TABLE sensor (
              `timestamp` TIMESTAMP(3), `value` DOUBLE,
              WATERMARK FOR `timestamp` AS `timestamp` - INTERVAL '2' HOUR
            ) WITH ('connector' = 'filesystem', 'path' = '{path}', 'format' = 'csv',
                    'csv.header' = 'true');
            {statements}"""

    def test_temperature_per_hour(self):
        groups = group(self.sensor, lambda row: tumble(row[0], HOUR))
        self.check(self.sensor_sql("""
            CREATE MATERIALIZED VIEW v AS
            SELECT window_start, COUNT(*) AS n, MIN(`value`) AS low, MAX(`value`) AS high,
                   AVG(`value`) AS mean
            FROM TABLE(TUMBLE(TABLE sensor, DESCRIPTOR(`timestamp`), INTERVAL '1' HOUR))
            GROUP BY window_start, window_end;
            SELECT * FROM v;"""),
            ("window_start", "n", "low", "high", "mean"),
            [(key[0], len(rows), min(v for _, v in rows), max(v for _, v in rows),
              sum(v for _, v in rows) / len(rows)) for key, rows in groups.items()],
            approximate=("mean",))

    def test_temperature_moving_average(self):
        groups = group(self.sensor, lambda row: hop(row[0], 10 * MINUTE, HOUR))
        self.check(self.sensor_sql("""
            CREATE MATERIALIZED VIEW v AS
            SELECT window_end, COUNT(*) AS n, AVG(`value`) AS mean
            FROM TABLE(HOP(TABLE sensor, DESCRIPTOR(`timestamp`), INTERVAL '10' MINUTE,
                           INTERVAL '1' HOUR))
            GROUP BY window_start, window_end
            EMIT ON WINDOW CLOSE;
            SELECT * FROM v;"""),
            ("window_end", "n", "mean"),
            [(key[1], len(rows), sum(v for _, v in rows) / len(rows))
             for key, rows in groups.items()],
            approximate=("mean",))

    def test_temperature_alarms(self):
        groups = group([row for row in self.sensor if row[1] < 40.0],
                       lambda row: tumble(row[0], DAY))
        self.check(self.sensor_sql("""
            CREATE MATERIALIZED VIEW v AS
            SELECT window_start, COUNT(*) AS alarms, MIN(`timestamp`) AS first_one
            FROM TABLE(TUMBLE(TABLE sensor, DESCRIPTOR(`timestamp`), INTERVAL '1' DAY))
            WHERE `value` < 40.0
            GROUP BY window_start, window_end;
            SELECT * FROM v;"""),
            ("window_start", "alarms", "first_one"),
            [(key[0], len(rows), min(t for t, _ in rows)) for key, rows in groups.items()])

    # -- tweets

    def tweets_sql(self, statements):
        tables = "".join(f"""
            CREATE TABLE {name} (
              `timestamp` TIMESTAMP(3), `value` INT, WATERMARK FOR `timestamp` AS `timestamp`
            ) WITH ('connector' = 'filesystem', 'path' = '{self.root / "tweets" / name}.csv',
                    'format' = 'csv', 'csv.header' = 'true');""" for name in self.tweets)
        union = " UNION ALL ".join(
            f"SELECT '{name}' AS company, `timestamp` AS at_time, `value` AS mentions FROM {name}"
            for name in self.tweets)
        return f"{tables} CREATE VIEW tweets AS {union}; {statements}"

    def all_tweets(self):
        return [(name, *row) for name, rows in self.tweets.items() for row in rows]

    def test_mentions_per_company_and_six_hours(self):
        groups = group(self.all_tweets(), lambda row: [
            (row[0], *window) for window in tumble(row[1], 6 * HOUR)])
        self.check(self.tweets_sql("""
            CREATE MATERIALIZED VIEW v AS
            SELECT company, window_start, window_end, SUM(mentions) AS mentions, COUNT(*) AS n
            FROM TABLE(TUMBLE(TABLE tweets, DESCRIPTOR(at_time), INTERVAL '6' HOUR))
            GROUP BY company, window_start, window_end
            EMIT ON WINDOW CLOSE;
            SELECT * FROM v;"""),
            ("company", "window_start", "window_end", "mentions", "n"),
            [(*key, sum(row[2] for row in rows), len(rows)) for key, rows in groups.items()])

    def test_mentions_of_all_companies_per_day(self):
        groups = group(self.all_tweets(), lambda row: tumble(row[1], DAY))
        self.check(self.tweets_sql("""
            CREATE MATERIALIZED VIEW v AS
            SELECT window_start, SUM(mentions) AS mentions, MAX(mentions) AS most
            FROM TABLE(TUMBLE(TABLE tweets, DESCRIPTOR(at_time), INTERVAL '1' DAY))
            GROUP BY window_start, window_end;
            SELECT * FROM v;"""),
            ("window_start", "mentions", "most"),
            [(key[0], sum(row[2] for row in rows), max(row[2] for row in rows))
             for key, rows in groups.items()])

    def test_mentions_from_one_directory(self):
        # One directory is read in name order, so event time jumps back: without a window.
        groups = group(self.all_tweets(), lambda row: [(row[0] + ".csv", row[1].date())])
        self.check(f"""
            CREATE TABLE tweets (
              `timestamp` TIMESTAMP(3), `value` INT, name STRING NOT NULL METADATA FROM 'file.name'
            ) WITH ('connector' = 'filesystem', 'path' = '{self.root / "tweets"}',
                    'format' = 'csv', 'csv.header' = 'true');
            CREATE MATERIALIZED VIEW v AS
            SELECT name, CAST(`timestamp` AS DATE) AS day_of, SUM(`value`) AS mentions
            FROM tweets GROUP BY name, CAST(`timestamp` AS DATE);
            SELECT name, CAST(day_of AS STRING) AS day_of, mentions FROM v;""",
            ("name", "day_of", "mentions"),
            [(name, day.isoformat(), sum(row[2] for row in rows))
             for (name, day), rows in groups.items()])


class ExcerptTest(DataTest, unittest.TestCase):
    root = HERE / "excerpts"


class RecordedTest(DataTest, unittest.TestCase):
    root = RECORDED


def main():
    global BINARY
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        print(__doc__.strip(), file=sys.stderr)
        return 2
    BINARY = os.path.abspath(sys.argv.pop(1))
    program = unittest.main(exit=False)
    skipped = len(program.result.skipped)
    if skipped:
        print(f"NOTICE: {skipped} classes of tests were skipped", file=sys.stderr)
    return 0 if program.result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
