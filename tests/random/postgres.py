"""A PostgreSQL server of one's own in a temporary directory, and a client of its wire protocol."""

import ctypes
import glob
import os
import pwd
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time

START_SECONDS = 60

# Nothing of it has to survive, and no plan is worth compiling.
SETTINGS = {
    "fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "jit": "off",
    "shared_buffers": "64MB", "max_connections": "8", "max_parallel_workers_per_gather": "0",
    "listen_addresses": "", "timezone": "UTC", "log_min_messages": "fatal", "wal_level": "minimal",
    "max_wal_senders": "0", "extra_float_digits": "1",
}


def die_with_parent():
    """For a child, before it runs: a tester that is killed leaves no server behind."""
    ctypes.CDLL(None).prctl(1, signal.SIGINT)  # PR_SET_PDEATHSIG; SIGINT is a fast shutdown.


class Missing(Exception):
    """PostgreSQL cannot be had on this machine."""


class QueryError(Exception):
    def __init__(self, fields):
        super().__init__(fields.get("M", "unknown error"))
        self.sqlstate = fields.get("C", "")


def find_binaries():
    """The directory with initdb and postgres, of the newest version."""
    folders = glob.glob("/usr/lib/postgresql/*/bin")
    found = shutil.which("initdb")
    if found:
        folders.append(os.path.dirname(os.path.realpath(found)))
    folders = [f for f in folders if os.path.exists(f + "/initdb") and os.path.exists(f + "/postgres")]
    if not folders:
        raise Missing("the package postgresql is not installed")
    return max(folders, key=lambda f: [int(n) for n in f.split("/") if n.isdigit()])


def server_user():
    """The server refuses root: the user that it runs as instead; None for the user we are."""
    if os.getuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            pwd.getpwnam(name)
            return name
        except KeyError:
            continue
    raise Missing("PostgreSQL does not run as root, and there is no user postgres or nobody")


class Server:
    """Started by the constructor; close() ends it and removes its directory."""

    def __init__(self, settings=None):
        binaries = find_binaries()
        self.user = server_user()
        base = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.directory = tempfile.mkdtemp(prefix="millrace-postgres-", dir=base)
        self.process = None
        try:
            if self.user:
                shutil.chown(self.directory, self.user)
            data = self.directory + "/data"
            made = subprocess.run(
                [binaries + "/initdb", "-D", data, "-U", "tester", "-A", "trust", "--no-sync",
                 "--locale=C", "--encoding=UTF8"],
                capture_output=True, text=True, check=False, **self._as_user())
            if made.returncode != 0:
                raise Missing("initdb fails: " + made.stderr.strip()[-300:])
            command = [binaries + "/postgres", "-D", data, "-k", self.directory]
            for name, value in {**SETTINGS, **(settings or {})}.items():
                command += ["-c", f"{name}={value}"]
            with open(self.directory + "/log", "wb") as log:
                self.process = subprocess.Popen(command, stdout=log, stderr=log,
                                                stdin=subprocess.DEVNULL,
                                                start_new_session=True, preexec_fn=die_with_parent,
                                                **self._as_user())
            self._wait()
        except BaseException:
            self.close()
            raise

    def _as_user(self):
        environment = {**os.environ, "LC_ALL": "C"}
        if not self.user:
            return {"env": environment, "cwd": self.directory}
        entry = pwd.getpwnam(self.user)
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": [],
                "env": {**environment, "HOME": self.directory}, "cwd": self.directory}

    def _wait(self):
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                with open(self.directory + "/log", encoding="utf-8", errors="replace") as log:
                    raise Missing("the server ended: " + log.read()[-300:])
            try:
                self.connect().close()
                return
            except (OSError, QueryError):
                time.sleep(0.02)
        raise Missing("the server does not answer")

    def connect(self):
        return Connection(self.directory + "/.s.PGSQL.5432")

    def close(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)


class Connection:
    """The simple query protocol: texts in, rows of texts (None for NULL) out."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.buffer = self.socket.makefile("rb")
        parameters = b"user\0tester\0database\0postgres\0\0"
        self.socket.sendall(struct.pack(">ii", len(parameters) + 8, 196608) + parameters)
        self.receive()

    def close(self):
        self.buffer.close()
        self.socket.close()

    def send(self, sql):
        text = sql.encode() + b"\0"
        self.socket.sendall(b"Q" + struct.pack(">i", len(text) + 4) + text)

    def receive(self):
        """The rows of the last statement of the request; raises QueryError."""
        rows, error = [], None
        while True:
            header = self.buffer.read(5)
            if len(header) < 5:
                raise OSError("PostgreSQL closed the connection")
            kind, length = header[:1], struct.unpack(">i", header[1:])[0]
            body = self.buffer.read(length - 4)
            if kind == b"D":
                rows.append(_fields(body))
            elif kind == b"T":
                rows = []
            elif kind == b"E":
                error = {part[:1].decode(): part[1:].decode("utf-8", "replace")
                         for part in body.split(b"\0") if part}
            elif kind == b"G":  # COPY … FROM STDIN is not for this method.
                self.socket.sendall(b"f" + struct.pack(">i", 5) + b"\0")
            elif kind == b"Z":
                if error:
                    raise QueryError(error)
                return rows

    def query(self, sql):
        self.send(sql)
        return self.receive()

    def copy_in(self, table, data):
        """Appends rows in COPY's text format, given as bytes."""
        self.send(f"COPY {table} FROM STDIN")
        header = self.buffer.read(5)
        body = self.buffer.read(struct.unpack(">i", header[1:])[0] - 4)
        if header[:1] != b"G":
            self.receive()
            raise QueryError({"M": "COPY does not start: " + repr(body)})
        for start in range(0, len(data), 1 << 20):
            chunk = data[start:start + (1 << 20)]
            self.socket.sendall(b"d" + struct.pack(">i", len(chunk) + 4) + chunk)
        self.socket.sendall(b"c" + struct.pack(">i", 4))
        self.receive()


def _fields(body):
    fields, at = [], 2
    for _ in range(struct.unpack_from(">h", body)[0]):
        length = struct.unpack_from(">i", body, at)[0]
        at += 4
        if length < 0:
            fields.append(None)
        else:
            fields.append(body[at:at + length].decode())
            at += length
    return fields
