"""Queries as trees that render in both dialects and can be made smaller.

Two dialects: OURS and POSTGRES. An expression is a template with {0}, {1} … for its children, which
are expressions or queries; where the dialects differ it has two templates.
"""

OURS, POSTGRES = 0, 1

# Tags of types. DOUBLE comes in two: `dbl` holds multiples of 1/4, whose sums are exact in any order;
# `apx` holds quotients of these: the same in both systems, but never summed again.
TYPE_NAMES = {
    "bool": ("BOOLEAN", "BOOLEAN"),
    "int": ("INT", "INT"),
    "big": ("BIGINT", "BIGINT"),
    "dec": ("DECIMAL(18, 2)", "DECIMAL(18, 2)"),
    "dbl": ("DOUBLE", "DOUBLE PRECISION"),
    "apx": ("DOUBLE", "DOUBLE PRECISION"),
    "str": ("STRING", "TEXT"),
    "date": ("DATE", "DATE"),
    "ts": ("TIMESTAMP(3)", "TIMESTAMP(3)"),
}


class Expr:
    """`column` is (alias, name) for a reference to a column."""

    __slots__ = ("type", "templates", "kids", "column")

    def __init__(self, type_, template, *kids, postgres=None, column=None):
        self.type = type_
        self.templates = (template, template if postgres is None else postgres)
        self.kids = list(kids)
        self.column = column

    def render(self, dialect):
        if not self.kids:
            return self.templates[dialect]
        return self.templates[dialect].format(*(kid.render(dialect) for kid in self.kids))

    def copy(self, kids):
        new = Expr(self.type, self.templates[0], *kids, postgres=self.templates[1],
                   column=self.column)
        return new


def null_of(type_):
    ours, postgres = TYPE_NAMES[type_]
    return Expr(type_, f"CAST(NULL AS {ours})", postgres=f"CAST(NULL AS {postgres})")


SIMPLE = {"bool": "TRUE", "int": "1", "str": "'a'", "date": "DATE '2024-01-01'",
          "ts": "TIMESTAMP '2024-01-01 00:00:00'"}


def simple_of(type_):
    ours, postgres = TYPE_NAMES[type_]
    if type_ in SIMPLE:
        return Expr(type_, SIMPLE[type_])
    return Expr(type_, f"CAST(1 AS {ours})", postgres=f"CAST(1 AS {postgres})")


class Relation:
    """A table, a view or a common table expression by its name. columns: [(name, type)]."""

    def __init__(self, name, columns, alias):
        self.name, self.columns, self.alias = name, columns, alias

    def render(self, dialect):
        return f"{self.name} AS {self.alias}"

    def aliases(self):
        return [self.alias]


class Derived:
    def __init__(self, query, alias):
        self.query, self.alias = query, alias

    def render(self, dialect):
        return f"({self.query.render(dialect)}) AS {self.alias}"

    def aliases(self):
        return [self.alias]


class Lateral(Derived):
    """Its query may use columns of what stands before it."""

    def render(self, dialect):
        return f"LATERAL {super().render(dialect)}"


class Join:
    """kind: "INNER JOIN", "CROSS JOIN", ","; `on` is None for the last two; `using` is a column's
    name instead."""

    def __init__(self, kind, left, right, on=None, using=None):
        self.kind, self.left, self.right, self.on, self.using = kind, left, right, on, using

    def render(self, dialect):
        right = self.right.render(dialect)
        if isinstance(self.right, (Join, Unnest)):
            right = f"({right})"
        text = (self.left if self.kind == "," else _without_comma(self.left)).render(dialect)
        text += f", {right}" if self.kind == "," else f" {self.kind} {right}"
        if self.using:
            text += f" USING ({self.using})"
        elif self.on is not None:
            text += f" ON {self.on.render(dialect)}"
        return text

    def aliases(self):
        return self.left.aliases() + self.right.aliases()


def _without_comma(source):
    """A comma binds less than JOIN."""
    if isinstance(source, Join) and source.kind == ",":
        return Join("CROSS JOIN", source.left, source.right)
    return source


class Unnest:
    """The source, and beside its rows the elements of an array as <alias>.e and, with `ordinality`,
    their places as <alias>.o. kind: "CROSS JOIN" or "LEFT JOIN"."""

    def __init__(self, kind, source, array, alias, ordinality):
        self.kind, self.source, self.array = kind, source, array
        self.alias, self.ordinality = alias, ordinality

    def render(self, dialect):
        text = f"{_without_comma(self.source).render(dialect)} {self.kind} UNNEST({self.array.render(dialect)})"
        text += f" WITH ORDINALITY AS {self.alias}(e, o)" if self.ordinality else f" AS {self.alias}(e)"
        return text + (" ON TRUE" if self.kind == "LEFT JOIN" else "")

    def aliases(self):
        return self.source.aliases() + [self.alias]


