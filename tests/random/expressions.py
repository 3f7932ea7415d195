"""Random expressions over a scope, which is a list of expressions: columns, keys and aggregates.

Only what both systems define alike: no overflow, no division by zero, no rounding of ties, explicit
casts wherever Flink's types and PostgreSQL's differ.
"""

from tree import Expr, TYPE_NAMES, null_of

WORDS = ["a", "b", "ab", "", "abc", "Abc", "x y", "it''s", "0", "\u00e9t\u00e9"]
PATTERNS = ["a%", "%b", "%a%", "_b%", "", "%", "a_c", "%\u00e9%"]
ORDERED = ("int", "big", "dec", "dbl", "apx", "str", "date", "ts")
ALL_TYPES = ("bool",) + ORDERED
COLUMN_TYPES = ("int", "int", "int", "big", "dec", "dbl", "str", "str", "bool", "date", "ts")


def cast(type_, template, *kids, postgres=None):
    """CAST(template AS type_) in both dialects."""
    ours, theirs = TYPE_NAMES[type_]
    return Expr(type_, f"CAST({template} AS {ours})", *kids,
                postgres=f"CAST({postgres or template} AS {theirs})")


class Expressions:
    """A mixin of Generator, which has `random`, `has(feature)` and `subquery_condition`."""

    def literal(self, type_):
        """Near the values of the tables."""
        if self.random.random() < 0.04:
            return null_of(type_)
        if type_ in ("int", "big", "dec") and self.random.random() < 0.2:
            n = self.random.randint(-20, 20)
            return cast(type_, str(n)) if type_ != "int" else Expr("int", str(n) if n >= 0 else f"({n})")
        return self.typical(type_, int(self.random.random() ** 2 * 6))

    def typical(self, type_, n):
        """The n-th of the values that tables are filled with."""
        if type_ == "bool":
            return Expr("bool", ["TRUE", "FALSE"][n % 2])
        if type_ == "int":
            return Expr("int", str(n))
        if type_ == "big":
            return cast("big", str(n))
        if type_ == "dec":
            return cast("dec", f"{n}.{['00', '50', '05', '99'][n % 4]}")
        if type_ in ("dbl", "apx"):
            return cast(type_, str(n / 4 - 1))
        if type_ == "str":
            return Expr("str", f"'{WORDS[n % len(WORDS)]}'")
        if type_ == "date":
            return Expr("date", f"DATE '2024-0{n % 3 + 1}-{n % 20 + 1:02d}'")
        return Expr("ts", f"TIMESTAMP '2024-01-{n % 20 + 1:02d} {n % 3:02d}:00:{n % 2:02d}'")

    def column(self, type_, scope):
        """A member of the scope of the type, or None."""
        fitting = [e for e in scope if e.type == type_]
        return self.random.choice(fitting) if fitting else None

    def expression(self, type_, scope, depth):
        r = self.random
        found = self.column(type_, scope)
        if type_ == "bool" and (found is None or r.random() < 0.3) and (depth <= 0 or r.random() < 0.3):
            return self._comparison(scope, 0)
        if found is not None and (depth <= 0 or r.random() < 0.55):
            return found
        if depth <= 0 or r.random() < 0.12:
            return found if found is not None and r.random() < 0.8 else self.literal(type_)
        if r.random() < 0.25:
            return self._conditional(type_, scope, depth - 1)
        return getattr(self, "_" + type_)(scope, depth - 1)

    def _conditional(self, type_, scope, depth):
        def sub(t=type_):
            return self.expression(t, scope, depth)
        kind = self.random.randrange(5)
        if kind == 0:
            return Expr(type_, "COALESCE({0}, {1})", sub(), sub())
        if kind == 1 and type_ != "bool":
            return Expr(type_, "NULLIF({0}, {1})", sub(), sub())
        if kind == 2:
            return Expr(type_, "CASE WHEN {0} THEN {1} END", sub("bool"), sub())
        if kind == 3:
            return Expr(type_, "CASE WHEN {0} THEN {1} WHEN {2} THEN {3} ELSE {4} END", sub("bool"),
                        sub(), sub("bool"), sub(), sub())
        return Expr(type_, "CASE WHEN {0} THEN {1} ELSE {2} END", sub("bool"), sub(), sub())

    def predicate(self, scope, depth=2):
        return self.expression_of("bool", scope, depth)

    def expression_of(self, type_, scope, depth):
        """As expression(), but rarely a bare column or literal."""
        for _ in range(4):
            made = self.expression(type_, scope, depth)
            if made.kids:
                return made
        return made

    def _type_of(self, scope, types):
        """Of the types one that the scope has, mostly: a condition over literals alone is dull."""
        return self.random.choice([e.type for e in scope if e.type in types] or types)

    def _comparison(self, scope, depth):
        r = self.random
        t = self._type_of(scope, ORDERED)
        op = r.choice(["=", "<", "<=", ">", ">=", ">=", "<>", "<>"])
        left = self.column(t, scope) or self.literal(t)
        right = self.expression(t, scope, depth) if r.random() < 0.5 else self.literal(t)
        if right is left:
            right = self.literal(t)
        return Expr("bool", "({0} " + op + " {1})", left, right)

    def _bool(self, scope, depth):
        r = self.random
        def sub(t):
            return self.expression(t, scope, depth)
        kind = r.random()
        if kind < 0.40:
            return self._comparison(scope, depth)
        if kind < 0.52:
            return Expr("bool", "({0} AND {1})", sub("bool"), sub("bool"))
        if kind < 0.62:
            return Expr("bool", "({0} OR {1})", sub("bool"), sub("bool"))
        if kind < 0.67:
            return Expr("bool", "(NOT {0})", sub("bool"))
        t = self._type_of(scope, ALL_TYPES)
        if kind < 0.77:
            return Expr("bool", "({0} IS " + r.choice(["", "NOT "]) + "NULL)", sub(t))
        if kind < 0.82:
            return Expr("bool", "({0} IS " + r.choice(["", "NOT "]) + "DISTINCT FROM {1})", sub(t), sub(t))
        if kind < 0.87:
            t = self._type_of(scope, ORDERED)
            return Expr("bool", "({0} " + r.choice(["", "NOT "]) + "BETWEEN {1} AND {2})", sub(t), sub(t), sub(t))
        if kind < 0.93:
            t = self._type_of(scope, ["int", "str", "big", "date"])
            items = [self.literal(t) for _ in range(r.randint(1, 3))]
            places = ", ".join("{%d}" % (i + 1) for i in range(len(items)))
            return Expr("bool", "({0} " + r.choice(["", "NOT "]) + f"IN ({places}))", sub(t), *items)
        if kind < 0.96:
            return Expr("bool", "({0} " + r.choice(["", "NOT "]) + f"LIKE '{r.choice(PATTERNS)}')", sub("str"))
        return Expr("bool", "({0} IS " + r.choice(["", "NOT "]) + r.choice(["TRUE", "FALSE", "UNKNOWN"]) + ")",
                    sub("bool"))

    def _integer(self, type_, scope, depth):
        def sub():
            return self.expression(type_, scope, depth)
        kind = self.random.randrange(8)
        if kind < 2:
            return Expr(type_, "({0} " + "+-"[kind] + " {1})", sub(), sub())
        if kind == 2:
            return Expr(type_, "({0} % 1000 * ({1} % 1000))", sub(), sub())
        if kind == 3:
            return Expr(type_, "({0} / NULLIF({1}, 0))", sub(), sub())
        if kind == 4:
            return Expr(type_, "({0} % NULLIF({1}, 0))", sub(), sub())
        if kind == 5:
            return Expr(type_, "ABS({0})", sub())
        if kind == 6:
            return Expr(type_, "(- {0})", sub())
        return None

    def _int(self, scope, depth):
        made = self._integer("int", scope, depth)
        if made:
            return made
        if self.random.random() < 0.5:
            return Expr("int", "CHAR_LENGTH({0})", self.expression("str", scope, depth))
        return cast("int", "({0} % 1000)", self.expression("big", scope, depth))

    def _big(self, scope, depth):
        made = self._integer("big", scope, depth)
        if made:
            return made
        kind = self.random.randrange(3)
        if kind == 0:
            unit = self.random.choice(["YEAR", "MONTH", "DAY"])
            return cast("big", "EXTRACT(" + unit + " FROM {0})", self.expression("date", scope, depth))
        if kind == 1:
            return cast("big", "POSITION({0} IN {1})", self.expression("str", scope, depth),
                        self.expression("str", scope, depth))
        return cast("big", "{0}", self.expression("int", scope, depth))

    def _dec(self, scope, depth):
        def sub():
            return self.expression("dec", scope, depth)
        kind = self.random.randrange(5)
        if kind < 2:
            return cast("dec", "({0} " + "+-"[kind] + " {1})", sub(), sub())
        if kind == 2:
            return cast("dec", "({0} * {1} % 1000)", sub(), sub())
        if kind == 3:
            return Expr("dec", "ABS({0})", sub())
        return cast("dec", "{0}", self.expression("int", scope, depth))

    def _dbl(self, scope, depth):
        kind = self.random.randrange(4)
        if kind < 2:
            return Expr("dbl", "({0} " + "+-"[kind] + " {1})", self.expression("dbl", scope, depth),
                        self.expression("dbl", scope, depth))
        if kind == 2:
            return Expr("dbl", "ABS({0})", self.expression("dbl", scope, depth))
        return cast("dbl", "{0}", self.expression("int", scope, depth))

    def _apx(self, scope, depth):
        kind = self.random.randrange(2)
        if kind == 0:
            return Expr("apx", "({0} * {1})", self.expression("dbl", scope, depth),
                        self.expression("dbl", scope, depth))
        return Expr("apx", "({0} / NULLIF({1}, CAST(0 AS DOUBLE)))",
                    self.expression("dbl", scope, depth), self.expression("dbl", scope, depth),
                    postgres="({0} / NULLIF({1}, 0))")

    def _str(self, scope, depth):
        r = self.random
        def sub():
            return self.expression("str", scope, depth)
        kind = r.randrange(9)
        if kind < 2:
            return Expr("str", r.choice(["UPPER", "LOWER", "TRIM", "REVERSE"]) + "({0})",
                        Expr("str", "REPLACE({0}, '\u00e9', 'e')", sub()))
        if kind == 2:
            return Expr("str", "LEFT({0} || {1}, 12)", sub(), sub())
        if kind == 3:
            return Expr("str", f"SUBSTRING({{0}} FROM {r.randint(1, 3)} FOR {r.randint(0, 3)})", sub())
        if kind == 4:
            return Expr("str", "LEFT(REPLACE({0}, 'a', {1}), 12)", sub(), sub())
        if kind == 5:
            return Expr("str", f"{r.choice(['LEFT', 'RIGHT'])}({{0}}, {r.randint(0, 3)})", sub())
        if kind == 6:
            return Expr("str", f"LPAD({{0}}, {r.randint(0, 5)}, '*')", sub())
        t = r.choice(["int", "big", "dec", "date"])
        return cast("str", "{0}", self.expression(t, scope, depth))

    def _date(self, scope, depth):
        if self.random.random() < 0.5:
            return cast("date", "{0}", self.expression("ts", scope, depth))
        n = self.random.randint(1, 30)
        return cast("date", f"({{0}} {self.random.choice('+-')} INTERVAL '{n}' DAY)",
                    self.expression("date", scope, depth))

    def _ts(self, scope, depth):
        kind = self.random.randrange(3)
        if kind == 0:
            return cast("ts", "{0}", self.expression("date", scope, depth))
        if kind == 1:
            unit = self.random.choice(["HOUR", "DAY"])
            return cast("ts", f"FLOOR({{0}} TO {unit})", self.expression("ts", scope, depth),
                        postgres=f"DATE_TRUNC('{unit}', {{0}})")
        n, unit = self.random.randint(1, 50), self.random.choice(["SECOND", "MINUTE", "HOUR", "DAY"])
        return cast("ts", f"({{0}} {self.random.choice('+-')} INTERVAL '{n}' {unit})",
                    self.expression("ts", scope, depth))

    # Aggregates: the arguments come from `scope`, the result is for the scope behind the grouping.

    def aggregate(self, scope, depth, type_=None, window=False):
        """An aggregate call, of the type if it is given; a frame is put behind a call for a window."""
        for _ in range(20):
            made = self._aggregate(scope, depth, window)
            if made is not None and (type_ is None or made.type == type_):
                return made
        if type_ in (None, "big"):
            return Expr("big", "COUNT(*)")
        return Expr(type_, "MAX({0})" + ("{over}" if window else ""), self.expression(type_, scope, depth)) \
            if type_ != "bool" else None

    def _aggregate(self, scope, depth, window):
        r = self.random
        # `over` is a place that over() fills in; calls outside windows take a FILTER there.
        tail, kids = "", []
        if window:
            tail = "{over}"
        elif self.has("filter") and r.random() < 0.2:
            tail, kids = " FILTER (WHERE {1})", [self.predicate(scope, 1)]
        distinct = "DISTINCT " if self.has("distinct aggregate") and not window and r.random() < 0.2 else ""
        kind = r.random()
        if kind < 0.15 and not distinct:
            return Expr("big", "COUNT(*)" + tail.replace("{1}", "{0}"), *kids)
        t = r.choice([e.type for e in scope] or ["int"])
        argument = self.expression(t, scope, depth)
        if kind < 0.35:
            return Expr("big", f"COUNT({distinct}{{0}}){tail}", argument, *kids)
        if kind < 0.65 and t != "bool":
            name = r.choice(["MIN", "MAX"])
            return Expr(t, f"{name}({distinct}{{0}}){tail}", argument, *kids)
        if kind < 0.85 and t in ("int", "big", "dec", "dbl"):
            if t == "dbl":
                return Expr("dbl", f"SUM({distinct}{{0}}){tail}", argument, *kids)
            return cast("dec" if t == "dec" else "big", f"SUM({distinct}{{0}}){tail}", argument, *kids)
        if kind < 0.95 and t in ("int", "big", "dec", "dbl"):
            call = f"AVG({distinct}{{0}}){tail}"
            if t == "dbl":
                return Expr("apx", call, argument, *kids)
            if t == "dec":
                return cast("dec", call, argument, *kids, postgres=f"ROUND({call}, 6)")
            return cast("big", call, argument, *kids, postgres=f"TRUNC({call})")
        if kind < 0.98 and t in ("int", "dbl") and self.has("deviation") and not window:
            name = r.choice(["STDDEV_POP", "STDDEV_SAMP", "VAR_POP", "VAR_SAMP"])
            # A grid that no likely value lies on the edge of.
            ours, theirs = TYPE_NAMES["dbl"]
            call = f"{name}({distinct}CAST({{0}} AS %s)){tail}"
            return cast("big", f"FLOOR({call % ours} * 1000 + 0.3137)", argument, *kids,
                        postgres=f"FLOOR({call % theirs} * 1000 + 0.3137)")
        if t == "str" and self.has("listagg") and not window:
            return Expr("int", f"CHAR_LENGTH(LISTAGG({distinct}{{0}}, ','){tail})", argument, *kids,
                        postgres=f"CHAR_LENGTH(STRING_AGG({distinct}{{0}}, ','){tail})")
        return None
