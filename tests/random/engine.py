"""A client of engine_driver, the engine behind a line protocol (see driver.cc)."""

import collections
import os
import selectors
import signal
import subprocess
import tempfile
import time

ANSWER_SECONDS = 120


class EngineError(Exception):
    """The engine's answer to a request that it does not carry out."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


class Died(Exception):
    """The engine's process ended or hangs."""


class Engine:
    """Raises Died when the process is gone; start() brings another one."""

    def __init__(self, binary):
        self.binary = binary
        self.process = None
        self.start()

    def start(self):
        self.close()
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen([self.binary], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=self.errors,
                                        start_new_session=True)
        os.set_blocking(self.process.stdout.fileno(), False)
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.process.stdout, selectors.EVENT_READ)
        self.lines = collections.deque()
        self.partial = b""

    def close(self):
        if not self.process:
            return
        try:
            self.process.stdin.close()
            self.process.wait(10)
        except (OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.selector.close()
        self.errors.close()
        self.process = None

    def send(self, verb, argument="", lines=()):
        text = verb + (" " + _escape(argument) if argument else "") + "\n"
        try:
            self.process.stdin.write(text.encode())
            for line in lines:
                self.process.stdin.write(line)
            self.process.stdin.flush()
        except BrokenPipeError as gone:
            raise self._died() from gone

    def receive(self):
        """The lines of the answer; raises EngineError."""
        deadline = time.monotonic() + ANSWER_SECONDS
        status, _, rest = self._line(deadline).partition(" ")
        if status == "error":
            code, _, message = rest.partition(" ")
            raise EngineError(code, _unescape(message))
        return [self._line(deadline) for _ in range(int(rest))]

    def call(self, verb, argument="", lines=()):
        self.send(verb, argument, lines)
        return self.receive()

    def receive_rows(self):
        """Of the answer to a query: rows of texts, None for NULL."""
        return self.receive_typed_rows()[1]

    def receive_typed_rows(self):
        """The names of the columns' types, and the rows."""
        types, *rows = self.receive()
        return types.split("\t"), [
            [None if field == "\\N" else _unescape(field) for field in line.split("\t")]
            for line in rows]

    def query(self, sql):
        self.send("query", sql)
        return self.receive_rows()

    def load(self, table, lines):
        """Appends rows in COPY's text format, as bytes with their line ends."""
        self.send("load", f"{table} {len(lines)}", lines)
        self.receive()

    def _line(self, deadline):
        while not self.lines:
            if not self.selector.select(max(0, deadline - time.monotonic())):
                self.process.kill()
                raise self._died(f"no answer after {ANSWER_SECONDS} s")
            chunk = self.process.stdout.read(1 << 20)
            if not chunk:
                raise self._died()
            *whole, self.partial = (self.partial + chunk).split(b"\n")
            self.lines.extend(whole)
        return self.lines.popleft().decode()

    def _died(self, why=""):
        code = self.process.wait()
        if not why:
            why = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        self.errors.seek(0)
        return Died(why + "\n" + self.errors.read().decode("utf-8", "replace")[-4000:])


def _escape(text):
    return (text.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t")
            .replace("\r", "\\r"))


def _unescape(text):
    if "\\" not in text:
        return text
    out, letters = [], iter(text)
    for letter in letters:
        if letter == "\\":
            letter = next(letters, "")
            letter = {"n": "\n", "t": "\t", "r": "\r"}.get(letter, letter)
        out.append(letter)
    return "".join(out)