class Select:
    """items: [(Expr, name)]. group is None, a list of Expr, or ("GROUPING SETS" | "ROLLUP" | "CUBE",
    lists of Expr). order: [(Expr, "ASC" | "DESC", "FIRST" | "LAST")]. qualify stands in ours only:
    (rank item's name, condition) is written as a derived table for PostgreSQL."""

    FIELDS = ("items", "source", "where", "group", "having", "distinct", "order", "limit", "offset",
              "qualify")

    def __init__(self, items, source, where=None, group=None, having=None, distinct=False,
                 order=None, limit=None, offset=None, qualify=None):
        self.items, self.source, self.where, self.group = items, source, where, group
        self.having, self.distinct, self.order = having, distinct, order
        self.limit, self.offset, self.qualify = limit, offset, qualify

    def copy(self, **changes):
        return Select(**{**{f: getattr(self, f) for f in self.FIELDS}, **changes})

    def columns(self):
        return [(name, expr.type) for expr, name in self.items]

    def render(self, dialect):
        text = "SELECT " + ("DISTINCT " if self.distinct else "")
        text += ", ".join(f"{expr.render(dialect)} AS {name}" for expr, name in self.items)
        qualify = self.qualify
        if qualify is not None and dialect == POSTGRES:
            text += f", {qualify[0].render(dialect)} AS qualified"
        if self.source is not None:
            text += " FROM " + self.source.render(dialect)
        if self.where is not None:
            text += " WHERE " + self.where.render(dialect)
        text += self._group(dialect)
        if self.having is not None:
            text += " HAVING " + self.having.render(dialect)
        if qualify is not None and dialect == OURS:
            text += f" QUALIFY {qualify[0].render(dialect)} {qualify[1]}"
        elif qualify is not None:
            names = ", ".join(name for _, name in self.items)
            text = f"SELECT {names} FROM ({text}) AS q WHERE qualified {qualify[1]}"
        return text + self._order(dialect)

    def _group(self, dialect):
        if self.group is None:
            return ""
        if isinstance(self.group, tuple):
            kind, sets = self.group
            parts = ["(" + ", ".join(e.render(dialect) for e in one) + ")" for one in sets]
            if kind != "GROUPING SETS":  # ROLLUP and CUBE have one list.
                return f" GROUP BY {kind} {parts[0]}"
            return f" GROUP BY GROUPING SETS ({', '.join(parts)})"
        return " GROUP BY " + ", ".join(e.render(dialect) for e in self.group)

    def _order(self, dialect):
        text = ""
        if self.order:
            text += " ORDER BY " + ", ".join(
                f"{e.render(dialect)} {way} NULLS {nulls}" for e, way, nulls in self.order)
        if self.limit is not None:
            text += f" LIMIT {self.limit}"
        if self.offset is not None:
            text += f" OFFSET {self.offset}"
        return text


class SetOperation:
    """kind: "UNION", "UNION ALL", "INTERSECT" … Names are the left side's."""

    def __init__(self, kind, left, right):
        self.kind, self.left, self.right = kind, left, right

    def columns(self):
        return self.left.columns()

    def render(self, dialect):
        return f"{_side(self.left, dialect)} {self.kind} {_side(self.right, dialect)}"


def _side(query, dialect):
    text = query.render(dialect)
    bare = isinstance(query, Select) and not query.order and query.limit is None
    return text if bare else f"({text})"


class With:
    """ctes: [(name, query)]."""

    def __init__(self, ctes, body):
        self.ctes, self.body = ctes, body

    def columns(self):
        return self.body.columns()

    def render(self, dialect):
        ctes, body = self.ctes, self.body
        while isinstance(body, With):  # PostgreSQL takes one WITH clause in a row.
            ctes, body = ctes + body.ctes, body.body
        ctes = ", ".join(f"{name} AS ({query.render(dialect)})" for name, query in ctes)
        return f"WITH {ctes} {body.render(dialect)}"


QUERIES = (Select, SetOperation, With)


def replace(node, old, new):
    """A copy of `node` with the node `old` (the same object) replaced; parts that do not hold it are
    shared."""
    if node is old:
        return new
    if isinstance(node, (list, tuple)):
        parts = [replace(part, old, new) for part in node]
        if all(a is b for a, b in zip(parts, node)):
            return node
        return parts if isinstance(node, list) else tuple(parts)
    if isinstance(node, Expr):
        kids = replace(node.kids, old, new)
        return node if kids is node.kids else node.copy(kids)
    if isinstance(node, (Derived, Join, Unnest, Select, SetOperation, With)):
        changed = {}
        for name, part in vars(node).items():
            other = replace(part, old, new)
            if other is not part:
                changed[name] = other
        if not changed:
            return node
        copy = object.__new__(type(node))
        vars(copy).update({**vars(node), **changed})
        return copy
    return node


def walk(node):
    """The node and all below it: expressions, sources and queries."""
    if isinstance(node, (list, tuple)):
        for part in node:
            yield from walk(part)
    elif isinstance(node, Expr):
        yield node
        yield from walk(node.kids)
    elif isinstance(node, (Relation, Derived, Join, Unnest, Select, SetOperation, With)):
        yield node
        yield from walk(list(vars(node).values()))


def relations_of(query):
    return {node.name for node in walk(query) if isinstance(node, Relation)}
