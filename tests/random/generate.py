"""Random cases: tables, changes in rounds, views over them, and how the engine is run."""

import random

from expressions import ALL_TYPES, COLUMN_TYPES, Expressions, cast
from subqueries import Subqueries
from tree import (OURS, POSTGRES, TYPE_NAMES, Derived, Expr, Join, Relation, Select, SetOperation,
                  Unnest, With, null_of)

MAX_DEPTH = 4
JOINS = {"INNER JOIN": "inner join", "LEFT JOIN": "left join", "RIGHT JOIN": "right join",
         "FULL JOIN": "full join"}
SET_OPERATIONS = {"UNION ALL": "union all", "UNION": "union", "INTERSECT": "intersect",
                  "INTERSECT ALL": "intersect all", "EXCEPT": "except", "EXCEPT ALL": "except all"}


class Table:
    """columns: [(name, type)]; key: names."""

    def __init__(self, name, columns, key):
        self.name, self.columns, self.key = name, columns, key

    def create(self, dialect):
        parts = [f"{name} {TYPE_NAMES[type_][dialect]}" for name, type_ in self.columns]
        if self.key:
            end = " NOT ENFORCED" if dialect == OURS else ""
            parts.append(f"PRIMARY KEY ({', '.join(self.key)}){end}")
        temporary = "" if dialect == OURS else "TEMPORARY "
        return f"CREATE {temporary}TABLE {self.name} ({', '.join(parts)})"


class Insert:
    """rows: lists of literals, one for each column. Into a keyed table it is an upsert, row by row."""

    def __init__(self, table, rows):
        self.table, self.rows = table, rows

    def render(self, dialect):
        rows = [f"({', '.join(e.render(dialect) for e in row)})" for row in self.rows]
        if dialect == OURS or not self.table.key:
            return f"INSERT INTO {self.table.name} VALUES {', '.join(rows)}"
        others = [name for name, _ in self.table.columns if name not in self.table.key]
        sets = ", ".join(f"{name} = EXCLUDED.{name}" for name in others)
        action = f"UPDATE SET {sets}" if others else "NOTHING"
        end = f" ON CONFLICT ({', '.join(self.table.key)}) DO {action}"
        return "; ".join(f"INSERT INTO {self.table.name} VALUES {row}{end}" for row in rows)


class Change:
    """An UPDATE with sets: [(column, Expr)], or a DELETE without; where may be None."""

    def __init__(self, table, sets, where):
        self.table, self.sets, self.where = table, sets, where

    def render(self, dialect):
        text = f"DELETE FROM {self.table.name}"
        if self.sets:
            sets = ", ".join(f"{name} = {e.render(dialect)}" for name, e in self.sets)
            text = f"UPDATE {self.table.name} SET {sets}"
        return text + (f" WHERE {self.where.render(dialect)}" if self.where is not None else "")


class View:
    """`round`: the view is made before the changes of that round."""

    def __init__(self, name, query, round_):
        self.name, self.query, self.round = name, query, round_

    def columns(self):
        return self.query.columns()


class Round:
    """statements: [(statement, step behind it)]. crash: None, "before" or "after" the steps of the
    round's end; checkpoint likewise, or "between" the statements. restart: partitions and batch."""

    def __init__(self, statements, crash=None, checkpoint=None, restart=(1, 1024)):
        self.statements, self.crash, self.checkpoint = statements, crash, checkpoint
        self.restart = restart

    def plain(self):
        return Round([(statement, False) for statement, _ in self.statements])


class Case:
    def __init__(self, tables, views, rounds, partitions, batch_rows, step_rows):
        self.tables, self.views, self.rounds = tables, views, rounds
        self.partitions, self.batch_rows, self.step_rows = partitions, batch_rows, step_rows

    def copy(self, **changes):
        return Case(**{**vars(self), **changes})


