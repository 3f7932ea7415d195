#!/usr/bin/env python3
"""The HTTP API and the shell, against the real program on a free port of 127.0.0.1.

    tests/http/http_test.py MILLRACE_BINARY [unittest's arguments]
"""

import concurrent.futures
import csv
import http.client
import http.server
import io
import json
import os
import pathlib
import re
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

START_SECONDS = 60
BINARY = "millrace"

SETUP = """
CREATE TABLE orders (id BIGINT NOT NULL, item STRING, price DECIMAL(10, 2), ts TIMESTAMP(3));
INSERT INTO orders VALUES
  (1, 'apple', 1.50, TIMESTAMP '2026-03-01 12:03:07.999'), (2, 'pear', 2.25, NULL),
  (3, 'apple', 3.00, NULL), (4, NULL, 4.00, NULL);
CREATE MATERIALIZED VIEW per_item AS
  SELECT item, COUNT(*) AS n, SUM(price) AS total FROM orders GROUP BY item;
CREATE TABLE posted (id BIGINT NOT NULL, name STRING);
CREATE TABLE numbers (id BIGINT, tag STRING) WITH (
  'connector' = 'datagen', 'rows-per-second' = '1000', 'fields.id.min' = '7',
  'fields.id.max' = '7');
"""


class Server:
    """A server process over a directory."""

    def __init__(self, home, *options):
        self.log_path = pathlib.Path(home) / "server.log"
        self.log = open(self.log_path, "ab")
        self.log_begin = self.log.tell()
        self.process = subprocess.Popen(
            [BINARY, "server", "--port", "0", "--data-dir", str(pathlib.Path(home) / "data"),
             *options], stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        self.port = self.await_port()

    def await_port(self):
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            found = re.findall(r"listening on http://127\.0\.0\.1:(\d+)", self.log_text())
            if found:
                return int(found[0])
            time.sleep(0.01)
        raise AssertionError("the server does not start:\n" + self.log_text())

    def log_text(self):
        return self.log_path.read_bytes()[self.log_begin:].decode("utf-8")

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        try:
            return self.process.wait(START_SECONDS)
        finally:
            self.process.kill()
            self.log.close()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"


class Response:
    def __init__(self, response):
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.body = response.read()

    @property
    def text(self):
        return self.body.decode("utf-8")

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def frames(self):
        return [json.loads(line) for line in self.text.splitlines()]


class ApiTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory()
        cls.server = Server(cls.directory.name)
        cls.addClassCleanup(cls.directory.cleanup)
        cls.addClassCleanup(cls.server.process.kill)
        response = cls.request("POST", "/v1/sql", SETUP, {"Content-Type": "application/sql"})
        assert response.status == 200, response.text

    @classmethod
    def tearDownClass(cls):
        code = cls.server.stop()
        assert code == 0, f"exit code {code}: {cls.server.log_path.read_text()}"

    @classmethod
    def request(cls, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", cls.server.port, timeout=60)
        try:
            connection.request(method, path, body.encode() if isinstance(body, str) else body,
                               headers or {})
            return Response(connection.getresponse())
        finally:
            connection.close()

    def post(self, path, value, **headers):
        headers = {name.replace("_", "-"): text for name, text in headers.items()}
        return self.request("POST", path, json.dumps(value),
                            {"Content-Type": "application/json", **headers})

    def sql(self, text, **fields):
        return self.post("/v1/sql", {"sql": text, **fields})

    def rows(self, text, **fields):
        response = self.sql(text, **fields)
        self.assertEqual(response.status, 200, response.text)
        return response.json["results"][-1]["rows"]

    def raw(self, data, end=b"\r\n\r\n"):
        """What comes back for bytes that http.client would not send."""
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=20) as s:
            s.sendall(data)
            received = b""
            while True:
                part = s.recv(65536)
                received += part
                if not part:
                    return received

    def assert_error(self, response, status, code):
        self.assertEqual(response.status, status, response.text)
        self.assertEqual(response.headers["content-type"], "application/json")
        error = response.json["error"]
        self.assertEqual(error["code"], code, response.text)
        self.assertEqual(error["request_id"], response.headers["x-request-id"])
        return error

    # -- what the server says of itself

    def test_health_ready_info_home(self):
        self.assertEqual(self.request("GET", "/healthz").json, {"ok": True})
        self.assertTrue(self.request("GET", "/readyz").json["ready"])
        info = self.request("GET", "/v1/info").json
        self.assertEqual(info["name"], "millrace")
        self.assertTrue(info["durable"])
        home = self.request("GET", "/")
        self.assertTrue(home.headers["content-type"].startswith("text/html"))
        self.assertIn("/v1/sql", home.text)

    def test_common_headers(self):
        response = self.request("GET", "/healthz", headers={"X-Request-Id": "mine-1"})
        self.assertEqual(response.headers["x-request-id"], "mine-1")
        self.assertEqual(response.headers["x-api-version"], "1")
        first, second = (self.request("GET", "/healthz").headers["x-request-id"] for _ in range(2))
        self.assertNotEqual(first, second)

    def test_metrics(self):
        self.request("GET", "/v1/jobs")
        self.request("GET", "/no/such")
        response = self.request("GET", "/metrics")
        self.assertTrue(response.headers["content-type"].startswith("text/plain; version=0.0.4"))
        text = response.text
        self.assertRegex(text, r'millrace_http_requests_total\{route="/v1/jobs",method="GET",'
                               r'code="200"\} [1-9]')
        self.assertRegex(text, r'route="other",method="other",code="404"\} [1-9]')
        self.assertRegex(text, r'millrace_http_request_duration_seconds_bucket\{.*le="\+Inf"\}')
        self.assertRegex(text, r'millrace_pipelines\{state="RUNNING"\} [1-9]')
        self.assertRegex(text, r'millrace_source_records_total\{pipeline="per_item"\} 4')
        names = re.findall(r"^# TYPE (\S+) ", text, re.MULTILINE)
        self.assertEqual(len(names), len(set(names)))
        for line in text.splitlines():
            self.assertRegex(line, r'^(# (HELP|TYPE) \S+ .+|\w+(\{.*\})? [0-9.e+-]+)$')

    # -- rules for all requests

    def test_unknown_routes_and_methods(self):
        self.assert_error(self.request("GET", "/v1/nothing"), 404, "NOT_FOUND")
        self.assert_error(self.request("GET", "/v1/views//rows"), 404, "NOT_FOUND")
        self.assert_error(self.request("POST", "/v1/no", "x" * 1000), 404, "NOT_FOUND")
        response = self.request("GET", "/v1/sql")
        self.assertEqual(response.status, 405)
        self.assertEqual(response.headers["allow"], "POST")
        self.assertEqual(self.request("PUT", "/v1/jobs", "{}").status, 405)

    def test_foreign_hosts_and_origins(self):
        for host in ("evil.example", "localhost.evil.example:80", "127.0.0.1.nip.io"):
            self.assert_error(self.request("GET", "/v1/info", headers={"Host": host}), 403,
                              "FORBIDDEN")
        for host in ("localhost", "localhost:1", "127.0.0.1:9", "[::1]", "[::1]:8080"):
            response = self.request("GET", "/v1/info", headers={"Host": host})
            self.assertEqual(response.status, 200, host)
        own = f"127.0.0.1:{self.server.port}"
        for origin, status in (("http://" + own, 200), ("http://evil.example", 403),
                               ("null", 403), ("https://" + own, 403)):
            response = self.request("GET", "/v1/info", headers={"Host": own, "Origin": origin})
            self.assertEqual(response.status, status, origin)
        response = self.request("GET", "/v1/info", headers={"Sec-Fetch-Site": "cross-site"})
        self.assertEqual(response.status, 403)

    def test_content_types(self):
        for kind in ("text/plain", "application/x-www-form-urlencoded",
                     "multipart/form-data; boundary=x"):
            response = self.request("POST", "/v1/sql", "SELECT 1", {"Content-Type": kind})
            self.assert_error(response, 415, "UNSUPPORTED_MEDIA_TYPE")
        response = self.request("POST", "/v1/sql", "SELECT 1 AS a",
                                {"Content-Type": "Application/SQL; charset=utf-8"})
        self.assertEqual(response.json["results"][0]["rows"], [[1]])
        self.assert_error(self.request("POST", "/v1/sql"), 415, "UNSUPPORTED_MEDIA_TYPE")

    def test_bodies_that_are_too_large(self):
        large = b" " * ((16 << 20) + 1)
        headers = {"Content-Type": "application/sql"}
        self.assert_error(self.request("POST", "/v1/sql", large, headers), 413, "TOO_LARGE")
        chunked = b"POST /v1/sql HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" \
                  b"Content-Type: application/sql\r\nTransfer-Encoding: chunked\r\n\r\n"
        chunk = b"100000\r\n" + b" " * (1 << 20) + b"\r\n"
        answer = self.raw(chunked + chunk * 17 + b"0\r\n\r\n")
        self.assertIn(b" 413 ", answer.split(b"\r\n")[0])
        self.assertIn(b'"TOO_LARGE"', answer)

    def test_bodies_that_are_no_json(self):
        headers = {"Content-Type": "application/json"}
        error = self.assert_error(
            self.request("POST", "/v1/sql", '{\n "sql": "SELECT 1",,}', headers), 400, "BAD_REQUEST")
        self.assertEqual(error["position"]["line"], 2)
        self.assertIn("^", error["snippet"])
        self.assert_error(self.request("POST", "/v1/sql", b'{"sql":"\xff\xfe"}', headers), 400,
                          "BAD_REQUEST")
        self.assert_error(self.request("POST", "/v1/sql", "[]", headers), 400, "BAD_REQUEST")
        self.assert_error(self.request("POST", "/v1/sql", "{}", headers), 400, "BAD_REQUEST")
        error = self.assert_error(self.post("/v1/sql", {"sql": "SELECT 1", "max_row": 1}), 400,
                                  "BAD_REQUEST")
        self.assertIn('"max_row"', error["message"])
        self.assertIn("max_rows", error["hint"])
        self.assert_error(self.sql("SELECT 1", timeout="soon"), 400, "BAD_REQUEST")
        self.assert_error(self.sql("SELECT 1", params=[{}]), 400, "BAD_REQUEST")
        response = self.request("POST", "/v1/sql", b"SELECT '\xff'",
                                {"Content-Type": "application/sql"})
        self.assertEqual(response.status, 400)

    def test_requests_that_are_no_http(self):
        for data in (b"nonsense\r\n\r\n", b"GET /\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n",
                     b"POST /v1/sql HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n",
                     b"POST /v1/sql HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n"
                     b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                     b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 30\r\n\r\n"
                     b"GET /v1/jobs HTTP/1.1\r\n\r\n   "):
            answer = self.raw(data)
            if answer:
                self.assertEqual(answer.count(b"HTTP/1.1 "), 1, answer)
        answer = self.raw(b"GET /" + b"x" * 10000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self.assertIn(b" 414 ", answer.split(b"\r\n")[0])
        self.assertEqual(self.request("GET", "/healthz").status, 200)

    def test_keep_alive_and_pipelining(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=20)
        for path in ["/healthz", "/no", "/v1/jobs"] * 50:
            connection.request("GET", path)
            connection.getresponse().read()
        connection.close()
        one = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
        last = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        self.assertEqual(self.raw(one * 9 + last).count(b'{"ok":true}'), 10)
        head = self.request("HEAD", "/healthz")
        self.assertEqual((head.status, head.body), (200, b""))

    # -- SQL

    def test_values(self):
        response = self.sql("""SELECT CAST(1 AS BIGINT) AS i, CAST(1.5 AS DOUBLE) AS d,
            CAST('NaN' AS DOUBLE) AS nan, CAST(1.50 AS DECIMAL(10, 2)) AS dec, TRUE AS b,
            CAST(NULL AS STRING) AS nothing, 'ä"\n' AS s, DATE '2026-03-01' AS da,
            TIMESTAMP '2026-03-01 12:03:07.500' AS ts, ARRAY[1, 2] AS arr,
            INTERVAL '1 02:03:04' DAY TO SECOND AS iv""")
        self.assertEqual(response.status, 200, response.text)
        result = response.json["results"][0]
        self.assertEqual(result["row_count"], 1)
        row = {column["name"]: value
               for column, value in zip(result["columns"], result["rows"][0])}
        timestamp = row.pop("ts")
        self.assertTrue(timestamp.startswith("2026-03-01T12:03:07.5"), timestamp)
        self.assertEqual(row, {
            "i": 1, "d": 1.5, "nan": "NaN", "dec": "1.50", "b": True, "nothing": None,
            "s": 'ä"\n', "da": "2026-03-01", "arr": [1, 2], "iv": "P1DT2H3M4S"})
        self.assertEqual(result["columns"][0],
                         {"name": "i", "type": "BIGINT", "nullable": False})

    def test_several_statements(self):
        response = self.sql("SELECT 1 AS a; SHOW TABLES; SELECT COUNT(*) AS n FROM orders")
        results = response.json["results"]
        self.assertEqual([r["statement_index"] for r in results], [0, 1, 2])
        self.assertEqual(results[2]["rows"], [[4]])
        self.assertIn("elapsed_ms", response.json)

    def test_view_is_read_in_one_request(self):
        rows = self.rows("SELECT item, n, total FROM per_item ORDER BY item")
        self.assertEqual([row for row in rows if row[0]],
                         [["apple", 2, "4.50"], ["pear", 1, "2.25"]])

    def test_error_position(self):
        text = "SELECT 'äöü€😀';\nSELECT id\nFROM orders WHERE itm = 1"
        response = self.sql(text)
        error = self.assert_error(response, 400, "COLUMN_NOT_FOUND")
        self.assertEqual(error["sqlstate"], "42703")
        self.assertEqual(error["statement_index"], 1)
        position = error["position"]
        self.assertEqual(text[position["offset"]:][:position["length"]], "itm")
        self.assertEqual((position["line"], position["column"], position["end_line"],
                          position["end_column"]), (3, 19, 3, 22))
        self.assertEqual(error["snippet"],
                         "  3 | FROM orders WHERE itm = 1\n" + " " * 24 + "^^^")
        self.assertIn("item", error["hint"])
        self.assertFalse(error["retryable"])
        self.assertEqual(len(response.json["results"]), 1)
        self.assertEqual(response.json["diagnostics"][0]["severity"], "error")

    def test_syntax_error_runs_nothing(self):
        response = self.sql("CREATE TABLE never (a INT); SELEC 1")
        self.assert_error(response, 400, "SQL_SYNTAX")
        self.assertEqual(self.request("GET", "/v1/catalog/never").status, 404)

    def test_parameters(self):
        self.assertEqual(self.rows("SELECT id FROM orders WHERE item = $1 AND id > $2 ORDER BY id",
                                   params=["apple", 1]), [[3]])

    def test_limits_and_styles(self):
        result = self.sql("SELECT id FROM orders ORDER BY id", max_rows=2).json["results"][0]
        self.assertEqual((result["rows"], result["truncated"]), ([[1], [2]], True))
        result = self.sql("SELECT id FROM orders WHERE id = 1", row_format="object").json
        self.assertEqual(result["results"][0]["rows"], [{"id": 1}])
        self.assertEqual(self.rows("SELECT id FROM orders WHERE id = 1", bigint="string"), [["1"]])

    def test_properties_hold_for_the_request(self):
        zone = {"table.local-time-zone": "Asia/Tokyo"}
        query = "SELECT CAST(TO_TIMESTAMP_LTZ(0, 3) AS STRING) AS t"
        self.assertIn("09:00:00", self.rows(query, properties=zone)[0][0])
        self.assertIn("00:00:00", self.rows(query)[0][0])
        self.assertEqual(self.sql("SELECT 1", database="no_such").status, 400)

    def test_endless_results_need_an_end(self):
        error = self.assert_error(self.sql("SELECT id FROM numbers"), 406, "STREAMING_RESULT")
        self.assertIn("LIMIT", error["hint"])
        self.assertEqual(self.rows("SELECT id FROM numbers LIMIT 3"), [[7], [7], [7]])
        self.assertEqual(len(self.rows("SELECT id FROM numbers", max_rows=2)), 2)
        self.assertEqual(self.sql("SELECT id FROM numbers", timeout="300ms").status, 200)

    def test_validate(self):
        body = self.post("/v1/validate", {"sql": "CREATE TABLE fresh (a INT); SELECT a FROM fresh"})
        self.assertTrue(body.json["ok"], body.text)
        self.assertEqual([s["kind"] for s in body.json["statements"]], ["create_table", "select"])
        self.assertEqual(body.json["statements"][1]["output_schema"][0]["name"], "a")
        body = self.post("/v1/validate", {"sql": "SELECT nope FROM orders"}).json
        self.assertFalse(body["ok"])
        self.assertEqual(body["diagnostics"][0]["severity"], "error")
        self.assertEqual(self.request("GET", "/v1/catalog/fresh").status, 404)

    # -- frames and plain formats

    def test_frames(self):
        response = self.post("/v1/sql", {"sql": "SET 'table.local-time-zone' = 'UTC'; "
                                                "SELECT id FROM orders ORDER BY id"},
                             Accept="application/x-ndjson")
        self.assertEqual(response.headers["content-type"], "application/x-ndjson")
        self.assertEqual(response.headers["cache-control"], "no-store")
        frames = response.frames
        self.assertEqual(frames[0]["type"], "schema")
        self.assertEqual(frames[0]["columns"][0]["name"], "id")
        rows = [frame for frame in frames if frame["type"] == "row"]
        self.assertEqual([frame["row"] for frame in rows], [[1], [2], [3], [4]])
        self.assertTrue(all(frame["op"] == "+I" for frame in rows))
        self.assertEqual((frames[-1]["type"], frames[-1]["reason"], frames[-1]["rows"]),
                         ("end", "finished", 4))
        for kind in ("schema", "end"):
            self.assertEqual(sum(frame["type"] == kind for frame in frames), 1)

    def test_frames_of_statements_without_rows(self):
        frames = self.post("/v1/sql", {"sql": "SET 'table.local-time-zone' = 'UTC'"},
                           Accept="application/x-ndjson").frames
        self.assertEqual([frame["type"] for frame in frames], ["schema", "notice", "end"])
        frames = self.post("/v1/sql", {"sql": "SHOW TABLES"}, Accept="application/x-ndjson").frames
        self.assertIn(["orders"], [frame.get("row") for frame in frames])
        frames = self.post("/v1/sql", {"sql": "SELECT id FROM orders WHERE id > 100"},
                           Accept="application/x-ndjson").frames
        self.assertEqual([frame["type"] for frame in frames], ["schema", "end"])

    def test_errors_before_the_first_frame(self):
        response = self.post("/v1/sql", {"sql": "SELECT 1;\nSELECT x FROM orders"},
                             Accept="application/x-ndjson")
        error = self.assert_error(response, 400, "COLUMN_NOT_FOUND")
        self.assertEqual((error["statement_index"], error["position"]["line"]), (1, 2))
        self.assertEqual(len(response.json["results"]), 1)

    def test_server_sent_events(self):
        text = self.post("/v1/sql", {"sql": "SELECT 7 AS a"}, Accept="text/event-stream").text
        events = [event.split("\n") for event in text.strip().split("\n\n")]
        self.assertEqual([event[0] for event in events], ["event: schema", "event: row",
                                                          "event: end"])
        self.assertEqual(json.loads(events[1][1].removeprefix("data: "))["row"], [7])

    def test_endless_frames_end_with_the_connection(self):
        for _ in range(3):
            connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=20)
            connection.request("POST", "/v1/sql", json.dumps({"sql": "SELECT id FROM numbers"}),
                               {"Content-Type": "application/json",
                                "Accept": "application/x-ndjson"})
            response = connection.getresponse()
            self.assertEqual(json.loads(response.readline())["type"], "schema")
            self.assertEqual(json.loads(response.readline())["row"], [7])
            connection.close()
        frames = self.post("/v1/sql", {"sql": "SELECT id FROM numbers", "timeout": "300ms"},
                           Accept="application/x-ndjson").frames
        self.assertEqual(frames[-1]["reason"], "timeout")
        frames = self.post("/v1/sql", {"sql": "SELECT id FROM numbers", "max_rows": 5},
                           Accept="application/x-ndjson").frames
        self.assertEqual((frames[-1]["reason"], frames[-1]["rows"]), ("limit", 5))

    # -- changes of views

    def changes(self, path, **headers):
        """The frames of GET `path` as they come; close() ends the connection."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=20)
        headers = {name.replace("_", "-"): text for name, text in headers.items()}
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        self.assertEqual(response.status, 200)

        def frames():
            try:
                for line in response:
                    yield json.loads(line)
            finally:
                response.close()
                connection.close()
        return frames()

    @staticmethod
    def until(frames, kind):
        """The frames up to the first of that type, which is the last of them."""
        taken = []
        for frame in frames:
            taken.append(frame)
            if frame["type"] == kind:
                return taken
        raise AssertionError(f"no {kind} in {taken}")

    @staticmethod
    def take_rows(frames, count):
        rows = []
        while len(rows) < count:
            frame = next(frames)
            if frame["type"] == "row":
                rows.append((frame["op"], frame["row"]))
        return rows

    def make_followed(self, name):
        self.rows(f"CREATE TABLE {name}_t (id INT PRIMARY KEY NOT ENFORCED, k STRING, n INT); "
                  f"CREATE MATERIALIZED VIEW {name} AS SELECT k, COUNT(*) AS c, SUM(n) AS s FROM {name}_t "
                  f"GROUP BY k; INSERT INTO {name}_t VALUES (1, 'a', 10), (2, 'b', 20), (3, 'b', 1); "
                  "SELECT 1")
        self.rows("FLUSH; SELECT 1")

    def test_changes_of_a_view(self):
        self.make_followed("followed")
        frames = self.changes("/v1/views/followed/changes?progress=100ms")
        first = self.until(frames, "snapshot_end")
        self.assertEqual((first[0]["type"], first[0]["primary_key"], first[0]["changelog_mode"]),
                         ("schema", ["k"], "retract"))
        self.assertEqual(sorted((f["op"], *f["row"]) for f in first if f["type"] == "row"),
                         [("+I", "a", 1, 10), ("+I", "b", 2, 21)])
        self.sql("UPDATE followed_t SET n = 11 WHERE id = 1")
        self.assertEqual(self.take_rows(frames, 2), [("-U", ["a", 1, 10]), ("+U", ["a", 1, 11])])
        self.sql("DELETE FROM followed_t WHERE k = 'b'")
        self.assertEqual(self.take_rows(frames, 1), [("-D", ["b", 2, 21])])
        self.sql("INSERT INTO followed_t VALUES (9, 'c', 5)")
        self.assertEqual(self.take_rows(frames, 1), [("+I", ["c", 1, 5])])
        progress = self.until(frames, "progress")[-1]
        self.assertEqual(progress["rows"], 6)
        frames.close()
        # It goes on behind each of the cursors.
        self.sql("INSERT INTO followed_t VALUES (9, 'c', 6)")
        for cursor, count in ((first[-1]["cursor"], 6), (progress["cursor"], 2)):
            again = self.changes("/v1/views/followed/changes?from=" + cursor)
            self.assertEqual(self.take_rows(again, count)[-2:],
                             [("-U", ["c", 1, 5]), ("+U", ["c", 1, 6])])
            again.close()
        again = self.changes("/v1/views/followed/changes", Last_Event_ID=progress["cursor"])
        self.assertEqual(len(self.take_rows(again, 2)), 2)
        again.close()
        for path, status, code in (("from=c_ffffffff", 410, "CURSOR_EXPIRED"),
                                   ("from=7", 400, "BAD_REQUEST"),
                                   ("envelope=x", 400, "BAD_REQUEST"),
                                   ("nothing=1", 400, "COLUMN_NOT_FOUND"),
                                   ("filter=nothing", 400, "COLUMN_NOT_FOUND")):
            self.assert_error(self.request("GET", "/v1/views/followed/changes?" + path), status, code)
        self.assert_error(self.request("GET", "/v1/views/followed_t/changes"), 404, "NOT_FOUND")
        self.assert_error(self.request("GET", "/v1/views/followed/changes",
                                       headers={"Accept": "application/json"}),
                          406, "STREAMING_RESULT")

    def test_envelopes_and_filters_of_changes(self):
        self.make_followed("wrapped")
        upserts = self.changes("/v1/views/wrapped/changes?envelope=upsert&k=a&columns=k,s")
        self.assertEqual(self.until(upserts, "snapshot_end")[0]["changelog_mode"], "upsert")
        debezium = self.changes("/v1/views/wrapped/changes?envelope=debezium&filter=c%20%3D%201")
        read = [f for f in self.until(debezium, "snapshot_end") if f["type"] == "row"]
        self.assertEqual([(f["op"], f["before"], f["after"]) for f in read],
                         [("r", None, {"k": "a", "c": 1, "s": 10})])
        later = self.changes("/v1/views/wrapped/changes?snapshot=false")
        self.assertEqual(next(later)["type"], "schema")
        self.sql("UPDATE wrapped_t SET n = 12 WHERE id = 1")
        self.assertEqual(self.take_rows(upserts, 1), [("+U", ["a", 12])])
        self.assertEqual(self.take_rows(later, 2), [("-U", ["a", 1, 10]), ("+U", ["a", 1, 12])])
        update = next(f for f in debezium if f["type"] == "row")
        self.assertEqual((update["op"], update["before"], update["after"]),
                         ("u", {"k": "a", "c": 1, "s": 10}, {"k": "a", "c": 1, "s": 12}))
        # It enters the filter when another row is gone.
        self.sql("DELETE FROM wrapped_t WHERE id IN (1, 3)")
        changes = [next(f for f in debezium if f["type"] == "row") for _ in range(2)]
        self.assertEqual(sorted(f["op"] for f in changes), ["c", "d"])
        for frames in (upserts, debezium, later):
            frames.close()

    def test_event_ids_stand_at_whole_steps(self):
        self.make_followed("events_of")
        text = self.request("GET", "/v1/views/events_of/changes?timeout=300ms",
                            headers={"Accept": "text/event-stream"}).text
        events = [event.split("\n") for event in text.strip().split("\n\n")]
        self.assertEqual([event[0] for event in events if any(line.startswith("id:") for line in event)],
                         ["event: snapshot_end"])
        end = json.loads(events[-1][-1].removeprefix("data: "))
        self.assertEqual(end["reason"], "timeout")
        self.assertRegex(end["cursor"], "^c_[0-9a-f]+$")

    def test_queries_over_changing_views(self):
        self.make_followed("asked")
        body = self.sql("SELECT SUM(s) AS total, COUNT(*) AS n FROM asked EMIT CHANGES LIMIT 1").json
        self.assertEqual(body["results"][0]["rows"], [[31, 2]])
        process = subprocess.Popen(
            [BINARY, "sql", "-s", self.server.url, "-o", "changelog", "-e",
             "SELECT a.k, a.s, b.n FROM asked AS a JOIN asked_t AS b ON a.k = b.k EMIT CHANGES LIMIT 5"],
            stdout=subprocess.PIPE, text=True)
        try:
            lines = []
            while sum("+I" in line for line in lines) < 3:
                lines.append(process.stdout.readline())
            self.sql("UPDATE asked_t SET n = 15 WHERE id = 1")
            rest = process.communicate(timeout=20)[0]
        finally:
            process.kill()
            process.wait()
        self.assertIn("15", rest)
        self.assertIn("-", rest)

    def test_dropped_views_end_their_streams(self):
        self.make_followed("dropped_one")
        frames = self.changes("/v1/views/dropped_one/changes")
        self.until(frames, "snapshot_end")
        self.sql("DROP MATERIALIZED VIEW dropped_one")
        last = self.until(frames, "end")
        self.assertEqual([frame["type"] for frame in last], ["error", "end"])
        self.assertEqual((last[0]["error"]["code"], last[1]["reason"]), ("CONFLICT", "error"))

    def test_http_1_0_stream(self):
        body = b'{"sql":"SELECT 7 AS a"}'
        answer = self.raw(b"POST /v1/sql HTTP/1.0\r\nContent-Type: application/json\r\n"
                          b"Accept: application/x-ndjson\r\nContent-Length: %d\r\n\r\n" % len(body)
                          + body)
        head, _, rest = answer.partition(b"\r\n\r\n")
        self.assertNotIn(b"chunked", head)
        self.assertEqual(len(rest.splitlines()), 3)

    def test_plain_formats(self):
        query = {"sql": "SELECT id, item FROM orders ORDER BY id"}
        text = self.post("/v1/sql", query, Accept="text/csv").text
        self.assertEqual(list(csv.reader(io.StringIO(text))),
                         [["id", "item"], ["1", "apple"], ["2", "pear"], ["3", "apple"], ["4", ""]])
        self.assertEqual(self.post("/v1/sql", query, Accept="text/tab-separated-values").text,
                         "id\titem\n1\tapple\n2\tpear\n3\tapple\n4\t\n")
        box = self.post("/v1/sql", query, Accept="text/plain").text
        self.assertIn("│  1 │ apple │", box)
        self.assertIn("(4 rows)", box)

    # -- views

    def test_point_read(self):
        body = self.request("GET", "/v1/views/per_item/rows?item=apple").json
        self.assertEqual(body["rows"], [["apple", 2, "4.50"]])
        self.assertEqual([column["name"] for column in body["columns"]], ["item", "n", "total"])
        body = self.request("GET", "/v1/views/per_item/rows?item=plum").json
        self.assertEqual((body["rows"], body["row_count"]), ([], 0))
        body = self.request("GET", "/v1/views/per_item/rows?item=pear&columns=total,n").json
        self.assertEqual(body["rows"], [["2.25", 1]])

    def test_view_pages(self):
        seen, token = [], None
        while True:
            path = "/v1/views/orders/rows?columns=id&limit=3" + (
                f"&page_token={token}" if token else "")
            body = self.request("GET", path).json
            seen += [row[0] for row in body["rows"]]
            token = body["next_page_token"]
            if token is None:
                break
        self.assertEqual(sorted(seen), [1, 2, 3, 4])
        body = self.request("GET", "/v1/views/orders/rows?columns=id&order_by=id%20desc&limit=2")
        self.assertEqual(body.json["rows"], [[4], [3]])
        self.assert_error(self.request("GET", "/v1/views/orders/rows?page_token=1-2"), 400,
                          "BAD_REQUEST")

    def test_view_filters(self):
        def ids(query):
            response = self.request("GET", "/v1/views/orders/rows?columns=id&" + query)
            self.assertEqual(response.status, 200, response.text)
            return sorted(row[0] for row in response.json["rows"])
        self.assertEqual(ids("item=apple"), [1, 3])
        self.assertEqual(ids("item=apple&id=3"), [3])
        self.assertEqual(ids("price=2.25"), [2])
        self.assertEqual(ids("filter=price%20%3E%202%20--%20dear"), [2, 3, 4])
        self.assertEqual(ids("item=o%27clock"), [])
        error = self.assert_error(self.request("GET", "/v1/views/orders/rows?filter=itm%3D1"), 400,
                                  "COLUMN_NOT_FOUND")
        self.assertEqual(error["position"]["offset"], 0)
        for injection in ("1=1);DROP%20TABLE%20orders;--", "1=1)%20UNION%20SELECT%201;--"):
            self.assertEqual(self.request("GET", "/v1/views/orders/rows?filter=" + injection).status,
                             400)
        self.assertEqual(self.rows("SELECT COUNT(*) AS n FROM orders"), [[4]])

    def test_view_errors(self):
        self.assert_error(self.request("GET", "/v1/views/none/rows?a=1"), 404, "NOT_FOUND")
        error = self.assert_error(self.request("GET", "/v1/views/per_item/rows?itm=1"), 400,
                                  "COLUMN_NOT_FOUND")
        self.assertIn("item", error["hint"])
        self.assert_error(self.request("GET", "/v1/views/orders/rows?id=abc"), 400, "BAD_REQUEST")
        self.assert_error(self.request("GET", "/v1/views/orders/rows?limit=x"), 400, "BAD_REQUEST")
        self.assert_error(self.request("GET", "/v1/views/orders/rows?id=%zz"), 400, "BAD_REQUEST")

    def test_point_read_sees_a_replaced_view(self):
        make = "CREATE MATERIALIZED VIEW changing AS SELECT {0}, COUNT(*) AS n FROM orders GROUP BY {0}"
        self.rows_ok(make.format("item"))
        self.await_rows("/v1/views/changing/rows?item=apple", [["apple", 2]])
        self.rows_ok("DROP MATERIALIZED VIEW changing; " + make.format("id"))
        self.await_rows("/v1/views/changing/rows?id=2", [[2, 1]])
        self.rows_ok("DROP MATERIALIZED VIEW changing")
        self.assertEqual(self.request("GET", "/v1/views/changing/rows?id=2").status, 404)

    def rows_ok(self, text):
        response = self.sql(text)
        self.assertEqual(response.status, 200, response.text)

    def await_rows(self, path, expected):
        deadline = time.monotonic() + 20
        while True:
            response = self.request("GET", path)
            if response.status == 200 and response.json["rows"] == expected:
                return
            self.assertLess(time.monotonic(), deadline, response.text)
            time.sleep(0.02)

    def test_idle_sources_hold_nobody_back(self):
        self.rows_ok(
            "SET 'table.exec.source.idle-timeout' = '100 ms';"
            "CREATE TABLE idle_a (k STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts);"
            "CREATE TABLE idle_b (k STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts);"
            "CREATE VIEW idle_both AS SELECT * FROM idle_a UNION ALL SELECT * FROM idle_b;"
            "CREATE MATERIALIZED VIEW idle_closed AS SELECT k, COUNT(*) AS n FROM TABLE("
            "  TUMBLE(TABLE idle_both, DESCRIPTOR(ts), INTERVAL '10' SECOND))"
            "  GROUP BY k, window_start, window_end EMIT ON WINDOW CLOSE;"
            "INSERT INTO idle_a VALUES ('x', TIMESTAMP '2020-01-01 00:00:01'),"
            "  ('x', TIMESTAMP '2020-01-01 00:00:21');"
            "INSERT INTO idle_b VALUES ('y', TIMESTAMP '2020-01-01 00:00:02')"
        )
        self.await_rows("/v1/views/idle_closed/rows?order_by=k", [["x", 1], ["y", 1]])

    # -- ingest

    def ingest(self, body, kind, query=""):
        return self.request("POST", "/v1/tables/posted/rows" + query, body, {"Content-Type": kind})

    def test_ingest_formats(self):
        first = self.ingest('{"id":1,"name":"a"}\n\n{"id":2}\n', "application/x-ndjson").json
        self.assertEqual((first["accepted"], first["rejected"]), (2, []))
        more = [
            self.ingest('[{"id":3,"name":"]},"}, {"id":4}]', "application/json").json,
            self.ingest('name,id\n"x,\ny",5\nz,6\n', "text/csv").json,
            self.ingest("7,seven\n", "text/csv", "?header=false").json,
            self.ingest("[]", "application/json").json,
        ]
        self.assertEqual([body["accepted"] for body in more], [2, 2, 1, 0])
        self.assertEqual([body["first_row"] for body in more],
                         [first["first_row"] + 2, first["first_row"] + 4, first["first_row"] + 6,
                          None])
        self.assertEqual(self.rows("SELECT id, name FROM posted WHERE id < 100 ORDER BY id"),
                         [[1, "a"], [2, None], [3, "]},"], [4, None], [5, "x,\ny"], [6, "z"],
                          [7, "seven"]])

    def test_ingest_rejects_all_or_the_bad_ones(self):
        body = '{"id":101}\nbroken\n{"id":"x"}\n{"name":"no id"}\n{"id":102}\n'
        response = self.ingest(body, "application/x-ndjson")
        self.assert_error(response, 400, "INVALID_VALUE")
        self.assertEqual(response.json["accepted"], 0)
        self.assertEqual([reject["line"] for reject in response.json["rejected"]], [2, 3, 4])
        self.assertEqual(self.rows("SELECT id FROM posted WHERE id IN (101, 102)"), [])
        answer = self.ingest(body, "application/x-ndjson", "?on_error=skip").json
        self.assertEqual((answer["accepted"], len(answer["rejected"])), (2, 3))
        self.assertEqual(self.rows("SELECT id FROM posted WHERE id IN (101, 102) ORDER BY id"),
                         [[101], [102]])
        lines = self.ingest('id,name\n1,"two\nlines"\nx,y\n', "text/csv").json["rejected"]
        self.assertEqual([reject["line"] for reject in lines], [4])

    def test_ingest_errors(self):
        self.assert_error(self.ingest("[{}", "application/json"), 400, "BAD_REQUEST")
        self.assert_error(self.ingest("{}", "application/json"), 400, "BAD_REQUEST")
        self.assert_error(self.ingest("<a/>", "text/xml"), 415, "UNSUPPORTED_MEDIA_TYPE")
        self.assert_error(self.ingest("idd,name\n1,2\n", "text/csv"), 400, "COLUMN_NOT_FOUND")
        self.assert_error(self.ingest("", "text/csv", "?heder=false"), 400, "BAD_REQUEST")
        headers = {"Content-Type": "application/x-ndjson"}
        response = self.request("POST", "/v1/tables/none/rows", "{}", headers)
        self.assert_error(response, 404, "NOT_FOUND")
        response = self.request("POST", "/v1/tables/numbers/rows", "{}", headers)
        self.assert_error(response, 400, "BAD_REQUEST")

    # -- jobs and the catalog

    def test_jobs(self):
        self.rows_ok("CREATE MATERIALIZED VIEW short_lived AS SELECT id FROM orders WHERE id > 2")
        job = self.request("GET", "/v1/jobs/short_lived").json
        self.assertEqual((job["name"], job["kind"]), ("short_lived", "MATERIALIZED VIEW"))
        self.assertEqual(self.request("GET", "/v1/jobs/" + job["id"]).json["id"], job["id"])
        self.assertIn("short_lived", [j["name"] for j in self.request("GET", "/v1/jobs").json["jobs"]])
        stopped = self.request("POST", f"/v1/jobs/{job['id']}/stop")
        self.assertEqual(stopped.status, 202)
        self.assertEqual(self.request("DELETE", "/v1/jobs/short_lived").status, 200)
        self.assert_error(self.request("GET", "/v1/jobs/none"), 404, "NOT_FOUND")
        self.assert_error(self.request("DELETE", "/v1/jobs/none"), 404, "NOT_FOUND")

    def test_catalog(self):
        names = [o["name"] for o in self.request("GET", "/v1/catalog").json["objects"]]
        self.assertIn("orders", names)
        orders = self.request("GET", "/v1/catalog/orders").json
        self.assertEqual(orders["kind"], "TABLE")
        self.assertEqual(orders["columns"][0]["name"], "id")
        self.assertTrue(orders["takes_rows"])
        full = self.request("GET", "/v1/catalog/default_catalog/default_database/orders").json
        self.assertEqual(full["name"], "orders")
        self.assertEqual(self.request("GET", "/v1/catalog/per_item").json["reads"], ["orders"])
        self.assert_error(self.request("GET", "/v1/catalog/none"), 404, "NOT_FOUND")

    # -- many at once

    def test_many_connections(self):
        idle = [socket.create_connection(("127.0.0.1", self.server.port)) for _ in range(200)]
        begin = time.monotonic()
        self.assertEqual(self.request("GET", "/healthz").status, 200)
        self.assertLess(time.monotonic() - begin, 5)
        with concurrent.futures.ThreadPoolExecutor(16) as threads:
            answers = list(threads.map(
                lambda _: self.request("GET", "/v1/views/per_item/rows?item=apple").json["rows"],
                range(400)))
        self.assertEqual(answers, [[["apple", 2, "4.50"]]] * 400)
        for connection in idle:
            connection.close()

    # -- the shell

    def shell(self, *arguments, stdin=""):
        return subprocess.run([BINARY, "sql", "-s", self.server.url, *arguments], input=stdin,
                              capture_output=True, text=True, timeout=60, check=False)

    def test_shell_prints_tables(self):
        done = self.shell("-e", "SELECT id, item FROM orders WHERE id < 3 ORDER BY id")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(done.stdout, "┌────┬───────┐\n│ id │ item  │\n├────┼───────┤\n"
                                      "│  1 │ apple │\n│  2 │ pear  │\n└────┴───────┘\n(2 rows)\n")

    def test_shell_prints_lines_of_a_value_below_each_other(self):
        done = self.shell("-e", "SELECT 'one\ntwo\n' AS x, 1 AS y")
        self.assertEqual(done.stdout, "┌─────┬───┐\n│ x   │ y │\n├─────┼───┤\n"
                                      "│ one │ 1 │\n│ two │   │\n└─────┴───┘\n(1 row)\n")

    def test_shell_formats(self):
        query = "SELECT id, item FROM orders WHERE id > 3"
        self.assertEqual(self.shell("-e", query, "-o", "csv").stdout, "id,item\n4,\n")
        self.assertEqual(self.shell("-e", query, "-o", "csv", "--no-header", "--null", "-").stdout,
                         "4,-\n")
        self.assertEqual(json.loads(self.shell("-e", query, "-o", "json").stdout),
                         [{"id": 4, "item": None}])
        self.assertEqual(self.shell("-e", query, "-o", "changelog").stdout, "+I[4, NULL]\n")
        self.assertIn("| id  | item |", self.shell("-e", query, "-o", "markdown").stdout)

    def test_shell_reads_standard_input(self):
        done = self.shell("-o", "ndjson", stdin="-- a comment;\nSET 'table.local-time-zone' = "
                          "'Asia/Tokyo';\nSELECT ';' AS s,\n CAST(TO_TIMESTAMP_LTZ(0, 3) AS STRING)"
                          " AS t;\n/* ; */ SELECT 2 AS b")
        self.assertEqual(done.returncode, 0, done.stderr)
        first, second = (json.loads(line) for line in done.stdout.splitlines())
        self.assertEqual(first["s"], ";")
        self.assertIn("09:00", first["t"])
        self.assertEqual(second, {"b": 2})

    def test_shell_errors(self):
        done = self.shell("-e", "SELECT itm\nFROM orders; SELECT 1")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertTrue(done.stderr.startswith("ERROR 42703: "), done.stderr)
        self.assertIn("  1 | SELECT itm\n             ^^^\nHINT: ", done.stderr)
        self.assertEqual(self.shell("--nonsense").returncode, 2)
        self.assertEqual(self.shell("-o", "xml").returncode, 2)
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        done = subprocess.run([BINARY, "sql", "-s", f"127.0.0.1:{port}", "-e", "SELECT 1"],
                              capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 3)
        self.assertIn("cannot connect", done.stderr)

    def test_shell_streams(self):
        process = subprocess.Popen([BINARY, "sql", "-s", self.server.url, "-o", "ndjson", "-e",
                                    "SELECT id FROM numbers"], stdout=subprocess.PIPE, text=True)
        try:
            self.assertEqual([json.loads(process.stdout.readline())["id"] for _ in range(50)],
                             [7] * 50)
        finally:
            process.kill()
            process.wait()
            process.stdout.close()


class Receiver:
    """A server that takes webhooks; `answers` has the statuses of the next requests, else 200."""

    def __init__(self, port=0, requests=None):
        self.requests, self.answers = [] if requests is None else requests, []
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                length = int(self.headers["Content-Length"])
                body = self.rfile.read(length)
                if len(body) < length:  # The client was killed within it.
                    self.close_connection = True
                    return
                body = body.decode("utf-8")
                status = receiver.answers.pop(0) if receiver.answers else 200
                receiver.requests.append((status, self.path, dict(self.headers), body))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # Clients are killed.
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def accepted(self):
        """Bodies by their keys, as a receiver that knows keys keeps them."""
        kept = {}
        for status, _, headers, body in list(self.requests):
            if status == 200:
                kept.setdefault(headers["Idempotency-Key"], body)
        return kept

    def rows(self):
        return sorted(line for body in self.accepted().values() for line in body.splitlines())


class WebhookTest(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        self.home = pathlib.Path(self.directory.name)
        self.receiver = Receiver()
        self.addCleanup(lambda: self.receiver.stop())
        os.environ["MILLRACE_TEST_KEY"] = "from the environment"
        (self.home / "key").write_text("from a file\n")
        self.server = Server(self.home, "--checkpoint-interval", "100 ms")
        self.addCleanup(lambda: self.server.process.kill())

    def sql(self, text, status=200):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
        try:
            connection.request("POST", "/v1/sql", text, {"Content-Type": "application/sql"})
            response = Response(connection.getresponse())
        finally:
            connection.close()
        self.assertEqual(response.status, status, response.text)
        return response.json

    def job(self):
        return self.sql("SHOW JOBS")["results"][-1]["rows"]

    def await_equal(self, expected, actual):
        deadline = time.monotonic() + START_SECONDS
        while actual() != expected and time.monotonic() < deadline:
            time.sleep(0.01)
        self.assertEqual(actual(), expected)

    def hook(self, *options):
        text = ", ".join(["'connector' = 'http'", "'format' = 'json'",
                          "'retry.initial-backoff' = '10 ms'", "'retry.max-backoff' = '20 ms'",
                          f"'url' = 'http://127.0.0.1:{self.receiver.port}/hook?a=b'", *options])
        self.sql(f"CREATE TABLE t (a INT); CREATE TABLE h (a INT) WITH ({text}); "
                 "INSERT INTO h SELECT a FROM t WHERE a > 0")

    def test_batches_headers_and_secrets(self):
        self.hook("'batch.max-rows' = '2'", "'body' = 'array'",
                  "'headers.X-Key' = '${env:MILLRACE_TEST_KEY}'",
                  f"'headers.Authorization' = 'Bearer ${{file:{self.home}/key}}'")
        self.sql("INSERT INTO t VALUES (1), (2), (-1), (3)")
        self.await_equal(['[{"a":1},{"a":2}]', '[{"a":3}]'], self.receiver.rows)
        _, path, headers, _ = self.receiver.requests[0]
        self.assertEqual((path, headers["X-Key"], headers["Authorization"], headers["Content-Type"]),
                         ("/hook?a=b", "from the environment", "Bearer from a file",
                          "application/json"))
        self.assertNotIn("Bearer", json.dumps(self.sql("SHOW CREATE TABLE h")))
        wrong = self.sql("CREATE TABLE x (a INT) WITH ('connector' = 'http', 'format' = 'json', "
                         "'url' = 'http://a/', 'headers.A' = '${env:NO_SUCH_VARIABLE}')", 400)
        self.assertEqual(wrong["error"]["code"], "INVALID_OPTION")
        wrong = self.sql("CREATE TABLE x (a INT) WITH ('connector' = 'http', 'format' = 'json', "
                         "'url' = 'ftp://a/')", 400)
        self.assertIn("no URL", wrong["error"]["message"])
        self.assertEqual(self.server.stop(), 0)

    def test_retries_in_order_and_under_the_same_key(self):
        self.hook()
        self.receiver.answers = [500, 429, 503]
        for n in range(1, 4):
            self.sql(f"INSERT INTO t VALUES ({n}); FLUSH")
        self.await_equal(['{"a":1}', '{"a":2}', '{"a":3}'], self.receiver.rows)
        keys = [headers["Idempotency-Key"] for _, _, headers, _ in self.receiver.requests]
        self.assertEqual((len(set(keys[:4])), len(set(keys))), (1, 3))
        self.receiver.answers = [422]
        self.sql("INSERT INTO t VALUES (4); FLUSH")
        self.await_equal("FAILED", lambda: self.job()[0][2])
        self.assertIn("422", self.job()[0][6])
        self.assertEqual(self.server.stop(), 0)

    def test_each_row_once_whatever_is_killed(self):
        self.hook("'batch.max-rows' = '3'")
        for n in range(0, 60, 5):
            values = ", ".join(f"({k + 1})" for k in range(n, n + 5))
            self.sql(f"INSERT INTO t VALUES {values}; FLUSH")
            if n % 15 == 0:
                self.server.stop(signal.SIGKILL)
                self.server = Server(self.home, "--checkpoint-interval", "100 ms")
            if n % 20 == 0:
                # The receiver is away for a while, but remembers.
                before = self.receiver
                before.stop()
                self.sql(f"INSERT INTO t VALUES ({1000 + n}); FLUSH")
                self.receiver = Receiver(before.port, before.requests)
        expected = sorted(f'{{"a":{n}}}' for n in [*range(1, 61), 1000, 1020, 1040])
        self.await_equal(expected, self.receiver.rows)
        self.sql("DROP JOB h")
        self.assertEqual(self.receiver.rows(), expected)
        self.assertEqual(self.server.stop(), 0)


class LifeTest(unittest.TestCase):
    """Starting and stopping."""

    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        self.home = pathlib.Path(self.directory.name)

    def run_millrace(self, *arguments, **options):
        return subprocess.run([BINARY, *arguments], capture_output=True, text=True, timeout=60,
                              check=False, cwd=self.home, **options)

    def query(self, server, sql):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        try:
            connection.request("POST", "/v1/sql", sql, {"Content-Type": "application/sql"})
            return Response(connection.getresponse()).json
        finally:
            connection.close()

    def test_restart_with_init_file(self):
        init = self.home / "init.sql"
        init.write_text("CREATE TABLE t (a INT);\n"
                        "CREATE MATERIALIZED VIEW v AS SELECT a, COUNT(*) AS n FROM t GROUP BY a;")
        server = Server(self.home, "-f", str(init))
        self.query(server, "INSERT INTO t VALUES (1), (1), (2)")
        self.assertEqual(server.stop(), 0)
        server = Server(self.home, "-f", str(init), "-D", "checkpoint.interval=200 ms")
        rows = self.query(server, "FLUSH; SELECT a, n FROM v ORDER BY a")["results"][-1]["rows"]
        self.assertEqual(rows, [[1, 2], [2, 1]])
        self.assertEqual(server.stop(signal.SIGINT), 0)

    def call(self, server, method, path, body=None, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        try:
            connection.request(method, path, body,
                               {name.replace("_", "-"): v for name, v in headers.items()})
            return Response(connection.getresponse())
        finally:
            connection.close()

    def post_rows(self, server, table, body, key=None):
        headers = {"Idempotency_Key": key} if key else {}
        return self.call(server, "POST", f"/v1/tables/{table}/rows", body,
                         Content_Type="application/x-ndjson", **headers)

    def test_idempotency_keys_survive_restarts(self):
        server = Server(self.home)
        self.query(server, "CREATE TABLE t (a INT); "
                           "CREATE TABLE k (a INT PRIMARY KEY NOT ENFORCED, b INT); "
                           "CREATE MATERIALIZED VIEW v AS SELECT COUNT(*) AS n FROM t")
        first = self.post_rows(server, "t", '{"a":1}\n{"a":2}', "one").json
        self.assertEqual((first["accepted"], first["repeated"]), (2, False))
        keyed = self.post_rows(server, "k", '{"a":1,"b":1}', "one").json
        self.post_rows(server, "k", '{"a":1,"b":2}')
        for _ in range(2):
            again = self.post_rows(server, "t", '{"a":1}\n{"a":2}', "one").json
            self.assertEqual((again["first_row"], again["token"], again["repeated"]),
                             (first["first_row"], first["token"], True))
            again = self.post_rows(server, "k", '{"a":1,"b":1}', "one").json
            self.assertEqual((again["token"], again["repeated"]), (keyed["token"], True))
            other = self.post_rows(server, "t", '{"a":3}', "one")
            self.assertEqual((other.status, other.json["error"]["code"]), (409, "CONFLICT"))
            server.stop(signal.SIGKILL)
            server = Server(self.home)
        rejected = self.post_rows(server, "t", "broken", "two")
        self.assertEqual(rejected.status, 400)
        self.assertFalse(self.post_rows(server, "t", '{"a":3}', "two").json["repeated"])
        rows = self.query(server, "FLUSH; SELECT n FROM v")["results"][-1]["rows"]
        self.assertEqual(rows, [[3]])
        self.assertEqual(self.query(server, "SELECT b FROM k")["results"][-1]["rows"], [[2]])
        self.assertEqual(server.stop(), 0)

    def test_reads_of_own_writes(self):
        server = Server(self.home)
        self.query(server, "CREATE TABLE t (a INT); "
                           "CREATE MATERIALIZED VIEW v AS SELECT COUNT(*) AS n FROM t; "
                           "CREATE MATERIALIZED VIEW w AS SELECT n + 1 AS m FROM v")
        for n in range(1, 20):
            token = self.post_rows(server, "t", '{"a":1}').json["token"]
            if n % 2:
                answer = self.call(server, "GET", f"/v1/tokens/{token}?wait=30s")
                self.assertEqual((answer.status, answer.json["state"]), (200, "done"))
                rows = self.call(server, "GET", "/v1/views/w/rows").json
            else:
                rows = self.call(server, "GET", f"/v1/views/w/rows?min_snapshot={token}").json
            self.assertEqual(rows["rows"], [[n + 1]])
        snapshot = rows["snapshot"]["id"]
        again = self.call(server, "GET", f"/v1/views/w/rows?min_snapshot={snapshot}")
        self.assertEqual(again.json["rows"], [[20]])
        self.query(server, "STOP JOB 'w'; STOP JOB 'v'")
        token = self.post_rows(server, "t", '{"a":1}').json["token"]
        self.assertEqual(self.call(server, "GET", f"/v1/tokens/{token}").status, 200)
        self.assertEqual(self.call(server, "GET", "/v1/tokens/nonsense").status, 400)
        self.query(server, "DROP MATERIALIZED VIEW w; DROP MATERIALIZED VIEW v; DROP TABLE t")
        gone = self.call(server, "GET", f"/v1/tokens/{token}")
        self.assertEqual((gone.status, gone.json["error"]["code"]), (410, "CURSOR_EXPIRED"))
        self.assertEqual(server.stop(), 0)

    def state(self, server, job):
        return self.call(server, "GET", f"/v1/jobs/{job}").json["state"]

    def test_paused_jobs(self):
        server = Server(self.home)
        self.query(server, "CREATE TABLE t (a INT); "
                           "CREATE MATERIALIZED VIEW v AS SELECT SUM(a) AS s FROM t; "
                           "CREATE MATERIALIZED VIEW w AS SELECT s + 1 AS x FROM v; "
                           "INSERT INTO t VALUES (1), (2); FLUSH")
        def read():
            return [self.call(server, "GET", f"/v1/views/{view}/rows").json["rows"]
                    for view in "vw"]
        answer = self.call(server, "POST", "/v1/jobs/w/pause")
        self.assertEqual((answer.status, answer.json["error"]["code"]), (409, "CONFLICT"))
        answer = self.call(server, "POST", "/v1/jobs/v/pause")
        self.assertEqual((answer.status, answer.json["state"]), (202, "PAUSED"))
        self.query(server, "INSERT INTO t VALUES (10); FLUSH")
        self.assertEqual([self.state(server, "v"), self.state(server, "w"), *read()],
                         ["PAUSED", "STALLED", [[3]], [[4]]])
        server.stop(signal.SIGKILL)
        server = Server(self.home)
        self.assertEqual([self.state(server, "v"), self.state(server, "w"), *read()],
                         ["PAUSED", "STALLED", [[3]], [[4]]])
        self.query(server, "RESUME JOB v; FLUSH")
        self.assertEqual([self.state(server, "v"), *read()], ["RUNNING", [[13]], [[14]]])
        self.assertEqual(self.call(server, "POST", "/v1/jobs/w/restart").json["state"], "RUNNING")
        self.query(server, "INSERT INTO t VALUES (100); FLUSH")
        self.assertEqual(read(), [[[113]], [[114]]])
        self.query(server, "STOP JOB 'v'; INSERT INTO t VALUES (1000); FLUSH; RESUME v; FLUSH")
        self.assertEqual(read(), [[[1113]], [[1114]]])
        self.query(server, "PAUSE ALL")
        self.assertEqual([self.state(server, "v"), self.state(server, "w")], ["PAUSED", "PAUSED"])
        self.query(server, "RESUME ALL")
        self.assertEqual([self.state(server, "v"), self.state(server, "w")], ["RUNNING", "RUNNING"])
        before = self.call(server, "GET", "/v1/jobs/v").json["checkpoints"]
        answer = self.call(server, "POST", "/v1/jobs/v/checkpoint")
        self.assertGreater(answer.json["checkpoints"], before)
        wrong = self.call(server, "POST", "/v1/jobs/v/pauze")
        self.assertEqual((wrong.status, wrong.json["error"]["hint"]), (404, 'did you mean "pause"?'))
        self.assertEqual(server.stop(), 0)

    def test_drained_jobs_close_their_windows(self):
        server = Server(self.home)
        self.query(server, """
            CREATE TABLE t (a INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts);
            CREATE MATERIALIZED VIEW v AS SELECT window_start, SUM(a) AS s
            FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' MINUTE))
            GROUP BY window_start, window_end EMIT ON WINDOW CLOSE;
            INSERT INTO t VALUES (1, TIMESTAMP '2026-01-01 00:00:01'); FLUSH""")
        rows = lambda: self.call(server, "GET", "/v1/views/v/rows?columns=s").json["rows"]
        self.assertEqual(rows(), [])
        drained = self.query(server, "STOP JOB 'v' WITH DRAIN")["results"][-1]["job"]["state"]
        self.assertEqual((drained, rows()), ("FINISHED", [[1]]))
        server.stop(signal.SIGKILL)
        server = Server(self.home)
        self.assertEqual((self.state(server, "v"), rows()), ("FINISHED", [[1]]))
        again = self.query(server, "RESUME JOB v")
        self.assertEqual(again["error"]["code"], "CONFLICT")
        self.assertEqual(server.stop(), 0)

    def test_jobs_restart_when_their_files_are_back(self):
        out = self.home / "out"
        server = Server(self.home, "--checkpoint-interval", "50 ms")
        self.query(server, f"""
            SET 'restart-strategy.exponential-delay.initial-backoff' = '50 ms';
            SET 'restart-strategy.exponential-delay.max-backoff' = '100 ms';
            CREATE TABLE t (a INT);
            CREATE TABLE o (a INT) WITH ('connector' = 'filesystem', 'path' = '{out}',
              'format' = 'csv', 'sink.rolling-policy.rollover-interval' = '1 ms');
            INSERT INTO o SELECT a FROM t;
            INSERT INTO t VALUES (1); FLUSH""")
        self.await_state(server, "o", "RUNNING")
        os.rename(out, self.home / "away")
        (self.home / "out").write_text("in the way")
        self.query(server, "INSERT INTO t VALUES (2); FLUSH")
        self.await_state(server, "o", "RESTARTING")
        job = self.call(server, "GET", "/v1/jobs/o").json
        self.assertEqual(job["error"]["code"], "IO_ERROR")
        self.assertGreater(job["restarts"], 0)
        out.unlink()
        os.rename(self.home / "away", out)
        self.await_state(server, "o", "RUNNING")
        self.query(server, "INSERT INTO t VALUES (3); FLUSH; STOP JOB 'o' WITH DRAIN")
        lines = sorted(line for part in out.glob("part-*") for line in part.read_text().split())
        self.assertEqual(lines, ["1", "2", "3"])
        self.assertEqual(server.stop(), 0)

    def test_full_disk(self):
        """A limit of the files' size stands for a full disk: writes fail while it holds."""
        server = Server(self.home, "--checkpoint-interval", "50 ms")
        self.query(server, """
            SET 'restart-strategy.exponential-delay.initial-backoff' = '50 ms';
            SET 'restart-strategy.exponential-delay.max-backoff' = '100 ms';
            CREATE TABLE t (a INT, b STRING);
            CREATE MATERIALIZED VIEW v AS SELECT COUNT(*) AS n, SUM(a) AS s FROM t;
            SET 'restart-strategy.type' = 'none';
            CREATE MATERIALIZED VIEW x AS SELECT a, COUNT(*) AS n FROM t GROUP BY a;
            CREATE MATERIALIZED VIEW y AS SELECT COUNT(*) AS groups_ FROM x;
            SET 'restart-strategy.type' = 'fixed-delay';
            SET 'restart-strategy.fixed-delay.attempts' = '2';
            SET 'restart-strategy.fixed-delay.delay' = '20 ms';
            CREATE MATERIALIZED VIEW z AS SELECT MAX(a) AS m FROM t;
            INSERT INTO t VALUES (1, 'a'); FLUSH""")
        def limit(size):
            resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
        limit(256)
        refused = self.query(server, "INSERT INTO t VALUES (2, '" + 500 * "b" + "')")
        self.assertEqual(refused["error"]["code"], "IO_ERROR")
        self.call(server, "POST", "/v1/jobs/v/checkpoint")
        self.await_state(server, "v", "RESTARTING")
        self.assertEqual(self.call(server, "GET", "/v1/jobs/v").json["error"]["code"], "IO_ERROR")
        self.call(server, "POST", "/v1/jobs/x/checkpoint")
        self.await_state(server, "x", "FAILED")
        self.call(server, "POST", "/v1/jobs/z/checkpoint")
        self.await_state(server, "z", "FAILED")
        self.assertEqual(self.call(server, "GET", "/v1/jobs/z").json["restarts"], 2)
        rows = lambda view: self.call(server, "GET", f"/v1/views/{view}/rows").json["rows"]
        self.assertEqual((rows("v"), rows("x")), ([[1, 1]], [[1, 1]]))
        refused = self.query(server, "CREATE TABLE u (a INT)")
        self.assertEqual(refused["error"]["code"], "IO_ERROR")
        limit(resource.RLIM_INFINITY)
        self.await_state(server, "v", "RUNNING")
        self.assertNotIn("error", self.query(server, "INSERT INTO t VALUES (3, 'c'); FLUSH; CREATE TABLE u (a INT)"))
        self.assertEqual(rows("v"), [[2, 4]])
        # A failed view that is read is made anew with what reads it.
        answer = self.call(server, "POST", "/v1/jobs/x/restart")
        self.assertEqual((answer.status, answer.json["state"]), (202, "RUNNING"))
        self.query(server, "FLUSH")
        self.assertEqual((rows("x"), rows("y")), ([[1, 1], [3, 1]], [[2]]))
        server.stop(signal.SIGKILL)
        server = Server(self.home)
        self.assertEqual((rows("v"), rows("x"), rows("y")), ([[2, 4]], [[1, 1], [3, 1]], [[2]]))
        failed = self.call(server, "GET", "/v1/jobs/z").json
        self.assertEqual((failed["state"], failed["error"]["code"]), ("FAILED", "IO_ERROR"))
        self.call(server, "POST", "/v1/jobs/z/restart")
        self.query(server, "FLUSH")
        self.assertEqual((self.state(server, "z"), rows("z")), ("RUNNING", [[3]]))
        self.query(server, "INSERT INTO t VALUES (5, 'd'); FLUSH")
        self.assertEqual((rows("v"), rows("y")), ([[3, 9]], [[3]]))
        self.assertEqual(server.stop(), 0)

    def test_put_jobs(self):
        server = Server(self.home)
        self.query(server, "CREATE TABLE t (a INT); INSERT INTO t VALUES (1), (2)")
        def put(name, body):
            return self.call(server, "PUT", f"/v1/jobs/{name}", json.dumps(body),
                             Content_Type="application/json")
        rows = lambda: self.call(server, "GET", "/v1/views/v/rows").json["rows"]
        made = put("v", {"sql": "SELECT SUM(a) AS s FROM t"})
        self.assertEqual((made.status, made.json["state"], rows()), (200, "RUNNING", [[3]]))
        same = put("v", {"sql": "SELECT SUM(a) AS s FROM t", "desired_state": "RUNNING"})
        self.assertEqual(same.json["id"], made.json["id"])
        other = put("v", {"sql": "SELECT MAX(a) AS s FROM t", "properties": {"parallelism.default": "3"}})
        self.assertNotEqual(other.json["id"], made.json["id"])
        self.assertEqual((other.status, rows()), (200, [[2]]))
        keyed = put("v", {"sql": "CREATE MATERIALIZED VIEW v AS SELECT a, COUNT(*) AS n FROM t GROUP BY a"})
        self.assertEqual((keyed.status, rows()), (200, [[1, 1], [2, 1]]))
        self.assertEqual(self.call(server, "GET", "/v1/views/v/rows?a=2").json["rows"], [[2, 1]])
        paused = put("v", {"sql": "SELECT a, COUNT(*) AS n FROM t GROUP BY a", "desired_state": "PAUSED"})
        self.assertEqual(paused.json["state"], "PAUSED")
        for name, body, code in (("w", {"sql": "CREATE MATERIALIZED VIEW v AS SELECT 1 AS a"}, "BAD_REQUEST"),
                                 ("v", {"sql": "SELECT a FRM t"}, "SQL_SYNTAX"),
                                 ("v", {"sql": "DROP TABLE t"}, "UNSUPPORTED_FEATURE"),
                                 ("v", {"sql": "SELECT 1 AS a", "desired_state": "GONE"}, "BAD_REQUEST"),
                                 ("v", {"sql": "SELECT 1 AS a", "state": "RUNNING"}, "BAD_REQUEST")):
            self.assertEqual(put(name, body).json["error"]["code"], code)
        server.stop(signal.SIGKILL)
        server = Server(self.home)
        self.assertEqual((self.state(server, "v"), rows()), ("PAUSED", [[1, 1], [2, 1]]))
        self.assertEqual(server.stop(), 0)

    def test_tokens_cover_what_jobs_write_into_tables(self):
        server = Server(self.home)
        self.query(server, """
            CREATE TABLE t (a INT); CREATE TABLE u (a INT);
            CREATE MATERIALIZED VIEW v AS SELECT a + 1 AS a FROM t;
            INSERT INTO u SELECT a FROM v;
            CREATE MATERIALIZED VIEW w AS SELECT COUNT(*) AS n FROM u;
            CREATE MATERIALIZED VIEW x AS SELECT n + 1 AS n FROM w""")
        for n in range(1, 30):
            token = self.post_rows(server, "t", json.dumps({"a": n})).json["token"]
            answer = self.call(server, "GET", f"/v1/views/x/rows?min_snapshot={token}")
            self.assertEqual(answer.json["rows"], [[n + 1]])
        self.assertEqual(server.stop(), 0)

    def await_state(self, server, job, state):
        deadline = time.monotonic() + START_SECONDS
        while self.state(server, job) != state:
            self.assertLess(time.monotonic(), deadline, self.call(server, "GET", f"/v1/jobs/{job}").text)
            time.sleep(0.01)

    def test_stops_with_idle_and_streaming_clients(self):
        init = self.home / "init.sql"
        init.write_text(SETUP)
        server = Server(self.home, "-f", str(init))
        idle = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        idle.request("GET", "/healthz")
        idle.getresponse().read()
        stream = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        stream.request("POST", "/v1/sql", json.dumps({"sql": "SELECT id FROM numbers"}),
                       {"Content-Type": "application/json", "Accept": "application/x-ndjson"})
        response = stream.getresponse()
        response.readline()
        last = []
        reader = threading.Thread(target=lambda: last.append(response.read().splitlines()[-1]))
        reader.start()
        begin = time.monotonic()
        self.assertEqual(server.stop(), 0)
        self.assertLess(time.monotonic() - begin, 10)
        reader.join()
        self.assertEqual(json.loads(last[0])["reason"], "shutdown")
        stream.close()
        idle.close()

    def test_check_of_a_data_directory(self):
        server = Server(self.home)
        self.query(server, "CREATE TABLE t (a INT); CREATE TABLE o (a INT); "
                           "CREATE MATERIALIZED VIEW v AS SELECT a, COUNT(*) FROM t GROUP BY a; "
                           "INSERT INTO o SELECT a FROM t; INSERT INTO t VALUES (1), (2), (2); FLUSH; "
                           "PAUSE JOB o")
        self.assertEqual(self.run_millrace("check", "data").returncode, 1)
        self.assertEqual(server.stop(), 0)
        done = self.run_millrace("check", "data")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("job_1 v (view): RUNNING", done.stdout)
        self.assertIn("state of 4 rows", done.stdout)  # Of the aggregate and of the view.
        self.assertIn("job_2 o (insert): PAUSED", done.stdout)
        self.assertRegex(done.stdout, "reads t: .*3")
        self.assertIn("all checksums are right", done.stdout)
        log = next((self.home / "data" / "tables" / "t").glob("*.log"))
        content = bytearray(log.read_bytes())
        content[len(content) // 2] ^= 1
        log.write_bytes(content)
        done = self.run_millrace("check", "data")
        self.assertEqual(done.returncode, 1)
        self.assertIn("DAMAGED", done.stdout)
        self.assertEqual(self.run_millrace("check", "nowhere").returncode, 1)

    def test_bad_starts(self):
        done = self.run_millrace("server", "--bind", "0.0.0.0", "--port", "0")
        self.assertEqual(done.returncode, 2)
        self.assertIn("loopback", done.stderr)
        self.assertEqual(self.run_millrace("server", "-D", "api.prot=1").returncode, 2)
        self.assertEqual(self.run_millrace("server", "--checkpoint-interval", "x").returncode, 2)
        self.assertEqual(self.run_millrace("server", "--log-level", "x").returncode, 2)
        (self.home / "file").write_text("x")
        done = self.run_millrace("server", "--port", "0", "--data-dir", "file")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        (self.home / "bad.sql").write_text("CREATE TABLE t (a INT);\nSELEC 1;")
        done = self.run_millrace("server", "--port", "0", "-f", "bad.sql")
        self.assertEqual(done.returncode, 1)
        self.assertIn("ERROR 42601", done.stderr)
        self.assertIn("  2 | SELEC 1;", done.stderr)
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = str(taken.getsockname()[1])
            done = self.run_millrace("server", "--port", port, "--data-dir", "other")
        self.assertEqual(done.returncode, 1)
        self.assertIn(port, done.stderr)

    def test_settings_from_the_environment(self):
        done = self.run_millrace("server", env={**os.environ, "MILLRACE__API__BIND_ADDRESS":
                                                "192.0.2.1"})
        self.assertEqual(done.returncode, 2)

    def test_run(self):
        (self.home / "in.csv").write_text("1,a\n2,b\n2,c\n")
        (self.home / "a.sql").write_text("""
            CREATE TABLE t (id INT, name STRING)
              WITH ('connector' = 'filesystem', 'path' = 'in.csv', 'format' = 'csv');
            CREATE MATERIALIZED VIEW v AS SELECT id, COUNT(*) AS n FROM t GROUP BY id;
            SELECT id, n FROM v ORDER BY id;""")
        done = self.run_millrace("run", "a.sql", "-o", "csv", "--stats")
        self.assertEqual((done.returncode, done.stdout), (0, "id,n\n1,1\n2,2\n"), done.stderr)
        stats = json.loads(done.stderr.splitlines()[-1])
        self.assertEqual((stats["job"], stats["rows_in"], stats["state"]), ("v", 3, "FINISHED"))
        self.assertGreater(stats["peak_rss_bytes"], 0)

    def test_run_from_standard_input(self):
        done = self.run_millrace("run", "-", "-o", "ndjson", input="SELECT 1 AS a; SELECT 2 AS b")
        self.assertEqual(done.stdout, '{"a":1}\n{"b":2}\n', done.stderr)

    def test_run_errors(self):
        (self.home / "a.sql").write_text("SELECT 1 AS a;\nSELECT b FROM nothing;")
        done = self.run_millrace("run", "a.sql", "-o", "csv")
        self.assertEqual((done.returncode, done.stdout), (1, "a\n1\n"))
        self.assertIn("  2 | SELECT b FROM nothing;\n                    ^^^^^^^", done.stderr)
        self.assertEqual(self.run_millrace("run", "none.sql").returncode, 2)
        self.assertEqual(self.run_millrace("run").returncode, 2)
        self.assertEqual(self.run_millrace("no-such-command").returncode, 2)

    def test_validate(self):
        (self.home / "good.sql").write_text("CREATE TABLE t (a INT); SELECT a FROM t;")
        done = self.run_millrace("validate", "good.sql")
        self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)
        (self.home / "bad.sql").write_text("CREATE TABLE t (a INT);\n  SELECT ab FROM t;")
        done = self.run_millrace("validate", "bad.sql")
        self.assertEqual(done.returncode, 1)
        self.assertTrue(done.stderr.startswith("bad.sql:2:10: error: "), done.stderr)

    def test_version(self):
        done = self.run_millrace("version")
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stdout, r"^millrace \d+\.\d+\.\d+\n$")


def main():
    global BINARY
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        print(__doc__.strip(), file=sys.stderr)
        return 2
    BINARY = os.path.abspath(sys.argv.pop(1))
    return 0 if unittest.main(exit=False).result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
