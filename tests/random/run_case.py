"""Runs one case in the engine and in PostgreSQL and compares every view after every round."""

from compare import difference, equal, normalize
from engine import Died, EngineError
from postgres import QueryError
from tree import OURS, POSTGRES

MAX_ROWS = 5000  # Beyond it a view is not compared: cross joins of cross joins.


class Unusable(Exception):
    """PostgreSQL does not take the case: the generator's fault, or the shrinker's."""


class Failure(Exception):
    """kind: what the shrinker keeps. view: its name or None."""

    def __init__(self, kind, view, detail, expected=None):
        super().__init__(detail)
        self.kind, self.view, self.detail, self.expected = kind, view, detail, expected


class Result:
    def __init__(self):
        self.views = 0
        self.comparisons = 0
        self.unsupported = []  # (message, the view's SQL)


class Runner:
    """`checks`: which of "postgres", "pull" and "one step" are compared with."""

    def __init__(self, engine, postgres, checks=("postgres", "pull", "one step")):
        self.engine, self.postgres, self.checks = engine, postgres, checks

    def run(self, case):
        """A Result; raises Failure or Unusable."""
        self.result = Result()
        self.case = case
        self.alive = []
        try:
            self._run()
        except Died as died:
            self.engine.start()
            raise Failure("died", None, str(died)) from died
        finally:
            names = ", ".join(t.name for t in case.tables)
            if names:
                self.postgres.query(f"DROP TABLE IF EXISTS {names} CASCADE")
        return self.result

    def _run(self):
        case = self.case
        self.engine.call("open", f"{case.partitions} {case.batch_rows} {case.step_rows}")
        for table in case.tables:
            self._ours(table.create(OURS))
            self._theirs(table.create(POSTGRES))
        for number, round_ in enumerate(case.rounds):
            for view in case.views:
                if view.round == number:
                    self._create(view)
            self._round(round_)
        if "one step" in self.checks and self.alive:
            self._one_step()

    def _ours(self, sql, what="statement"):
        try:
            self.engine.call("sql", sql)
        except EngineError as error:
            if error.code == "UNSUPPORTED_FEATURE":
                self.result.unsupported.append((str(error), sql))
                raise Unusable(str(error)) from error
            raise Failure(f"{what} {error.code}", None, f"{error.code}: {error}\n{sql}") from error

    def _theirs(self, sql):
        try:
            return self.postgres.query(sql)
        except QueryError as error:
            raise Unusable(f"{error} in {sql}") from error

    def _create(self, view):
        sql = view.query.render(POSTGRES)
        try:
            self.postgres.query(f"CREATE TEMPORARY VIEW {view.name} AS {sql}")
        except QueryError as error:
            if any(other.name in sql for other in self.case.views if other not in self.alive):
                return  # It reads a view that could not be made.
            raise Unusable(f"{error} in {sql}") from error
        sql = view.query.render(OURS)
        try:
            self.engine.call("sql", f"CREATE MATERIALIZED VIEW {view.name} AS {sql}")
        except EngineError as error:
            self.postgres.query(f"DROP VIEW {view.name}")
            if error.code == "UNSUPPORTED_FEATURE":
                self.result.unsupported.append((str(error), sql))
                return
            raise Failure(f"refused {error.code}", view.name, f"{error.code}: {error}\n{sql}") from error
        self.alive.append(view)
        self.result.views += 1

    def _round(self, round_):
        if round_.checkpoint == "before":
            self.engine.call("checkpoint")
        for i, (statement, step) in enumerate(round_.statements):
            # Both at once; the answers are read below.
            self.postgres.send(statement.render(POSTGRES))
            try:
                self._ours(statement.render(OURS))
            finally:
                error = self._error_of_postgres()
            if error:
                raise Unusable(f"{error} in {statement.render(POSTGRES)}")
            if step:
                self.engine.call("step")
            if i == 0 and round_.checkpoint == "between":
                self.engine.call("checkpoint")
        restart = "{} {}".format(*round_.restart)
        if round_.crash == "before":
            self.engine.call("crash", restart)
        self.engine.call("drain")
        self.expected = {}
        self._compare()
        if round_.checkpoint == "after":
            self.engine.call("checkpoint")
        if round_.crash == "after":
            self.engine.call("crash", restart)
            self._compare()

    def _error_of_postgres(self):
        try:
            self.postgres.receive()
        except QueryError as error:
            return error
        return None

    def _compare(self):
        """Every view with PostgreSQL's rows, and the same query run once over all input."""
        for view in self.alive:
            types = [t for _, t in view.columns()]
            actual = self._with_expected(view, types, f"SELECT * FROM {view.name}")
            if len(self.expected[view.name]) > MAX_ROWS:
                continue
            if "postgres" in self.checks:
                self._check("mismatch", view, types, actual)
            if "pull" in self.checks:
                sql = view.query.render(OURS)
                try:
                    pulled = self._normalize(view, self.engine.query(sql), types)
                except EngineError as error:
                    if error.code == "UNSUPPORTED_FEATURE":
                        continue
                    raise Failure(f"pull {error.code}", view.name, f"{error.code}: {error}\n{sql}") from error
                self._check("pull mismatch", view, types, pulled)

    def _with_expected(self, view, types, sql):
        """The engine's rows; PostgreSQL computes the expected ones meanwhile if they are not known."""
        asked = view.name not in self.expected
        if asked:
            self.postgres.send(f"SELECT * FROM {view.name}")
        self.engine.send("query", sql)
        error = None
        if asked:
            try:
                self.expected[view.name] = normalize(self.postgres.receive(), types)
            except QueryError as fault:
                error = fault
        try:
            rows = self.engine.receive_rows()
        except EngineError as fault:
            raise Failure(f"read {fault.code}", view.name, f"{fault.code}: {fault}") from fault
        if error:
            raise Unusable(f"{error} in {view.query.render(POSTGRES)}")
        return self._normalize(view, rows, types)

    def _normalize(self, view, rows, types):
        try:
            return normalize(rows, types)
        except ValueError as fault:
            raise Failure("odd value", view.name, str(fault)) from fault

    def _check(self, kind, view, types, actual):
        self.result.comparisons += 1
        expected = self.expected[view.name]
        if equal(expected, actual, types):
            return
        lines = difference(expected, actual)
        jobs = self.engine.call("jobs")
        failed = [job for job in jobs if job.split("\t")[0] == view.name
                  and (job.split("\t")[1] not in ("RUNNING", "FINISHED") or job.split("\t")[3] != "0")]
        raise Failure(kind, view.name, "\n".join(lines + failed), expected)

    def _one_step(self):
        """Everything at once in a fresh engine: the last round's rows again."""
        self.engine.call("open", "1 1024 65536")
        for table in self.case.tables:
            self.engine.call("sql", table.create(OURS))
        for view in self.alive:
            self.engine.call("sql", f"CREATE MATERIALIZED VIEW {view.name} AS {view.query.render(OURS)}")
        for round_ in self.case.rounds:
            for statement, _ in round_.statements:
                self.engine.call("sql", statement.render(OURS))
        self.engine.call("drain")
        for view in self.alive:
            types = [t for _, t in view.columns()]
            if len(self.expected[view.name]) <= MAX_ROWS:
                rows = self.engine.query(f"SELECT * FROM {view.name}")
                self._check("one step mismatch", view, types, self._normalize(view, rows, types))