class Generator(Expressions, Subqueries):
    def __init__(self, seed, features):
        self.random = random.Random(seed)
        self.features = features
        self.aliases = 0
        self.ctes = 0
        self.conditions = []
        self.relations = []  # That subqueries in ON may read.
        self.outer = []  # Columns of the enclosing queries.

    def has(self, feature):
        return feature in self.features

    def chance(self, p):
        return self.random.random() < p

    def any_of(self, *features):
        return [f for f in features if f in self.features]

    # Cases

    def case(self):
        r = self.random
        tables = [self.table(f"t{i}") for i in range(r.choice([1, 2, 2, 3]))]
        count = r.randint(2, 6)
        relations = [(t.name, t.columns) for t in tables]
        views = []
        for i in range(r.choice([1, 2, 2, 3, 4])):
            made_at = 0 if self.chance(0.8) else r.randrange(count)
            if views:
                made_at = max(made_at, views[-1].round)
            view = View(f"v{i}", self.query(relations, r.randint(1, MAX_DEPTH)), made_at)
            views.append(view)
            # Younger relations are likelier to be read.
            relations = relations + [(view.name, view.columns())]
        crashes = self.chance(0.6)
        rounds = [self.round(tables, i, crashes) for i in range(count)]
        return Case(tables, views, rounds, r.randint(1, 3), r.choice([1, 2, 7, 1024]),
                    r.choice([1, 3, 65536, 65536]))

    def table(self, name):
        r = self.random
        columns = [(f"c{i}", r.choice(COLUMN_TYPES)) for i in range(r.randint(2, 5))]
        columns[0] = ("c0", r.choice(["int", "int", "big", "str"]))
        key = []
        if self.has("keyed") and self.chance(0.6):
            key = ["c0"] if self.chance(0.7) or columns[1][1] not in ("int", "str", "date", "big") \
                else ["c0", "c1"]
        self.null_rate = r.choice([0, 0.1, 0.4])
        self.range = r.choice([2, 5, 20])
        return Table(name, columns, key)

    def value(self, type_, nullable=True):
        """A literal for a row; few distinct ones, skewed to the first."""
        r = self.random
        if nullable and self.chance(self.null_rate):
            return null_of(type_)
        n = int(r.random() ** 2 * self.range)
        if type_ == "int" and self.chance(0.2):
            return Expr("int", str(-n - 1))
        if type_ == "str" and self.chance(0.05):
            return Expr("str", "'" + "long" * 9 + f"{n}'")
        if type_ == "big" and self.chance(0.2):
            return Expr("big", str(n * 1000))
        return self.typical(type_, n)

    def round(self, tables, number, crashes):
        r = self.random
        statements = []
        if number == 0:
            statements = [(self.statement(t, 0), self.chance(0.2)) for t in tables if self.chance(0.85)]
        for _ in range(r.choice([1, 1, 2, 3])):
            statements.append((self.statement(r.choice(tables), number), self.chance(0.3)))
        crash = r.choice([None, None, "before", "after"]) if crashes else None
        checkpoint = r.choice([None, None, "before", "between", "after"]) if crashes else None
        return Round(statements, crash, checkpoint, (r.randint(1, 3), r.choice([1, 2, 7, 1024])))

    def statement(self, table, number):
        r = self.random
        scope = [Expr(t, name) for name, t in table.columns]
        if table.key and number > 0:
            kind = r.random()
            where = self.predicate(scope) if self.chance(0.85) else None
            others = [(name, t) for name, t in table.columns if name not in table.key]
            if kind < 0.3 and others and self.has("update"):
                chosen = r.sample(others, r.randint(1, len(others)))
                sets = [(name, self.value(t) if self.chance(0.5) else self.expression(t, scope, 1))
                        for name, t in chosen]
                return Change(table, sets, where)
            if kind < 0.55 and self.has("delete"):
                return Change(table, None, where)
        rows = [[self.value(t, name not in table.key) for name, t in table.columns]
                for _ in range(r.choice([1, 2, 5, 12] if self.chance(0.97) else [60]))]
        return Insert(table, rows)

    # Queries

    def query(self, relations, depth, types=None):
        """A query over the relations [(name, columns)]; its columns have `types` if they are given."""
        r = self.random
        makers = [(4, self.projection)]
        if self.has("aggregate"):
            makers.append((4, self.grouped))
        if depth > 1:
            if self.any_of(*SET_OPERATIONS.values()):
                makers.append((2, self.set_operation))
            if self.has("cte"):
                makers.append((1, self.with_ctes))
            if self.any_of("row_number", "rank", "dense_rank", "qualify"):
                makers.append((1.5, self.top_n))
            if self.any_of("over rank", "over rows", "over range", "over whole", "over lag"):
                makers.append((2, self.over))
            if self.has("limit"):
                makers.append((1, self.limited))
        make = r.choices([m for _, m in makers], [w for w, _ in makers])[0]
        return make(relations, depth, types)

    def alias(self):
        self.aliases += 1
        return f"s{self.aliases}"

    def names(self, count):
        return [f"c{i}" for i in range(count)]

    def output(self, scope, types, depth=2):
        """Items of a SELECT over the scope."""
        r = self.random
        if types is None:
            items = [e if self.chance(0.6) else self.expression(e.type, scope, depth)
                     for e in r.sample(scope, r.randint(1, min(4, len(scope))))]
            if self.chance(0.3):
                items.append(self.expression_of(r.choice(ALL_TYPES), scope, depth))
        else:
            items = [self.expression(t, scope, depth) for t in types]
        # A column of a literal alone is of no use to what reads it.
        return list(zip(items, self.names(len(items))))

    # Sources

    def source(self, relations, depth):
        """A FROM clause and its scope."""
        joins = [(kind, f) for kind, f in JOINS.items() if self.has(f)]
        joins += [(kind, f) for kind, f in (("CROSS JOIN", "cross join"), (",", "comma join"),
                                            ("INNER JOIN", "inner join")) if self.has(f)]
        conditions = []  # Of comma joins, for WHERE.
        source, scope = self.one_source(relations, depth)
        width = self.random.choice([1, 1, 2, 2, 3]) if joins and depth > 1 else 1
        for _ in range(width - 1):
            kind = self.random.choice(joins)[0]
            if self.has("lateral") and self.chance(0.06):
                source, scope = self.lateral(relations, source, scope, depth)
                continue
            right, right_scope = self.one_source(relations, depth - 1)
            self.relations = relations
            pairs = [(a, b) for a in scope for b in right_scope if a.type == b.type]
            if kind == "," and pairs and self.has("where") and self.chance(0.85):
                conditions.append(Expr("bool", "({0} = {1})", *self.random.choice(pairs)))
            source, scope = self.join(kind, source, scope, right, right_scope)
            if isinstance(source, Join) and source.using:
                break  # The merged column's bare name would be ambiguous with another's.
        if self.has("unnest") and self.chance(0.08):
            source, scope = self.unnest(source, scope)
        self.conditions = conditions
        return source, scope

    def unnest(self, source, scope):
        """The source with the elements of an array made of its rows, perhaps collected before."""
        r = self.random
        type_ = r.choice(scope).type
        place = False
        if self.has("array_agg") and self.chance(0.4):
            key, argument = r.choice(scope), self.expression(type_, scope, 1)
            inner = Select([(key, "c0"), (Expr("array", "ARRAY_AGG({0})", argument), "a")], source,
                           group=[key])
            derived = self.alias()
            source = Derived(inner, derived)
            scope = [Expr(key.type, f"{derived}.c0", column=(derived, "c0"))]
            array = Expr("array", f"{derived}.a")
        else:
            elements = [self.expression(type_, scope, 1) for _ in range(r.randint(1, 3))]
            text = "ARRAY[" + ", ".join(f"{{{i}}}" for i in range(len(elements))) + "]"
            if self.chance(0.5):
                elements.append(self.predicate(scope, 1))
                text = f"CASE WHEN {{{len(elements) - 1}}} THEN {text} END"
            array = Expr("array", text, *elements)
            place = self.chance(0.3)
        alias = self.alias()
        made = [Expr(type_, f"{alias}.e", column=(alias, "e"))]
        if place:
            made.append(cast("int", "{0}", Expr("int", f"{alias}.o", column=(alias, "o"))))
        kind = r.choice(["CROSS JOIN", "CROSS JOIN", "LEFT JOIN"])
        return Unnest(kind, source, array, alias, place), scope + made

    def one_source(self, relations, depth):
        r = self.random
        alias = self.alias()
        if depth > 1 and self.chance(0.35):
            query = self.query(relations, depth - 1)
            columns = query.columns()
            source = Derived(query, alias)
        else:
            # The later relations are views and common table expressions.
            name, columns = relations[max(r.randrange(len(relations)), r.randrange(len(relations)))]
            source = Relation(name, columns, alias)
        return source, [Expr(t, f"{alias}.{name}", column=(alias, name)) for name, t in columns]

    def join(self, kind, left, left_scope, right, right_scope):
        scope = left_scope + right_scope
        if kind in (",", "CROSS JOIN"):
            return Join(kind, left, right), scope
        pairs = [(a, b) for a in left_scope for b in right_scope if a.type == b.type]
        inequality = "left inequality join" if kind != "INNER JOIN" else "inequality join"
        if not pairs or (self.has(inequality) and kind != "FULL JOIN" and self.chance(0.08)):
            if not self.has(inequality) or kind == "FULL JOIN":
                a, b = left_scope[0], right_scope[0]
                on = Expr("bool", "(CHAR_LENGTH(CAST({0} AS STRING)) = CHAR_LENGTH(CAST({1} AS STRING)))",
                          a, b,
                          postgres="(CHAR_LENGTH(CAST({0} AS TEXT)) = CHAR_LENGTH(CAST({1} AS TEXT)))")
                if "bool" in (a.type, b.type) or "dbl" in (a.type, b.type) or "apx" in (a.type, b.type) \
                        or "ts" in (a.type, b.type):
                    return (Join("CROSS JOIN", left, right), scope) if self.has("cross join") else \
                        (left, left_scope)
                return Join(kind, left, right, on), scope
            return Join(kind, left, right, self.predicate(scope, 1)), scope
        if self.has("using") and self.chance(0.1) and isinstance(left, (Relation, Derived)):
            shared = [(a, b) for a, b in pairs if a.column and b.column and a.column[1] == b.column[1]]
            if shared:
                a, b = self.random.choice(shared)
                merged = Expr(a.type, a.column[1], column=(None, a.column[1]))
                rest = [e for e in scope if e is not a and e is not b]
                return Join(kind, left, right, using=a.column[1]), [merged] + rest
        on = None
        for a, b in self.random.sample(pairs, min(len(pairs), self.random.choice([1, 1, 1, 2]))):
            if self.chance(0.1):
                a = self.expression(a.type, left_scope, 1)
            one = Expr("bool", "({0} = {1})", a, b)
            on = one if on is None else Expr("bool", "({0} AND {1})", on, one)
        if self.has("residual") and self.chance(0.2):
            on = Expr("bool", "({0} AND {1})", on, self.predicate(scope, 1))
        elif self.has("subquery in on") and self.chance(0.05):
            # Over one input: both are not built for outer joins.
            side = scope if kind == "INNER JOIN" else self.random.choice([left_scope, right_scope])
            made = self.subquery_condition(self.relations, side, 2)
            on = Expr("bool", "({0} AND {1})", on, made) if made is not None else on
        return Join(kind, left, right, on), scope

    def where(self, relations, scope, depth):
        """The WHERE of the source that was just made."""
        conditions, self.conditions = self.conditions, []
        where = self._where(relations, scope, depth)
        if self.outer and self.has("where") and self.chance(0.6):
            conditions.append(self.use_of_outer(scope))
        for condition in conditions:
            where = condition if where is None else Expr("bool", "({0} AND {1})", condition, where)
        return where

    def _where(self, relations, scope, depth):
        if not self.has("where") or self.chance(0.45):
            return None
        if depth > 1 and self.chance(0.45):
            made = self.subquery_condition(relations, scope, depth)
            if made is not None:
                return self.around(made, scope)
        return self.predicate(scope)

    # Shapes

    def projection(self, relations, depth, types=None):
        source, scope = self.source(relations, depth)
        where = self.where(relations, scope, depth)
        scope = scope + self.some_outer()
        items = self.output(self.with_subqueries(relations, scope, depth), types)
        distinct = self.has("distinct") and self.chance(0.15)
        return Select(items, source, where=where, distinct=distinct)

    def grouped(self, relations, depth, types=None):
        r = self.random
        source, scope = self.source(relations, depth)
        where = self.where(relations, scope, depth)
        keys = r.sample(scope, min(len(scope), r.choice([0, 1, 1, 1, 2, 2])))
        kinds = self.any_of("grouping sets", "rollup", "cube")
        group = keys or None
        behind = []
        if kinds and keys and self.chance(0.3):
            group = self.grouping(r.choice(kinds), keys)
            if self.has("grouping") and self.chance(0.5):
                behind.append(cast("big", "GROUPING({0})", r.choice(keys)))
        elif keys and self.chance(0.2):
            made = self.expression_of(keys[0].type, scope, 1)
            # PostgreSQL takes a literal in GROUP BY for the number of a column.
            if any(k.column for k in _columns(made)):
                keys[0] = made
        scope = self.with_subqueries(relations, scope, depth)
        behind += keys + [self.aggregate(scope, 1) for _ in range(r.randint(0 if keys else 1, 3))]
        behind += self.of_groups(relations, keys if group is keys else [], depth)
        having = None
        if self.has("having") and self.chance(0.2):
            having = self.predicate(behind, 1)
            if self.has("subquery in having") and depth > 1 and self.chance(0.2):
                having = Expr("bool", "({0} > {1})", Expr("big", "COUNT(*)"),
                              cast("big", "{0}", Expr("big", "({0})", Select(
                                  [(Expr("big", "COUNT(*)"), "c0")],
                                  self.one_source(relations, 1)[0]))))
        if types is not None:
            behind += [e for e in (self.aggregate(scope, 1, t) for t in types if t != "bool") if e]
        items = self.output(behind, types, 1)
        return Select(items, source, where=where, group=group, having=having)

    def grouping(self, kind, keys):
        if kind != "grouping sets":
            return (kind.upper(), [keys])
        sets = [self.random.sample(keys, self.random.randint(0, len(keys)))
                for _ in range(self.random.randint(1, 3))]
        # PostgreSQL wants each selected key in some set.
        return ("GROUPING SETS", sets + [keys])

    def set_operation(self, relations, depth, types=None):
        kind = self.random.choice([k for k, f in SET_OPERATIONS.items() if self.has(f)])
        left = self.query(relations, depth - 1, types)
        wanted = [t for _, t in left.columns()]
        return SetOperation(kind, left, self.query(relations, depth - 1, wanted))

    def with_ctes(self, relations, depth, types=None):
        ctes = []
        for _ in range(self.random.choice([1, 1, 2])):
            name = f"w{self.ctes}"
            self.ctes += 1
            query = self.query(relations, depth - 1)
            ctes.append((name, query))
            relations = relations + [(name, query.columns())]
        return With(ctes, self.query(relations, depth - 1, types))

    def total_order(self, scope, first=()):
        """An ORDER BY with no ties but between equal rows."""
        rest = [e for e in scope if not any(e is f for f in first)]
        self.random.shuffle(rest)
        return [(e, self.random.choice(["ASC", "DESC"]), self.random.choice(["FIRST", "LAST"]))
                for e in list(first) + rest]

    def limited(self, relations, depth, types=None):
        query = self.query(relations, depth - 1, types)
        alias = self.alias()
        scope = [Expr(t, f"{alias}.{n}", column=(alias, n)) for n, t in query.columns()]
        offset = self.random.choice([1, 2, 5]) if self.has("offset") and self.chance(0.3) else None
        return Select([(e, e.column[1]) for e in scope], Derived(query, alias),
                      order=self.total_order(scope), limit=self.random.choice([1, 2, 3, 10]),
                      offset=offset)

    def window(self, scope, ordered, partitions=True):
        """PARTITION BY … ORDER BY … as a template's text from {n} on, and its children."""
        text, kids = [], []
        if partitions and self.chance(0.8):
            chosen = self.random.sample(scope, min(len(scope), self.random.choice([1, 1, 2])))
            text.append("PARTITION BY " + ", ".join("{}" for _ in chosen))
            kids += chosen
        if ordered:
            text.append("ORDER BY " + ", ".join(f"{{}} {way} NULLS {nulls}" for _, way, nulls in ordered))
            kids += [e for e, _, _ in ordered]
        return " ".join(text), kids

    def ranking(self, scope, functions):
        """A call of a ranking function with its OVER clause."""
        name = self.random.choice(functions)
        some = self.random.sample(scope, self.random.randint(1, min(2, len(scope))))
        order = self.total_order(scope, some)
        if name != "ROW_NUMBER":
            order = order[:len(some)]
        text, kids = self.window(scope, order)
        return Expr("big", f"{name}() OVER ({_numbered(text, 0)})", *kids)

    def top_n(self, relations, depth, types=None):
        r = self.random
        functions = [name for name, f in (("ROW_NUMBER", "row_number"), ("RANK", "rank"),
                                          ("DENSE_RANK", "dense_rank")) if self.has(f)]
        source, scope = self.source(relations, depth - 1)
        where = self.where(relations, scope, 1)
        rank = self.ranking(scope, functions or ["ROW_NUMBER"])
        limit = r.choice(["= 1", "<= 1", "<= 2", "<= 5", "< 3"])
        if self.has("qualify") and (self.chance(0.3) or not functions):
            return Select(self.output(scope, types, 1), source, where=where, qualify=(rank, limit))
        named = list(zip(scope, self.names(len(scope)))) + [(rank, "rn")]
        alias = self.alias()
        outer = [Expr(e.type, f"{alias}.{n}", column=(alias, n)) for e, n in named]
        number = outer.pop()
        shown = outer
        if "ROW_NUMBER" not in rank.templates[0] or (self.has("row_number output") and self.chance(0.4)):
            shown = outer + [number]
        return Select(self.output(shown, types, 1), Derived(Select(named, source, where=where), alias),
                      where=Expr("bool", "({0} " + limit + ")", number))

    def over(self, relations, depth, types=None):
        r = self.random
        source, scope = self.source(relations, depth - 1)
        where = self.where(relations, scope, 1)
        count = 1 + r.choice([0, 0, 1, 2]) if self.has("several windows") else 1
        if count > 1:
            # Equal rows may stand one way in one window and another way in the next.
            alias, names = self.alias(), self.names(len(scope))
            distinct = Select(list(zip(scope, names)), source, where=where, distinct=True)
            source, where = Derived(distinct, alias), None
            scope = [Expr(e.type, f"{alias}.{n}", column=(alias, n)) for e, n in zip(scope, names)]
        calls = [self.over_call(scope) for _ in range(count)]
        behind = scope + calls
        if types is None:
            shown = r.sample(scope, r.randint(1, min(3, len(scope)))) + calls
            items = list(zip(shown, self.names(len(shown))))
        else:
            items = self.output(behind, types, 1)
        return Select(items, source, where=where)

    def over_call(self, scope):
        r = self.random
        kind = r.choice(self.any_of("over rank", "over rows", "over following", "over range",
                                    "over range offset", "over whole", "over lag", "over first",
                                    "over nth", "over ntile", "over percent"))
        first = r.sample(scope, 1)
        order = self.total_order(scope, first)
        argument = r.choice(scope)
        if kind == "over rank":
            return self.ranking(scope, ["ROW_NUMBER", "RANK", "DENSE_RANK"])
        if kind == "over percent":
            text, kids = self.window(scope, order[:1])
            return Expr("apx", f"{r.choice(['PERCENT_RANK', 'CUME_DIST'])}() OVER ({_numbered(text, 0)})", *kids)
        if kind == "over ntile":
            text, kids = self.window(scope, order)
            return cast("big", f"NTILE({r.randint(1, 4)}) OVER ({_numbered(text, 0)})", *kids)
        if kind == "over lag":
            text, kids = self.window(scope, order)
            name, offset = r.choice(["LAG", "LEAD"]), r.choice(["", ", 1", ", 2"])
            if offset and self.chance(0.4):
                default = self.value(argument.type, False) if argument.type != "apx" else null_of("apx")
                # PostgreSQL wants the very type of the argument.
                return Expr(argument.type, f"{name}({{0}}{offset}, {{1}}) OVER ({_numbered(text, 2)})",
                            argument, cast(argument.type, "{0}", default), *kids)
            return Expr(argument.type, f"{name}({{0}}{offset}) OVER ({_numbered(text, 1)})", argument, *kids)
        if kind in ("over first", "over nth"):
            text, kids = self.window(scope, order)
            call = r.choice(["FIRST_VALUE({0})", "LAST_VALUE({0})"]) if kind == "over first" \
                else f"NTH_VALUE({{0}}, {r.randint(1, 3)})"
            frame = self.frame() if self.has("over rows") and self.chance(0.5) else ""
            return Expr(argument.type, f"{call} OVER ({_numbered(text, 1)}{frame})", argument, *kids)
        return self.over_aggregate(scope, kind, order)

    def frame(self):
        r = self.random
        start = r.choice(["UNBOUNDED PRECEDING", "2 PRECEDING", "1 PRECEDING", "CURRENT ROW"])
        end = "CURRENT ROW"
        if self.has("over following"):
            end = r.choice(["CURRENT ROW", "1 FOLLOWING", "2 FOLLOWING", "UNBOUNDED FOLLOWING"])
            if self.chance(0.15):
                start, end = r.choice([("1 FOLLOWING", "2 FOLLOWING"), ("3 PRECEDING", "1 PRECEDING")])
        return f" ROWS BETWEEN {start} AND {end}"

    def over_aggregate(self, scope, kind, order):
        r = self.random
        call = self.aggregate(scope, 1, window=True)
        end = ""
        if kind in ("over rows", "over following"):
            end = self.frame()
        elif kind == "over whole":
            order = []
        else:
            order = order[:1]
            if kind == "over range offset":
                numbers = [e for e in scope if e.type in ("int", "big")]
                if numbers:
                    order = [(r.choice(numbers), *order[0][1:])]
                    start = r.choice(["UNBOUNDED PRECEDING", "2 PRECEDING", "CURRENT ROW"])
                    end = f" RANGE BETWEEN {start} AND {r.choice(['CURRENT ROW', '1 FOLLOWING', 'UNBOUNDED FOLLOWING'])}"
            elif self.chance(0.3):
                end = r.choice([" RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW",
                                " RANGE BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING"]
                               if self.has("over following") else [""])
        text, kids = self.window(scope, order)
        clause = f" OVER ({_numbered(text, len(call.kids))}{end})"
        templates = [t.replace("{over}", clause) if "{over}" in t else t + clause for t in call.templates]
        return Expr(call.type, templates[OURS], *call.kids, *kids, postgres=templates[POSTGRES])


def _numbered(template, start):
    """The places {} of a template's text numbered from `start` on."""
    parts = template.split("{}")
    return "".join(part + (f"{{{start + i}}}" if i < len(parts) - 1 else "")
                   for i, part in enumerate(parts))


def _columns(expr):
    yield expr
    for kid in expr.kids:
        if isinstance(kid, Expr):
            yield from _columns(kid)
