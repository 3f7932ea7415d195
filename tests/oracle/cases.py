"""Random cases: tables, views over them, what comes when, and the oracle of each view."""

import collections
import random

import match
from interval_join import IntervalJoin
from sessions import Sessions
from temporal_join import TemporalJoin
from window_join import WindowJoin
from window_top_n import WindowTopN
from windows import Windows, WindowsOfKeyed, windows_of

SECOND = 1000
IDLE_SECONDS = 6000
KEYS = ["a", "a", "b", "c", None]


class View:
    """`oracle()` makes one, of the view's beginning. It takes the rows of `tables`, in this order."""

    def __init__(self, name, query, tables, oracle, settings=None):
        self.name, self.query, self.tables, self.oracle = name, query, tables, oracle
        self.settings = settings or {}

    def statements(self):
        sets = [f"SET '{key}' = '{value}'" for key, value in self.settings.items()]
        resets = [f"RESET '{key}'" for key in self.settings]
        return sets + [f"CREATE MATERIALIZED VIEW {self.name} AS {self.query}"] + resets


class Round:
    """Rows to load; then one step. What else happens: "crash before", "crash after", "checkpoint"."""

    def __init__(self, rows, events, seconds):
        self.rows, self.events = rows, events  # {table: rows}
        self.seconds = seconds  # Since the round before, by the clock.


