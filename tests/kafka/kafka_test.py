#!/usr/bin/env python3
"""Kafka: sources, sinks and what goes wrong, against a real broker that scripts/kafka starts on free
ports of 127.0.0.1.

    tests/kafka/kafka_test.py MILLRACE_BINARY KAFKA_TOOL [unittest's arguments]

Ends with 77, and says how many tests that leaves out, where no broker can be had.
"""

import base64
import http.client
import http.server
import json
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import formats

START_SECONDS = 60
SETTLE_SECONDS = 60
SKIPPED = 77
KILL_ROUNDS = int(os.environ.get("MILLRACE_KAFKA_KILL_ROUNDS", "5"))
SCRIPT = pathlib.Path(__file__).resolve().parent.parent.parent / "scripts" / "kafka"
BINARY = TOOL = ""
BROKER = None


class Broker:
    """One Kafka broker over a directory; it keeps its port when it is started again."""

    def __init__(self, home):
        self.directory = str(home)
        self.address = ""

    def start(self):
        self.address = subprocess.run(
            [SCRIPT, "start", "--dir", self.directory], check=True, stdout=subprocess.PIPE,
            text=True, timeout=120).stdout.strip()

    def stop(self, *how):
        subprocess.run([SCRIPT, "stop", "--dir", self.directory, *how], check=True, timeout=120)

    def tool(self, *arguments, text=None):
        done = subprocess.run([TOOL, self.address, *map(str, arguments)], input=text, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
        if done.returncode != 0:
            raise AssertionError(f"kafka_tool {arguments}: {done.stderr}")
        return [line.split("\t") for line in done.stdout.splitlines()]

    def create(self, topic, partitions=1):
        self.tool("create", topic, partitions)

    def produce(self, topic, messages):
        """Of (partition, key, value); None: none."""
        def field(value):
            return "\\N" if value is None else value if isinstance(value, str) else json.dumps(value)
        self.tool("produce", topic, text="".join(
            f"{partition}\t{field(key)}\t{field(value)}\n" for partition, key, value in messages))

    def consume(self, topic, level="read_committed"):
        """(partition, offset, key, value) of all messages; None: none."""
        return [(int(p), int(o), None if k == "\\N" else k, None if v == "\\N" else v)
                for p, o, k, v in self.tool("consume", topic, level)]


class Server:
    """One life of a millrace server over a directory."""

    def __init__(self, home, checkpoints="100 ms"):
        self.log_path = pathlib.Path(home) / "server.log"
        self.log = open(self.log_path, "ab")
        begin = self.log.tell()
        self.process = subprocess.Popen(
            [BINARY, "server", "--port", "0", "--data-dir", str(pathlib.Path(home) / "data"), "-D",
             f"checkpoint.interval={checkpoints}"],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        self.port = self.await_port(begin)

    def await_port(self, begin):
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            text = self.log_path.read_bytes()[begin:].decode("utf-8")
            found = re.findall(r"listening on http://127\.0\.0\.1:(\d+)", text)
            if found:
                return int(found[0])
            time.sleep(0.01)
        raise AssertionError("the server does not start:\n" + self.log_path.read_text())

    def request(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            headers = {"Content-Type": "application/json"} if body is not None else {}
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            text = response.read().decode("utf-8")
            if response.getheader("Content-Type", "").startswith("application/json"):
                return response.status, json.loads(text)
            return response.status, text
        finally:
            connection.close()

    def sql(self, text):
        """The rows of the last statement."""
        status, body = self.request("POST", "/v1/sql", json.dumps({"sql": text}))
        if status != 200:
            raise AssertionError(f"{status} {body}")
        return [tuple(row) for row in body["results"][-1].get("rows", [])]

    def error(self, text):
        status, body = self.request("POST", "/v1/sql", json.dumps({"sql": text}))
        if status == 200:
            raise AssertionError(f"no error: {body}")
        return body["error"]

    def job(self, name):
        return self.request("GET", f"/v1/jobs/{name}")[1]

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.log.close()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(START_SECONDS)
        finally:
            self.process.kill()
            self.log.close()


def await_equal(expected, actual, *more):
    """Calls `actual` until it gives `expected`."""
    deadline = time.monotonic() + SETTLE_SECONDS
    found = None
    while time.monotonic() < deadline:
        found = actual()
        if found == expected:
            return
        time.sleep(0.02)
    raise AssertionError(f"{found} instead of {expected}" + "".join(f"\n{m()}" for m in more))


class KafkaTest(unittest.TestCase):
    """A server of its own for each test; the broker is shared."""

    maxDiff = None

    def setUp(self):
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="millrace-kafka-"))
        self.server = Server(self.home)
        self.topic = self._testMethodName.replace("test_", "")

    def tearDown(self):
        code = self.server.stop() if self.server.process.poll() is None else 0
        if code != 0:
            print((self.home / "server.log").read_text(), file=sys.stderr)
        shutil.rmtree(self.home)
        self.assertEqual(code, 0)

    def table(self, name, columns, *options, topic=None, connector="kafka"):
        lines = [f"'connector' = '{connector}'",
                 f"'properties.bootstrap.servers' = '{BROKER.address}'"]
        if topic != "":
            lines.append(f"'topic' = '{topic or self.topic}'")
        self.server.sql(f"CREATE TABLE {name} ({columns}) WITH ({', '.join([*lines, *options])})")

    def rows(self, view):
        return sorted(self.server.sql(f"SELECT * FROM {view}"), key=repr)

    def await_rows(self, view, rows):
        await_equal(sorted(rows, key=repr), lambda: self.rows(view),
                    lambda: self.server.job(view))

    def await_finished(self, job):
        await_equal("FINISHED", lambda: self.server.job(job)["state"],
                    lambda: self.server.job(job))

    def restart(self):
        self.server.kill()
        self.server = Server(self.home)


JSON = "'format' = 'json'"
EARLIEST = "'scan.startup.mode' = 'earliest-offset'"
BOUNDED = "'scan.bounded.mode' = 'latest-offset'"


class SourceTest(KafkaTest):
    def test_source_restarts(self):
        BROKER.create(self.topic, 2)
        BROKER.produce(self.topic, [(i % 2, None, {"id": i, "k": i % 3}) for i in range(300)])
        self.table("t", "id BIGINT, k INT", JSON, EARLIEST)
        self.server.sql("CREATE MATERIALIZED VIEW v AS SELECT k, COUNT(*), SUM(id) FROM t GROUP BY k")
        total = [(k, 100, sum(range(k, 300, 3))) for k in range(3)]
        self.await_rows("v", total)
        for life in range(3):
            BROKER.produce(self.topic, [(0, None, {"id": 1000, "k": life})] * 10)
            total[life] = (life, 110, total[life][2] + 10000)
            self.await_rows("v", total)
            self.restart()
            self.assertEqual(self.rows("v"), total)

    def test_metadata_and_keys(self):
        BROKER.create(self.topic, 3)
        BROKER.produce(self.topic, [
            (1, {"id": 7}, {"v": "a"}), (2, {"id": 8}, {"v": "b"}), (2, None, {"v": "c"}),
            (1, {"id": 9}, None)])
        self.table("t", "key_id INT, v STRING, `topic` STRING METADATA VIRTUAL, "
                   "p INT METADATA FROM 'partition' VIRTUAL, `offset` BIGINT METADATA VIRTUAL, "
                   "at TIMESTAMP_LTZ(3) METADATA FROM 'timestamp' VIRTUAL, "
                   "kind STRING METADATA FROM 'timestamp-type' VIRTUAL, "
                   "h MAP<STRING, BYTES> METADATA FROM 'headers' VIRTUAL",
                   "'key.format' = 'json'", "'key.fields' = 'key_id'",
                   "'key.fields-prefix' = 'key_'", "'value.format' = 'json'",
                   "'value.fields-include' = 'EXCEPT_KEY'", EARLIEST, BOUNDED)
        self.server.sql("CREATE MATERIALIZED VIEW v AS SELECT key_id, v, `topic`, p, `offset`, kind, "
                        "at > TIMESTAMP '2024-01-01 00:00:00', CARDINALITY(h) FROM t")
        self.await_finished("v")
        # A message without a value has no row.
        self.assertEqual(self.rows("v"), sorted([
            (7, "a", self.topic, 1, 0, "CreateTime", True, 0),
            (8, "b", self.topic, 2, 0, "CreateTime", True, 0),
            (None, "c", self.topic, 2, 1, "CreateTime", True, 0)], key=repr))

    def test_raw_and_csv(self):
        BROKER.create(self.topic, 1)
        BROKER.produce(self.topic, [(0, "x", "1,one"), (0, "y", None), (0, None, "2,two")])
        self.table("r", "k STRING, v STRING", "'key.format' = 'raw'", "'key.fields' = 'k'",
                   "'value.format' = 'raw'", "'value.fields-include' = 'EXCEPT_KEY'", EARLIEST,
                   BOUNDED)
        self.table("c", "n INT, name STRING", "'value.format' = 'csv'", EARLIEST, BOUNDED)
        self.server.sql("CREATE MATERIALIZED VIEW rv AS SELECT * FROM r; "
                        "CREATE MATERIALIZED VIEW cv AS SELECT * FROM c")
        self.await_finished("rv")
        self.await_finished("cv")
        self.assertEqual(self.rows("rv"), [("x", "1,one"), ("y", None), (None, "2,two")])
        self.assertEqual(self.rows("cv"), [(1, "one"), (2, "two")])

    def test_start_and_end(self):
        BROKER.create(self.topic, 2)
        BROKER.produce(self.topic, [(i % 2, None, {"id": i}) for i in range(20)])
        p = "partition:0,offset:%d;partition:1,offset:%d"
        cases = {
            "earliest": (["'scan.startup.mode' = 'earliest-offset'"], list(range(20))),
            "latest": (["'scan.startup.mode' = 'latest-offset'"], []),
            "grouped": (["'scan.startup.mode' = 'group-offsets'"], list(range(20))),
            "specific": (["'scan.startup.mode' = 'specific-offsets'",
                          f"'scan.startup.specific-offsets' = '{p % (8, 9)}'"], [16, 18, 19]),
            "early": (["'scan.startup.mode' = 'timestamp'",
                       "'scan.startup.timestamp-millis' = '0'"], list(range(20))),
            "late": (["'scan.startup.mode' = 'timestamp'",
                      "'scan.startup.timestamp-millis' = '99999999999999'"], [])}
        for name, (options, expected) in cases.items():
            self.table(name, "id BIGINT", JSON, *options, BOUNDED)
            self.server.sql(f"CREATE MATERIALIZED VIEW v_{name} AS SELECT id FROM {name}")
        self.table("stopped", "id BIGINT", JSON, EARLIEST, "'scan.bounded.mode' = 'specific-offsets'",
                   f"'scan.bounded.specific-offsets' = '{p % (2, 3)}'")
        self.server.sql("CREATE MATERIALIZED VIEW v_stopped AS SELECT id FROM stopped")
        cases["stopped"] = ([], [0, 1, 2, 3, 5])
        for name, (_, expected) in cases.items():
            self.await_finished(f"v_{name}")
            self.assertEqual(sorted(r[0] for r in self.rows(f"v_{name}")), expected, name)

    def test_group_offsets(self):
        BROKER.create(self.topic, 1)
        BROKER.produce(self.topic, [(0, None, {"id": i}) for i in range(10)])
        group = f"'properties.group.id' = '{self.topic}'"
        self.table("t", "id BIGINT", JSON, group)
        self.server.sql("CREATE MATERIALIZED VIEW v AS SELECT COUNT(*) FROM t")
        self.await_rows("v", [(10,)])
        await_equal([["0", "10"]], lambda: BROKER.tool("committed", self.topic, self.topic))
        BROKER.produce(self.topic, [(0, None, {"id": i}) for i in range(3)])
        self.await_rows("v", [(13,)])
        await_equal([["0", "13"]], lambda: BROKER.tool("committed", self.topic, self.topic))
        self.server.sql("CREATE MATERIALIZED VIEW w AS SELECT id FROM t")
        BROKER.produce(self.topic, [(0, None, {"id": 77})])
        self.await_rows("w", [(77,)])
        await_equal([("t", f"{self.topic}/0", 14, 14, 0)], lambda: [
            (x["table"], x["partition"], x["position"], x["end"], x["records"])
            for x in self.server.job("v")["lag"]])
        page = self.server.request("GET", "/metrics")[1]
        self.assertIn(f'millrace_source_kafka_lag_records{{pipeline="v",table="t",'
                      f'topic="{self.topic}",partition="0"}} 0', page)

    def test_poison(self):
        BROKER.create(self.topic, 1)
        BROKER.produce(self.topic, [(0, "a", {"id": 1}), (0, "b", "{broken"),
                                    (0, None, {"id": "x"}), (0, "d", {"id": 4})])
        self.table("t", "id BIGINT", JSON, EARLIEST)
        self.server.sql("CREATE MATERIALIZED VIEW v AS SELECT id FROM t")
        self.await_rows("v", [(1,), (4,)])
        errors = ("SELECT \"partition\", \"position\", CAST(raw AS STRING), "
                  "CAST(record_key AS STRING), record_time IS NOT NULL "
                  "FROM t$errors ORDER BY \"position\"")
        expected = [(f"{self.topic}/0", "1", "{broken", "b", True),
                    (f"{self.topic}/0", "2", '{"id": "x"}', None, True)]
        await_equal(expected, lambda: self.server.sql(errors))
        self.restart()
        self.assertEqual(self.server.sql(errors), expected)

    def test_new_partitions_and_topics(self):
        BROKER.create(f"{self.topic}_1", 1)
        BROKER.produce(f"{self.topic}_1", [(0, None, {"id": 1})])
        self.table("t", "id BIGINT", JSON, "'scan.startup.mode' = 'latest-offset'",
                   "'scan.topic-partition-discovery.interval' = '100 ms'",
                   f"'topic-pattern' = '{self.topic}_[0-9]+'", topic="")
        self.server.sql("CREATE MATERIALIZED VIEW v AS SELECT id FROM t")
        await_equal(1, lambda: len(self.server.job("v")["lag"]))
        BROKER.produce(f"{self.topic}_1", [(0, None, {"id": 2})])
        self.await_rows("v", [(2,)])
        BROKER.tool("grow", f"{self.topic}_1", 2)
        BROKER.produce(f"{self.topic}_1", [(1, None, {"id": 3})])
        self.await_rows("v", [(2,), (3,)])
        BROKER.create(f"{self.topic}_2", 1)
        BROKER.produce(f"{self.topic}_2", [(0, None, {"id": 4})])
        self.await_rows("v", [(2,), (3,), (4,)])

    def test_watermark_per_partition(self):
        BROKER.create(self.topic, 3)
        def message(partition, second):
            return (partition, None, {"ts": f"2024-05-01 00:00:{second:02}"})
        self.table("t", "ts TIMESTAMP(3), WATERMARK FOR ts AS ts", JSON, EARLIEST)
        self.server.sql("CREATE MATERIALIZED VIEW v AS SELECT window_start, COUNT(*) FROM TABLE("
                        "TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '10' SECOND)) "
                        "GROUP BY window_start, window_end EMIT ON WINDOW CLOSE")
        BROKER.produce(self.topic, [message(0, 5), message(1, 1)])
        await_equal(2, lambda: self.server.job("v")["rows_in"])
        # Partition 0 goes ahead; 1 holds the window open, 2 never had a row and holds nothing back.
        BROKER.produce(self.topic, [message(0, 50)])
        await_equal(3, lambda: self.server.job("v")["rows_in"])
        BROKER.produce(self.topic, [message(1, 2)])
        await_equal(4, lambda: self.server.job("v")["rows_in"])
        self.assertEqual(self.rows("v"), [])
        self.assertEqual(self.server.job("v")["held_back_by"], f"t/{self.topic}/1")
        BROKER.produce(self.topic, [message(1, 12)])
        self.await_rows("v", [("2024-05-01T00:00:00.000", 3)])

    def test_missing_topic(self):
        self.table("t", "id BIGINT", JSON, EARLIEST)
        self.server.sql("CREATE MATERIALIZED VIEW v AS SELECT id FROM t")
        await_equal(True, lambda: any(self.topic in n for n in self.server.job("v")["notices"]))
        self.assertEqual(self.server.job("v")["state"], "RUNNING")
        BROKER.create(self.topic, 1)
        BROKER.produce(self.topic, [(0, None, {"id": 5})])
        self.await_rows("v", [(5,)])
        await_equal([], lambda: self.server.job("v")["notices"])

    def test_recreated_topic(self):
        BROKER.create(self.topic, 1)
        BROKER.produce(self.topic, [(0, None, {"id": i}) for i in range(50)])
        for name, how in (("strict", "fail"), ("again", "earliest")):
            self.table(name, "id BIGINT", JSON, EARLIEST, f"'scan.offset-out-of-range' = '{how}'")
            self.server.sql(f"CREATE MATERIALIZED VIEW v_{name} AS SELECT COUNT(*) FROM {name}")
            self.await_rows(f"v_{name}", [(50,)])
        self.assertEqual(self.server.stop(), 0)
        BROKER.tool("delete", self.topic)
        time.sleep(0.5)  # Deletion goes on behind the answer.
        BROKER.create(self.topic, 1)
        BROKER.produce(self.topic, [(0, None, {"id": i}) for i in range(2)])
        self.server = Server(self.home)
        self.await_rows("v_again", [(52,)])
        await_equal("FAILED", lambda: self.server.job("v_strict")["state"])
        message = self.server.job("v_strict")["error"]["message"]
        self.assertIn(f"offset 50 of {self.topic}/0 is out of range", message)

    def test_options(self):
        def refused(*options, columns="id BIGINT"):
            lines = ["'connector' = 'kafka'", "'properties.bootstrap.servers' = 'x:1'", *options]
            self.server.sql("DROP TABLE IF EXISTS t")
            body = self.server.request("POST", "/v1/sql", json.dumps({"sql":
                f"CREATE TABLE t ({columns}) WITH ({', '.join(lines)}); EXPLAIN SELECT * FROM t"}))
            self.assertNotEqual(body[0], 200, body)
            return body[1]["error"]["message"]
        topic = "'topic' = 'a'"
        self.assertIn("'topic' is missing", refused(JSON))
        self.assertIn("exclude each other", refused(JSON, topic, "'topic-pattern' = 'a'"))
        self.assertIn("format", refused(topic))
        self.assertIn("needs 'key.fields'", refused(topic, JSON, "'key.format' = 'json'"))
        self.assertIn("no column 'x'",
                      refused(topic, JSON, "'key.format' = 'json'", "'key.fields' = 'x'"))
        self.assertIn("EXCEPT_KEY", refused(topic, JSON, "'key.format' = 'json'",
                                            "'key.fields' = 'id'", "'key.fields-prefix' = 'i'"))
        self.assertIn("specific-offsets", refused(topic, JSON,
                                                  "'scan.startup.mode' = 'specific-offsets'"))
        self.assertIn("properties.no.such", refused(topic, JSON, "'properties.no.such' = '1'"))
        self.assertIn("JKS", refused(topic, JSON, "'properties.ssl.truststore.location' = '/a.jks'"))
        self.assertIn("unknown option 'json.ignore-parse-errors'", refused(topic, "'value.format' = 'json'",
                                            "'json.ignore-parse-errors' = 'true'"))


AT_LEAST_ONCE = "'sink.delivery-guarantee' = 'at-least-once'"


def exactly_once(prefix):
    return ("'sink.delivery-guarantee' = 'exactly-once'",
            f"'sink.transactional-id-prefix' = '{prefix}'")


def murmur2(data):
    """The hash by which Kafka's own producers choose a partition."""
    m, mask = 0x5BD1E995, 0xFFFFFFFF
    h = (0x9747B28C ^ len(data)) & mask
    whole = len(data) // 4 * 4
    for at in range(0, whole, 4):
        k = int.from_bytes(data[at:at + 4], "little") * m & mask
        h = (h * m & mask) ^ ((k ^ k >> 24) * m & mask)
    if data[whole:]:
        h = (h ^ int.from_bytes(data[whole:], "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return h ^ h >> 15


class SinkTest(KafkaTest):
    def make_topics(self, partitions=2):
        """Of input and output."""
        self.input, self.output = f"{self.topic}_in", f"{self.topic}_out"
        BROKER.create(self.input, partitions)
        BROKER.create(self.output, partitions)

    def written(self, level="read_committed"):
        return [json.loads(value) for _, _, _, value in BROKER.consume(self.output, level)]

    def test_at_least_once(self):
        self.make_topics()
        self.table("source", "id BIGINT, k STRING", JSON, EARLIEST, topic=self.input)
        self.table("target", "k STRING, id BIGINT", "'key.format' = 'raw'", "'key.fields' = 'k'",
                   "'value.format' = 'json'", "'value.fields-include' = 'EXCEPT_KEY'", AT_LEAST_ONCE,
                   topic=self.output)
        self.server.sql("INSERT INTO target SELECT k, id FROM source WHERE id >= 10")
        BROKER.produce(self.input, [(0, None, {"id": i, "k": f"k{i % 7}"}) for i in range(30)])
        await_equal(20, lambda: len(self.written()))
        found = BROKER.consume(self.output)
        self.assertEqual(sorted((k, json.loads(v)["id"]) for _, _, k, v in found),
                         sorted((f"k{i % 7}", i) for i in range(10, 30)))
        # Keys lie where Java's murmur2 puts them, as kafka_tool does.
        BROKER.produce(self.output, [(-1, f"k{i}", {}) for i in range(7)])
        homes = {}
        for partition, _, key, _ in BROKER.consume(self.output):
            homes.setdefault(key, set()).add(partition)
        self.assertEqual({len(h) for h in homes.values()}, {1})
        self.assertEqual(len(homes), 7)

    def test_at_least_once_without_broker(self):
        self.make_topics(1)
        self.table("source", "id BIGINT", JSON, EARLIEST, topic=self.input)
        self.table("target", "id BIGINT", JSON, AT_LEAST_ONCE, topic=self.output)
        self.server.sql("CREATE TABLE rows (id BIGINT)")
        self.server.sql("INSERT INTO target SELECT id FROM rows")
        self.server.sql("INSERT INTO rows VALUES (1)")
        await_equal([{"id": 1}], self.written)
        BROKER.stop("--kill")
        self.server.sql("INSERT INTO rows VALUES (2), (3)")
        await_equal(3, lambda: self.server.job("target")["rows_out"])
        before = self.server.job("target")["checkpoints"]
        await_equal(True, lambda: self.server.job("target")["checkpoints"] > before + 1)
        # What no broker has taken is in the checkpoint.
        self.restart()
        BROKER.start()
        await_equal({1, 2, 3}, lambda: {row["id"] for row in self.written()})

    def test_time_and_headers(self):
        self.make_topics(1)
        columns = ("id BIGINT, ts TIMESTAMP_LTZ(3) METADATA FROM 'timestamp', "
                   "h MAP<STRING, BYTES> METADATA FROM 'headers'")
        self.table("source", "id BIGINT", JSON, EARLIEST, topic=self.input)
        self.table("target", columns, JSON, EARLIEST, topic=self.output)
        self.server.sql("INSERT INTO target SELECT id, TO_TIMESTAMP_LTZ(id * 1000, 3), "
                        "MAP['a', CAST('x' AS BYTES)] FROM source")
        self.server.sql("CREATE MATERIALIZED VIEW v AS SELECT id, ts, CAST(h['a'] AS STRING) "
                        "FROM target")
        BROKER.produce(self.input, [(0, None, {"id": 86400})])
        self.await_rows("v", [(86400, "1970-01-02T00:00:00.000Z", "x")])

    def test_exactly_once_is_whole_or_not_there(self):
        self.make_topics(1)
        self.table("source", "id BIGINT", JSON, EARLIEST, topic=self.input)
        self.table("target", "id BIGINT", JSON, *exactly_once(self.topic), topic=self.output)
        self.server.sql("INSERT INTO target SELECT id FROM source")
        BROKER.produce(self.input, [(0, None, {"id": i}) for i in range(1000)])
        await_equal(list(range(1000)), lambda: [row["id"] for row in self.written()])
        self.restart()
        BROKER.produce(self.input, [(0, None, {"id": 1000})])
        await_equal(list(range(1001)), lambda: [row["id"] for row in self.written()])

    def test_keys_lie_where_java_puts_them(self):
        # Of the tests of Kafka's client.
        known = {"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536,
                 "a-little-bit-longer-string": -1486304829, "abc": 479470107,
                 "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971}
        self.assertEqual({k: v % 2**32 for k, v in known.items()},
                         {k: murmur2(k.encode("utf-8")) for k in known})
        BROKER.create(self.topic, 7)
        keys = [*known, "", "é", *(f"key {i}" for i in range(200))]
        self.table("out", "k STRING, v INT", "'key.format' = 'raw'", "'key.fields' = 'k'",
                   "'value.format' = 'json'")
        self.server.sql("CREATE TABLE r (k STRING, v INT); INSERT INTO out SELECT k, v FROM r")
        self.server.sql("INSERT INTO r VALUES " + ", ".join(f"('{k}', 1)" for k in keys))
        expected = sorted(((murmur2(k.encode("utf-8")) & 0x7FFFFFFF) % 7, k) for k in keys)
        await_equal(expected, lambda: sorted((p, k) for p, _, k, _ in BROKER.consume(self.topic)))

    def test_finished_jobs_have_delivered(self):
        self.server.stop()
        self.server = Server(self.home, "1 h")  # No checkpoint comes by itself.
        self.make_topics()
        BROKER.produce(self.input, [(i % 2, None, {"id": i}) for i in range(100)])
        self.table("source", "id BIGINT", JSON, EARLIEST, BOUNDED, topic=self.input)
        for name, options in (("once", exactly_once(self.topic)), ("direct", ())):
            self.table(name, "id BIGINT", JSON, *options, topic=self.output)
            status, body = self.server.request("POST", "/v1/sql", json.dumps(
                {"sql": f"INSERT INTO {name} SELECT id FROM source", "wait": "finished"}))
            self.assertEqual(status, 200, body)
        self.assertEqual(sorted([*range(100), *range(100)]), sorted(r["id"] for r in self.written()))

    def test_stopped_and_dropped_jobs_lose_nothing(self):
        self.make_topics(1)
        self.table("source", "id BIGINT", JSON, EARLIEST, topic=self.input)
        self.table("target", "id BIGINT", JSON, *exactly_once(self.topic), topic=self.output)
        # Only the last checkpoint, which stopping takes, can bring them out.
        self.assertEqual(self.server.stop(), 0)
        self.server = Server(self.home, "1 h")
        expected = []
        for life, end in enumerate(("STOP JOB 'target'; DROP JOB target", "DROP JOB target",
                                    "STOP JOB 'target' WITH DRAIN; DROP JOB target")):
            self.server.sql("INSERT INTO target SELECT id FROM source")
            BROKER.produce(self.input, [(0, None, {"id": life * 10 + i}) for i in range(10)])
            expected += list(range((life + 1) * 10))
            await_equal((life + 1) * 10, lambda: self.server.job("target")["rows_out"])
            self.server.sql(end)
            self.assertEqual(sorted(row["id"] for row in self.written()), sorted(expected))

    def test_second_process_is_fenced(self):
        self.make_topics(1)
        self.table("target", "id BIGINT", JSON, *exactly_once("the-same"), topic=self.output)
        self.server.sql("CREATE TABLE rows (id BIGINT)")
        self.server.sql("INSERT INTO target SELECT id FROM rows")
        self.server.sql("INSERT INTO rows VALUES (1)")
        await_equal([{"id": 1}], self.written)
        other_home = pathlib.Path(tempfile.mkdtemp(prefix="millrace-kafka-"))
        first, self.server = self.server, Server(other_home)
        try:
            self.table("target", "id BIGINT", JSON, *exactly_once("the-same"), topic=self.output)
            self.server.sql("CREATE TABLE rows (id BIGINT)")
            self.server.sql("INSERT INTO target SELECT id FROM rows")
            self.server.sql("INSERT INTO rows VALUES (2)")
            await_equal([{"id": 1}, {"id": 2}], self.written)
            first.sql("INSERT INTO rows VALUES (3)")
            await_equal("FAILED", lambda: first.job("target")["state"])
            self.assertIn("another process", first.job("target")["error"]["message"])
            self.assertEqual(self.written(), [{"id": 1}, {"id": 2}])
        finally:
            self.assertEqual(self.server.stop(), 0)
            self.server = first
            shutil.rmtree(other_home)

    def test_restored_copy_is_refused(self):
        self.make_topics(1)
        self.table("source", "id BIGINT", JSON, EARLIEST, topic=self.input)
        self.table("target", "id BIGINT", JSON, *exactly_once(self.topic), topic=self.output)
        self.server.sql("INSERT INTO target SELECT id FROM source")
        BROKER.produce(self.input, [(0, None, {"id": 1})])
        await_equal([{"id": 1}], self.written)
        self.assertEqual(self.server.stop(), 0)
        shutil.copytree(self.home / "data", self.home / "copy")
        self.server = Server(self.home)
        BROKER.produce(self.input, [(0, None, {"id": 2})])
        await_equal([{"id": 1}, {"id": 2}], self.written)
        self.server.kill()
        shutil.rmtree(self.home / "data")
        (self.home / "copy").rename(self.home / "data")
        self.server = Server(self.home)
        await_equal("FAILED", lambda: self.server.job("target")["state"])
        self.assertIn("older than topic", self.server.job("target")["error"]["message"])
        self.assertEqual(self.written(), [{"id": 1}, {"id": 2}])

    def test_what_cannot_be_sent(self):
        self.make_topics(1)
        self.server.sql("CREATE TABLE rows (id BIGINT, text STRING)")
        for name, options in (("direct", ()), ("once", exactly_once(self.topic))):
            self.table(name, "text STRING", JSON, *options, topic=self.output)
            self.server.sql(f"INSERT INTO {name} SELECT text FROM rows")
        self.server.sql(f"INSERT INTO rows VALUES (1, REPEAT('x', 2000000))")
        for name in ("direct", "once"):
            await_equal("FAILED", lambda: self.server.job(name)["state"])
            self.assertIn("too large", self.server.job(name)["error"]["message"])

    def test_killed_at_random(self):
        """Each window once, whatever is killed when."""
        rng = random.Random(20240501)
        self.make_topics(2)
        copies = f"{self.topic}_copies"
        BROKER.create(copies, 1)
        # With rows in both partitions from the start, neither can be late.
        expected, ids, sent = {}, [], 0

        def row(second_millis):
            nonlocal sent
            seconds, millis = divmod(second_millis, 1000)
            start = f"2024-05-01 {seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
            value = {"id": sent, "k": rng.randrange(5), "v": rng.randrange(100),
                     "ts": f"{start}.{millis:03}"}
            sent += 1
            if value["v"] % 3 == 0:
                ids.append(value["id"])
            n, total = expected.get((start, value["k"]), (0, 0))
            expected[start, value["k"]] = n + 1, total + value["v"]
            return value

        BROKER.produce(self.input, [(p, None, row(0)) for p in range(2)])
        self.table("source", "id BIGINT, k INT, v BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts",
                   JSON, EARLIEST, topic=self.input)
        self.table("windows", "start_time TIMESTAMP(3), k INT, n BIGINT, total BIGINT", JSON,
                   *exactly_once("windows"), topic=self.output)
        self.table("copies", "id BIGINT", JSON, *exactly_once("copies"), topic=copies)
        self.server.sql("INSERT INTO windows SELECT window_start, k, COUNT(*), SUM(v) FROM TABLE("
                        "TUMBLE(TABLE source, DESCRIPTOR(ts), INTERVAL '1' SECOND)) "
                        "GROUP BY window_start, window_end, k")
        self.server.sql("INSERT INTO copies SELECT id FROM source WHERE MOD(v, 3) = 0")
        for life in range(KILL_ROUNDS):
            rows = []
            for _ in range(rng.randrange(100, 1500)):
                rows.append((sent % 2, None, row(sent * 7)))
            BROKER.produce(self.input, rows)
            time.sleep(rng.random() * 0.6)
            if life % 4 == 3:
                BROKER.stop("--kill")
                if rng.random() < 0.5:
                    self.restart()
                BROKER.start()
            else:
                self.restart()
        last = sent * 7 + 5000
        complete = {f"{start}": v for (start, k), v in expected.items()}
        BROKER.produce(self.input, [(p, None, row(last)) for p in range(2)])
        closed = sorted((start, k, n, total) for (start, k), (n, total) in expected.items()
                        if start in complete)

        def found():
            return sorted((r["start_time"][:19], r["k"], r["n"], r["total"])
                          for r in self.written())
        deadline = time.monotonic() + SETTLE_SECONDS
        while len(found()) < len(closed) and time.monotonic() < deadline:
            time.sleep(0.1)
        self.assertEqual(found(), closed)

        def copied():
            return sorted(json.loads(v)["id"] for _, _, _, v in BROKER.consume(copies))
        await_equal(sorted(ids), copied)
        # Nothing comes later either.
        checkpoints = self.server.job("windows")["checkpoints"]
        await_equal(True, lambda: self.server.job("windows")["checkpoints"] > checkpoints + 3)
        self.assertEqual((found(), copied()), (closed, sorted(ids)))


KEYED = ("'key.format' = 'json'", "'value.format' = 'json'")


class UpsertTest(KafkaTest):
    def test_source_keeps_the_latest(self):
        BROKER.create(self.topic, 2)
        def message(partition, k, v):
            return (partition, {"k": k}, None if v is None else {"k": k, "v": v})
        BROKER.produce(self.topic, [message(0, 1, 10), message(1, 2, 20), message(0, 3, 30),
                                    message(0, 1, 11), message(0, 3, None), message(1, 4, None)])
        self.table("t", "k INT, v BIGINT, PRIMARY KEY (k) NOT ENFORCED", *KEYED,
                   connector="upsert-kafka")
        self.server.sql("CREATE MATERIALIZED VIEW v AS SELECT k, v FROM t; "
                        "CREATE MATERIALIZED VIEW total AS SELECT COUNT(*), SUM(v) FROM t")
        self.await_rows("v", [(1, 11), (2, 20)])
        self.await_rows("total", [(2, 31)])
        self.restart()
        BROKER.produce(self.topic, [message(1, 2, None), message(0, 3, 33), message(0, 1, 12)])
        self.await_rows("v", [(1, 12), (3, 33)])
        self.await_rows("total", [(2, 45)])

    def test_sink_writes_the_last_of_a_step(self):
        for name, options in (("plain", ()), ("once", exactly_once(self.topic))):
            topic = f"{self.topic}_{name}"
            BROKER.create(topic, 2)
            self.table(f"target_{name}", "k INT, n BIGINT, total BIGINT, "
                       "PRIMARY KEY (k) NOT ENFORCED", *KEYED, *options, topic=topic,
                       connector="upsert-kafka")
        self.server.sql("CREATE TABLE rows (id INT PRIMARY KEY NOT ENFORCED, k INT, v BIGINT)")
        for name in ("plain", "once"):
            self.server.sql(f"INSERT INTO target_{name} SELECT k, COUNT(*), SUM(v) FROM rows "
                            "GROUP BY k")

        def latest(name):
            table = {}
            for _, _, key, value in BROKER.consume(f"{self.topic}_{name}"):
                table[json.loads(key)["k"]] = value and json.loads(value)
            return {k: (v["n"], v["total"]) for k, v in table.items() if v}
        self.server.sql("INSERT INTO rows VALUES (1, 1, 10), (2, 1, 20), (3, 2, 30)")
        for name in ("plain", "once"):
            await_equal({1: (2, 30), 2: (1, 30)}, lambda: latest(name))
        self.server.sql("DELETE FROM rows WHERE id = 3; UPDATE rows SET v = 5 WHERE id = 1")
        self.restart()
        self.server.sql("INSERT INTO rows VALUES (4, 3, 7)")
        for name in ("plain", "once"):
            await_equal({1: (2, 25), 3: (1, 7)}, lambda: latest(name))

    def test_refused(self):
        server = f"'properties.bootstrap.servers' = '{BROKER.address}', 'topic' = 'x'"
        def message(columns, options):
            self.server.sql("DROP TABLE IF EXISTS t")
            return self.server.error(
                f"CREATE TABLE t ({columns}) WITH ('connector' = 'upsert-kafka', {server}, "
                f"{options}); EXPLAIN SELECT * FROM t")["message"]
        key = "k INT, n BIGINT, PRIMARY KEY (k) NOT ENFORCED"
        self.assertIn("PRIMARY KEY", message("k INT", "'key.format'='json','value.format'='json'"))
        self.assertIn("key.format", message(key, "'value.format'='json'"))
        self.table("target", key, *KEYED, connector="upsert-kafka")
        self.server.sql("CREATE TABLE rows (k INT, v INT)")
        self.assertIn("keeps one for each k", self.server.error(
            "INSERT INTO target SELECT MAX(k), v FROM rows GROUP BY v")["message"])


def debezium(before, after, op):
    return {"before": before, "after": after, "op": op}


class ChangeTest(KafkaTest):
    """Topics of changes: rows that come and go."""

    def apply(self, topic):
        """What is left of the topic's changes; no row goes that did not come."""
        rows = {}
        for _, _, _, value in BROKER.consume(topic):
            change = json.loads(value)
            row = tuple((change["before"] or change["after"]).values())
            rows[row] = rows.get(row, 0) + (1 if change["op"] == "c" else -1)
            self.assertGreaterEqual(rows[row], 0, f"{row} goes and was not there")
        return {row for row, count in rows.items() if count > 0}

    def test_changes_in_and_out(self):
        BROKER.create(self.topic, 2)
        a, b, c = ({"id": i, "k": k} for i, k in ((1, "x"), (2, "x"), (3, "y")))
        BROKER.produce(self.topic, [(0, 1, debezium(None, a, "c")), (1, 2, debezium(None, b, "r")),
                                    (0, 3, debezium(None, c, "c")), (1, 2, "no change"),
                                    (1, 2, None)])
        self.table("src", "id BIGINT, k STRING", "'format' = 'debezium-json'", EARLIEST)
        once = exactly_once(self.topic)
        for name, options in (("keyed", ("'key.format' = 'json'", "'key.fields' = 'k'", *once)),
                              ("plain", once)):
            BROKER.create(f"{self.topic}_{name}", 3)
            self.table(name, "k STRING, n BIGINT", "'value.format' = 'debezium-json'", *options,
                       topic=f"{self.topic}_{name}")
        self.server.sql("CREATE MATERIALIZED VIEW v AS SELECT id, k FROM src")
        for name in ("keyed", "plain"):
            self.server.sql(f"INSERT INTO {name} SELECT k, COUNT(*) FROM src GROUP BY k")
        self.await_rows("v", [(1, "x"), (2, "x"), (3, "y")])
        for name in ("keyed", "plain"):
            await_equal({("x", 2), ("y", 1)}, lambda: self.apply(f"{self.topic}_{name}"))
        self.restart()
        moved = {"id": 1, "k": "y"}
        BROKER.produce(self.topic, [(0, 1, debezium(a, moved, "u")), (1, 2, debezium(b, None, "d"))])
        self.await_rows("v", [(1, "y"), (3, "y")])
        for name in ("keyed", "plain"):
            await_equal({("y", 2)}, lambda: self.apply(f"{self.topic}_{name}"))
        # In one partition, so that their order is theirs.
        self.assertEqual({0}, {p for p, _, _, _ in BROKER.consume(f"{self.topic}_plain")})
        self.assertEqual([(f"{self.topic}/1", "1", "no change")], self.rows_of_errors("src"))

    def rows_of_errors(self, table):
        return self.server.sql(
            f"SELECT `partition`, position, CAST(raw AS STRING) AS raw FROM {table}$errors")

    def test_refused(self):
        self.table("rows", "k INT, n BIGINT", JSON)
        self.table("changes", "k INT", "'format' = 'maxwell-json'", EARLIEST)
        self.assertEqual("UNSUPPORTED_FEATURE",
                         self.server.error("INSERT INTO rows SELECT k, COUNT(*) FROM changes "
                                           "GROUP BY k")["code"])
        self.table("latest", "k INT, PRIMARY KEY (k) NOT ENFORCED", "'key.format' = 'json'",
                   "'value.format' = 'canal-json'", connector="upsert-kafka")
        self.assertIn("carries changes", self.server.error("EXPLAIN SELECT * FROM latest")["message"])


class Registry:
    """As much of a schema registry as clients need; it keeps its schemas when it is away."""

    def __init__(self):
        self.schemas, self.subjects, self.port = [], {}, 0
        self.start()

    def start(self):
        registry = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self, status, value):
                body = json.dumps(value).encode("utf-8")
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                number = int(self.path.rsplit("/", 1)[1])
                if self.headers["Authorization"] != "Basic bWU6c2VjcmV0":
                    return self.answer(401, {"message": "who are you?"})
                if number > len(registry.schemas):
                    return self.answer(404, {"error_code": 40403})
                return self.answer(200, {"schema": registry.schemas[number - 1]})

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                schema = json.loads(body)["schema"]
                if schema not in registry.schemas:
                    registry.schemas.append(schema)
                number = registry.schemas.index(schema) + 1
                registry.subjects[self.path.split("/")[2]] = number
                self.answer(200, {"id": number})

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class AvroTest(KafkaTest):
    COLUMNS = "id BIGINT NOT NULL, name STRING, price DECIMAL(10, 2), at TIMESTAMP(3), tags ARRAY<STRING>"

    def test_plain(self):
        BROKER.create(self.topic)
        self.table("t", self.COLUMNS, "'format' = 'avro'", EARLIEST)
        self.server.sql("CREATE MATERIALIZED VIEW v AS SELECT id, name, price, tags FROM t; "
                        "CREATE TABLE r (id BIGINT NOT NULL, name STRING); "
                        "INSERT INTO t SELECT id, name, CAST(1.5 AS DECIMAL(10, 2)), "
                        "TIMESTAMP '2024-05-01 12:00:00', ARRAY[name, 'x'] FROM r; "
                        "INSERT INTO r VALUES (1, 'a'), (2, NULL)")
        self.await_rows("v", [(1, "a", "1.50", ["a", "x"]), (2, None, "1.50", [None, "x"])])

    def test_registry(self):
        BROKER.create(self.topic, 2)
        registry = Registry()
        self.addCleanup(lambda: registry.stop())
        with_registry = (f"'value.avro-confluent.url' = 'http://127.0.0.1:{registry.port}/'",
                         "'value.format' = 'avro-confluent'",
                         "'value.avro-confluent.basic-auth.user-info' = 'me:secret'")
        self.table("t", "id BIGINT NOT NULL, name STRING", *with_registry, EARLIEST)
        self.table("less", "name STRING, other INT", *with_registry, EARLIEST)
        self.server.sql("CREATE TABLE r (id BIGINT NOT NULL, name STRING); "
                        "INSERT INTO t SELECT id, name FROM r")
        self.server.sql("INSERT INTO r VALUES (1, 'a'), (2, NULL)")
        await_equal([f"{self.topic}-value"], lambda: list(registry.subjects))
        BROKER.produce(self.topic, [(0, None, "no avro")])
        self.server.sql("CREATE MATERIALIZED VIEW v AS SELECT id, name FROM t; "
                        "CREATE MATERIALIZED VIEW l AS SELECT name, other FROM less")
        self.await_rows("v", [(1, "a"), (2, None)])
        self.await_rows("l", [("a", None), (None, None)])
        errors = "SELECT CAST(raw AS STRING) FROM t$errors"
        await_equal([("no avro",)], lambda: self.server.sql(errors))
        # Away when the schemas are asked for again.
        registry.stop()
        self.restart()
        self.server.sql("INSERT INTO r VALUES (3, 'c')")
        await_equal("RESTARTING", lambda: self.server.job("t")["state"])
        self.assertIn("registry", self.server.job("t")["error"]["message"])
        registry.start()
        self.await_rows("v", [(1, "a"), (2, None), (3, "c")])


class BrokenRecordTest(KafkaTest):
    """Of every format, with one record in a hundred broken in each of its ways."""

    RECORDS = 1000

    def check(self, form):
        topic = f"{self.topic}_{form.name}"
        BROKER.create(topic, 2)
        broken = dict(enumerate(form.ways.values()))
        good, wrong, lines = [], [], []
        for i in range(self.RECORDS):
            way = broken.get(i % 100)
            value = way(i) if way else form.record(i)
            lines.append(f"{i % 2}\t\\N\t{value.hex()}\n")
            if way:
                wrong.append((f"{topic}/{i % 2}", str(i // 2), base64.b64encode(value).decode()))
            else:
                good.append(form.row(i))
        BROKER.tool("produce", topic, "hex", text="".join(lines))
        name = form.name.replace("-", "_")
        self.table(name, form.columns, *form.options, EARLIEST, topic=topic)
        self.server.sql(f"CREATE MATERIALIZED VIEW {name}_v AS SELECT * FROM {name}")
        self.await_rows(f"{name}_v", good)
        errors = f"SELECT `partition`, position, raw FROM {name}$errors"
        await_equal(sorted(wrong), lambda: sorted(self.server.sql(errors)))
        return topic

    def test_broken(self):
        registry = Registry()
        registry.schemas.append(formats.AVRO_SCHEMA)
        self.addCleanup(registry.stop)
        for form in formats.formats(f"http://127.0.0.1:{registry.port}/"):
            with self.subTest(format=form.name):
                self.check(form)


class TopicTest(KafkaTest):
    def test_print_and_show(self):
        BROKER.create(self.topic, 2)
        BROKER.create(self.topic + "_other")
        BROKER.produce(self.topic, [(0, "a", "one"), (1, None, "two"), (0, "b", None)])
        self.assertEqual("MISSING_OPTION", self.server.error("SHOW TOPICS")["code"])
        cluster = f"WITH ('properties.bootstrap.servers' = '{BROKER.address}')"
        self.assertIn((self.topic, "2"), self.server.sql(f"SHOW TOPICS {cluster}"))
        self.table("t", "x STRING", "'format' = 'raw'", EARLIEST)
        self.assertEqual([(self.topic, "2"), (self.topic + "_other", "1")],
                         self.server.sql(f"SHOW TOPICS LIKE '{self.topic}%'"))
        self.assertFalse([t for t, _ in self.server.sql("SHOW TOPICS") if t.startswith("__")])
        rows = self.server.sql(f"PRINT '{self.topic}' FROM BEGINNING LIMIT 3")
        self.assertEqual([(0, 0, "a", "one"), (0, 1, "b", None), (1, 0, None, "two")],
                         sorted((p, o, k, v) for p, o, _, k, v in rows))
        self.assertEqual(2, len(self.server.sql(f"PRINT '{self.topic}' FROM BEGINNING LIMIT 2")))
        self.assertEqual("STREAMING_RESULT", self.server.error(f"PRINT '{self.topic}'")["code"])
        wrong = self.server.error(f"PRINT '{self.topic}s' LIMIT 1")
        self.assertEqual("NOT_FOUND", wrong["code"])
        self.assertIn(self.topic, wrong["hint"])


class RefusalTest(KafkaTest):
    """What the broker does not allow, and what takes it too long."""

    def test_refused_source_goes_on_when_it_may(self):
        BROKER.create(self.topic)
        BROKER.produce(self.topic, [(0, None, {"id": 1})])
        BROKER.tool("deny", self.topic)
        self.table("t", "id INT", JSON, EARLIEST, "'properties.topic.metadata.refresh.interval.ms' = '100'")
        self.server.sql("CREATE MATERIALIZED VIEW v AS SELECT id FROM t")
        await_equal(True, lambda: any("authorization" in notice.lower()
                                      for notice in self.server.job("v")["notices"]))
        self.assertEqual("RUNNING", self.server.job("v")["state"])
        BROKER.tool("allow", self.topic)
        self.await_rows("v", [(1,)])

    def test_refused_sink_fails_with_the_reason(self):
        BROKER.create(self.topic)
        BROKER.tool("deny", self.topic)
        self.server.sql("CREATE TABLE r (id INT)")
        for name, options in (("direct", ()), ("once", exactly_once(self.topic))):
            self.table(name, "id INT", JSON, *options)
            self.server.sql(f"INSERT INTO {name} SELECT id FROM r")
        self.server.sql("INSERT INTO r VALUES (1)")
        for name in ("direct", "once"):
            await_equal("FAILED", lambda: self.server.job(name)["state"],
                        lambda: self.server.job(name))
            self.assertIn("authorization", self.server.job(name)["error"]["message"].lower())

    def test_transactions_that_time_out_are_sent_again(self):
        BROKER.create(self.topic)
        self.table("t", "id INT", JSON, *exactly_once(self.topic),
                   "'properties.transaction.timeout.ms' = '1000'")
        self.server.sql("CREATE TABLE r (id INT); INSERT INTO t SELECT id FROM r; "
                        "INSERT INTO r VALUES (0)")
        read = lambda: [json.loads(value)["id"] for _, _, _, value in BROKER.consume(self.topic)]
        await_equal([0], read)
        pid = int((pathlib.Path(BROKER.directory) / "kafka.pid").read_text())
        for n in range(1, 4):
            os.kill(pid, signal.SIGSTOP)
            try:
                self.server.sql(f"INSERT INTO r VALUES ({n})")
                checkpoints = self.server.job("t")["checkpoints"]
                await_equal(True, lambda: self.server.job("t")["checkpoints"] > checkpoints + 1)
                time.sleep(1.5)  # Longer than the transaction may take.
            finally:
                os.kill(pid, signal.SIGCONT)
            await_equal(list(range(n + 1)), read, lambda: self.server.job("t"))
        self.assertEqual("RUNNING", self.server.job("t")["state"])


class BrokerTest(KafkaTest):
    """The broker goes away and comes back."""

    def test_away_at_start_and_later(self):
        BROKER.create(self.topic, 1)
        BROKER.produce(self.topic, [(0, None, {"id": 1})])
        self.table("t", "id BIGINT", JSON, EARLIEST)
        BROKER.stop("--kill")
        self.server.sql("CREATE MATERIALIZED VIEW v AS SELECT id FROM t")
        await_equal(True, lambda: len(self.server.job("v")["notices"]) == 1)
        self.assertEqual(self.server.job("v")["state"], "RUNNING")
        BROKER.start()
        self.await_rows("v", [(1,)])
        BROKER.stop()
        await_equal(True, lambda: len(self.server.job("v")["notices"]) == 1)
        # What readers saw is there again once the broker is, however the server ended.
        self.server.kill()
        self.server = Server(self.home)
        BROKER.start()
        BROKER.produce(self.topic, [(0, None, {"id": 2})])
        self.await_rows("v", [(1,), (2,)])
        await_equal([], lambda: self.server.job("v")["notices"])


def main():
    global BINARY, TOOL, BROKER
    if len(sys.argv) < 3:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    BINARY, TOOL = (str(pathlib.Path(a).resolve()) for a in sys.argv[1:3])
    tests = unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"])
    jars = subprocess.run([SCRIPT, "jars"], check=False)
    if jars.returncode == SKIPPED:
        print(f"{tests.countTestCases()} tests SKIPPED: no Kafka broker can be had here")
        return SKIPPED
    jars.check_returncode()
    home = tempfile.mkdtemp(prefix="millrace-broker-")
    BROKER = Broker(home)
    BROKER.start()
    try:
        return 0 if unittest.main(argv=[sys.argv[0], *sys.argv[3:]],
                                  exit=False).result.wasSuccessful() else 1
    finally:
        BROKER.stop("--kill")
        shutil.rmtree(home)


if __name__ == "__main__":
    sys.exit(main())