class Case:
    """One operator; rows are (k, number, time)."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.seed = seed
        self.delays, self.keyed = {}, []  # {table: milliseconds}; tables with a primary key.
        self.views = []
        self.operator = self.random.choice(list(OPERATORS))
        OPERATORS[self.operator](self)
        self.idle_timeout = self.choice(None, None, None, IDLE_SECONDS)
        self.rounds = self.make_rounds()

    def choice(self, *values):
        return self.random.choice(values)

    def add_tables(self, names):
        for name in names:
            self.delays[name] = self.choice(0, 0, 2, 5, 15) * SECOND

    def add_view(self, query, tables, oracle, settings=None):
        self.views.append(View(f"v{len(self.views)}", query, tables, oracle, settings))

    def statements(self):
        out = []
        for name, delay in self.delays.items():
            key = ", PRIMARY KEY (k) NOT ENFORCED" if name in self.keyed else ""
            out.append(f"CREATE TABLE {name} (k STRING, x INT, ts TIMESTAMP(3), WATERMARK FOR ts AS "
                       f"ts - INTERVAL '{delay // SECOND}' SECOND{key})")
        if self.idle_timeout:
            out.append(f"SET 'table.exec.source.idle-timeout' = '{self.idle_timeout} s'")
        return out + [statement for view in self.views for statement in view.statements()]

    def make_rounds(self):
        now = self.choice(0, 20 * SECOND, 1_700_000_000 * SECOND, -40 * SECOND)
        unit = self.choice(SECOND, SECOND, 500, 1)
        silent = self.choice(None, None, None, *self.delays)
        rounds = []
        for number in range(self.random.randint(3, 14)):
            now += self.choice(0, 1, 3, 8, 25) * SECOND
            rows = {}
            for table in self.delays:
                is_silent = table == silent and number < 6
                count = 0 if is_silent else self.choice(0, 1, 2, 3, 5, 9)
                rows[table] = self.make_rows(table, count, now, unit)
            events = [event for event, odds in (("crash before", 0.1), ("checkpoint", 0.2),
                                                ("crash after", 0.15))
                      if self.random.random() < odds]
            # No round is further from the next than a running server's steps would be.
            seconds = self.choice(0, IDLE_SECONDS // 2) if self.idle_timeout else 0
            rounds.append(Round(rows, events, seconds))
        return rounds

    def make_rows(self, table, count, now, unit):
        rows = []
        for _ in range(count):
            behind = self.choice(0, 0, 5, 12, 30, 60) * SECOND
            time = now - self.random.randrange(behind + 1)
            time -= time % unit
            if self.random.random() < 0.05:
                time -= 1
            key = self.random.choice(KEYS)
            if table in self.keyed:
                key = key or "a"
                if any(row[0] == key for row in rows):
                    continue
            rows.append((key, self.choice(None, *range(6)), time))
        return rows


# ---------------------------------------------------------------------------------------- windows


def window_shape(case):
    """Kind, size, slide and offset, and the call of the table function over `table`."""
    kind = case.choice("TUMBLE", "HOP", "CUMULATE")
    slide = case.choice(1, 2, 5, 10) * SECOND
    size = slide * (1 if kind == "TUMBLE" else case.choice(1, 2, 3, 6))
    offset = case.choice(0, 0, 1, 3, -1, -7, 100) * SECOND
    return kind, size, slide, offset


def interval(milliseconds):
    sign = "-" if milliseconds < 0 else ""
    return f"{sign}INTERVAL '{abs(milliseconds) // SECOND}' SECOND"


def window_call(table, shape):
    kind, size, slide, offset = shape
    arguments = [f"TABLE {table}", "DESCRIPTOR(ts)"]
    arguments += [interval(slide)] if kind != "TUMBLE" else []
    arguments += [interval(size)]
    arguments += [interval(offset)] if offset else []
    return f"TABLE({kind}({', '.join(arguments)}))"


def windows(case):
    case.add_tables(["e"])
    keyed = case.random.random() < 0.3
    case.keyed += ["e"] * keyed
    group, made = ("''", WindowsOfKeyed) if keyed else ("k", Windows)
    for _ in range(2):
        shape = window_shape(case)
        query = (f"SELECT {group} AS k, window_start, window_end, COUNT(*) AS n, SUM(x) AS s, MIN(x) AS lo, "
                 f"MAX(x) AS hi, COUNT(DISTINCT x) AS d FROM {window_call('e', shape)} "
                 f"GROUP BY {'' if keyed else 'k, '}window_start, window_end")
        wait = case.choice(0, 3, 10) * SECOND

        def oracle(closes, wait, shape=shape):
            return lambda: made(*shape, wait, closes)

        case.add_view(query, ("e",), oracle(False, 0))
        case.add_view(query, ("e",), oracle(False, wait),
                      {"table.exec.window.allowed-lateness": f"{wait // SECOND} s"})
        case.add_view(query + " EMIT ON WINDOW CLOSE", ("e",), oracle(True, 0))
        if wait:
            case.add_view(f"{query} EMIT ON WINDOW CLOSE WITH GRACE {interval(wait)}", ("e",),
                          oracle(True, wait))


def window_top_n(case):
    case.add_tables(["e"])
    for _ in range(2):
        shape, n = window_shape(case), case.choice(1, 2, 3)
        query = (f"SELECT k, x, ts, window_end, r FROM (SELECT *, RANK() OVER (PARTITION BY window_start, "
                 f"window_end ORDER BY x DESC) AS r FROM {window_call('e', shape)}) WHERE r <= {n}")
        for closes in (True, False):
            case.add_view(query + " EMIT ON WINDOW CLOSE" * closes, ("e",),
                          lambda shape=shape, n=n, closes=closes: WindowTopN(shape, n, closes))


def sessions(case):
    case.add_tables(["e"])
    gap = case.choice(1, 4, 10) * SECOND
    query = (f"SELECT k, window_start, window_end, COUNT(*) AS n, SUM(x) AS s, MAX(x) AS hi, "
             f"COUNT(DISTINCT x) AS d "
             f"FROM TABLE(SESSION(TABLE e PARTITION BY k, DESCRIPTOR(ts), {interval(gap)})) "
             f"GROUP BY k, window_start, window_end")
    case.add_view(query, ("e",), lambda: Sessions(gap, False))
    case.add_view(query + " EMIT ON WINDOW CLOSE", ("e",), lambda: Sessions(gap, True))


# ------------------------------------------------------------------------------------------ joins

PAIRS = ["INNER", "LEFT", "RIGHT", "FULL"]
HALVES = {"SEMI": "EXISTS", "ANTI": "NOT EXISTS"}


def interval_join(case):
    case.add_tables(["a", "b"])
    for kind in case.random.sample(PAIRS + list(HALVES), 3):
        low = case.choice(-20, -5, -1, 0, 2) * SECOND
        high = low + case.choice(0, 1, 6, 20) * SECOND
        residual = case.random.random() < 0.3
        condition = f"a.k = b.k AND b.ts BETWEEN a.ts + {interval(low)} AND a.ts + {interval(high)}"
        condition = condition.replace("+ -", "- ") + (" AND a.x < b.x" if residual else "")
        if kind in HALVES:
            query = f"SELECT k, x, ts FROM a WHERE {HALVES[kind]} (SELECT 1 FROM b WHERE {condition})"
        else:
            query = ("SELECT a.k AS ak, a.x AS ax, a.ts AS ats, b.k AS bk, b.x AS bx, b.ts AS bts "
                     f"FROM a {kind} JOIN b ON {condition}")
        case.add_view(query, ("a", "b"),
                      lambda kind=kind, low=low, high=high, residual=residual:
                      IntervalJoin(kind, low, high, residual))


def temporal_join(case):
    case.add_tables(["a", "r"])
    case.keyed.append("r")
    for kind in ("INNER", "LEFT"):
        case.add_view("SELECT a.k, a.x, a.ts, r.x AS rx, r.ts AS rts "
                      f"FROM a {kind} JOIN r FOR SYSTEM_TIME AS OF a.ts ON a.k = r.k", ("a", "r"),
                      lambda kind=kind: TemporalJoin(kind == "LEFT"))


def window_join(case):
    case.add_tables(["a", "b"])
    for kind in case.random.sample(PAIRS + list(HALVES), 3):
        shape = window_shape(case)
        a, b = (f"(SELECT * FROM {window_call(table, shape)})" for table in "ab")
        condition = "a.k = b.k AND a.window_start = b.window_start AND a.window_end = b.window_end"
        if kind in HALVES:
            query = (f"SELECT k, x, ts, window_end FROM {a} a "
                     f"WHERE {HALVES[kind]} (SELECT 1 FROM {b} b WHERE {condition})")
        else:
            query = ("SELECT a.k AS ak, a.x AS ax, a.ts AS ats, a.window_end AS ae, b.k AS bk, "
                     f"b.x AS bx, b.ts AS bts, b.window_end AS be FROM {a} a {kind} JOIN {b} b "
                     f"ON {condition}")
        case.add_view(query, ("a", "b"), lambda kind=kind, shape=shape: WindowJoin(kind, shape))


# -------------------------------------------------------------------------------- MATCH_RECOGNIZE


def values(rows, variable=None):
    """x of the rows of a variable, or of all."""
    return [row[1] for name, row in rows if variable in (None, name)]


def less(a, b):
    return a is not None and b is not None and a < b


def total(numbers):
    numbers = [number for number in numbers if number is not None]
    return sum(numbers) if numbers else None


def at(numbers, place):
    """From the end if negative; None if there is no such row."""
    return numbers[place] if -len(numbers) <= place < len(numbers) else None


def condition(case, name, before):
    """SQL and the same in Python, over the (variable, row) up to the one that is tried."""
    n = case.random.randrange(6)
    choices = [
        (f"{name}.x = {n}", lambda rows: at(values(rows), -1) == n),
        (f"{name}.x < {n}", lambda rows: less(at(values(rows), -1), n)),
        (f"{name}.x >= {n}", lambda rows: less(n - 1, at(values(rows), -1))),
        (f"{name}.x > LAST(x, 1)",
         lambda rows: less(at(values(rows), -2), at(values(rows), -1))),
        (f"LAST({name}.x, 1) IS NULL OR {name}.x > LAST({name}.x, 1)",
         lambda rows: at(values(rows, name), -2) is None or
         less(at(values(rows, name), -2), at(values(rows, name), -1))),
        (f"SUM({name}.x) < {3 * n}", lambda rows: less(total(values(rows, name)), 3 * n)),
        (f"SUM(x) > {n}", lambda rows: less(n, total(values(rows)))),
        (f"COUNT({name}.x) <= 2",
         lambda rows: sum(x is not None for x in values(rows, name)) <= 2),
        (f"{name}.x > FIRST(x)", lambda rows: less(at(values(rows), 0), at(values(rows), -1)))]
    if before:
        other = case.random.choice(before)
        choices += [
            (f"{name}.x > {other}.x",
             lambda rows: less(at(values(rows, other), -1), at(values(rows), -1))),
            (f"{name}.x < FIRST({other}.x, 1)",
             lambda rows: less(at(values(rows), -1), at(values(rows, other), 1))),
            (f"{name}.x < SUM({other}.x)",
             lambda rows: less(at(values(rows), -1), total(values(rows, other))))]
    return case.random.choice(choices)


QUANTIFIERS = {"": (1, 1), "{2}": (2, 2), "+": (1, None), "*": (0, None), "?": (0, 1), "{2,}": (2, None),
               "{1,3}": (1, 3), "{0,2}": (0, 2)}


def make_pattern(case):
    """The variables, with their text in PATTERN and DEFINE."""
    names = "ABCD"[:case.random.randint(1, 4)]
    while True:
        quantifiers = [case.random.choice(list(QUANTIFIERS)) for _ in names]
        bounds = [QUANTIFIERS[quantifier] for quantifier in quantifiers]
        endless = sum(most is None for _, most in bounds)
        if any(least for least, _ in bounds) and endless <= 2 and bounds[-1] != (0, 1):
            break
    variables, pattern, define = [], [], []
    for i, (name, quantifier, (least, most)) in enumerate(zip(names, quantifiers, bounds)):
        variable = match.Variable(name, least, most)
        free = least != most and (least, most) != (0, 1)
        variable.reluctant = free and (i == len(names) - 1 or case.random.random() < 0.3)
        pattern.append(name + quantifier + ("?" if variable.reluctant else ""))
        if case.random.random() < 0.85 or (i == len(names) - 1 and not define):
            sql, variable.takes = condition(case, name, names[:i])
            define.append(f"{name} AS {sql}")
        variables.append(variable)
    return variables, " ".join(pattern), ", ".join(define)


class Matches:
    def __init__(self, variables, skip, skip_to, within, descending, whole=False):
        """`whole`: there are no partitions."""
        self.variables, self.skip, self.skip_to = variables, skip, skip_to
        self.within, self.descending, self.whole = within, descending, whole
        self.taken, self.out = [], []
        self.late = self.errors = 0

    def order(self, row):
        x = row[1]
        by_x = (x is None, -(x or 0)) if self.descending else (x is not None, x or 0)
        return (row[2],) + by_x

    def step(self, rows, before, after):
        self.late += sum(row[2] <= before for row in rows)
        self.taken += [("",) * self.whole + row[self.whole:] for row in rows if row[2] > before]
        self.out, self.errors = [], 0
        for key in {row[0] for row in self.taken}:
            mine = [row for row in self.taken if row[0] == key and row[2] <= after]
            self.find(key, sorted(mine, key=self.order), after)

    def find(self, key, rows, after):
        within = self.within
        found, errors = match.matches(
            rows, self.variables, self.skip, self.skip_to,
            fits=lambda first, row: within is None or row[2] - first[2] <= within,
            over=lambda first: within is not None and first[2] + within <= after)
        self.errors += len(errors)
        for one in found:
            measures = [one[0][1][2], one[-1][1][2], len(one), total(values(one))]
            for variable in self.variables:
                mine = values(one, variable.name)
                measures += [sum(x is not None for x in mine), at(mine, -1), at(mine, 1),
                             at(mine, -3)]
            self.out.append((*[key] * (not self.whole), *measures))

    def rows(self):
        return self.out


class CountedMatches(Matches):
    """In windows of ten seconds over the time of a match's last row, told when they are over: as late as
    the matches may come."""

    SIZE = 10 * SECOND

    def step(self, rows, before, after):
        super().step(rows, before, after)
        one_length = all(variable.least == variable.most for variable in self.variables)
        self.watermark = after - (0 if one_length else self.within)

    def rows(self):
        counts = collections.Counter(
            windows_of(row[2 - self.whole], "TUMBLE", self.SIZE, self.SIZE, 0)[0]
            for row in self.out)
        return [(end, count) for (_, end), count in counts.items() if end - 1 <= self.watermark]


def match_recognize(case):
    case.add_tables(["e"])
    for _ in range(3):
        variables, pattern, define = make_pattern(case)
        measures = ["FIRST(ts) AS began", "MATCH_ROWTIME() AS ended", "COUNT(*) AS n", "SUM(x) AS s"]
        for variable in variables:
            v = variable.name
            measures += [f"COUNT({v}.x) AS n{v}", f"{v}.x AS l{v}", f"FIRST({v}.x, 1) AS f{v}",
                         f"LAST({v}.x, 2) AS p{v}"]
        first_moves = variables[0].most != 1
        targets = [("to first", v.name) for v in variables[1:]]
        targets += [("to last", v.name) for v in variables[0 if first_moves else 1:]]
        skip, skip_to = case.choice(("past last row", None), ("to next row", None), *targets)
        within = case.choice(None, 3, 10, 30)
        descending, whole = case.choice(False, True), case.choice(False, False, False, True)
        after = f"AFTER MATCH SKIP {skip} {skip_to or ''}".upper()
        query = (f"SELECT * FROM e MATCH_RECOGNIZE ("
                 f"{'' if whole else 'PARTITION BY k '}ORDER BY ts, x{' DESC' if descending else ''} MEASURES {', '.join(measures)} "
                 f"{after} PATTERN ({pattern})"
                 + (f" WITHIN {interval(within * SECOND)}" if within else "")
                 + (f" DEFINE {define}" if define else "") + ")")
        case.add_view(query, ("e",),
                      lambda v=variables, s=skip, t=skip_to, w=within, d=descending, o=whole:
                      Matches(v, s, t, w and w * SECOND, d, o))
        if within:
            case.add_view(f"SELECT window_end, COUNT(*) AS n FROM TABLE(TUMBLE(({query}), DESCRIPTOR(ended), "
                          f"{interval(CountedMatches.SIZE)})) GROUP BY window_start, window_end "
                          "EMIT ON WINDOW CLOSE", ("e",),
                          lambda v=variables, s=skip, t=skip_to, w=within, d=descending, o=whole:
                          CountedMatches(v, s, t, w * SECOND, d, o))


OPERATORS = {"windows": windows, "window top-N": window_top_n, "sessions": sessions,
             "interval join": interval_join, "temporal join": temporal_join,
             "window join": window_join, "match": match_recognize}
