"""Makes a failing case smaller while it still fails the same way."""

import time

from generate import Case, Change, Insert, Round, Table, View
from tree import (Derived, Expr, Join, Relation, Select, SetOperation, Unnest, With, QUERIES,
                  TYPE_NAMES, null_of, relations_of, replace, simple_of, walk)

SECONDS = 120


def shrink(case, fails, seconds=SECONDS):
    """`fails(case)`: whether it still fails the same way. The smallest found within the time."""
    deadline = time.monotonic() + seconds
    changed = True
    while changed and time.monotonic() < deadline:
        changed = False
        for candidates in (_settings, _views, _rounds, _statements, _rows, _queries, _tables):
            progress = True
            while progress and time.monotonic() < deadline:
                progress = False
                for candidate in candidates(case):
                    if time.monotonic() > deadline:
                        break
                    if fails(candidate):
                        case, progress, changed = candidate, True, True
                        break
    return case


def _settings(case):
    if any(r.crash or r.checkpoint for r in case.rounds):
        yield case.copy(rounds=[Round(r.statements) for r in case.rounds])
    if any(step for r in case.rounds for _, step in r.statements):
        yield case.copy(rounds=[Round([(s, False) for s, _ in r.statements], r.crash, r.checkpoint,
                                      r.restart) for r in case.rounds])
    for changes in ({"partitions": 1}, {"batch_rows": 1024}, {"step_rows": 65536}):
        (name, value), = changes.items()
        if getattr(case, name) != value:
            yield case.copy(**changes)
    for i, r in enumerate(case.rounds):
        for changed in (Round(r.statements, None, r.checkpoint, r.restart),
                        Round(r.statements, r.crash, None, r.restart)):
            if (changed.crash, changed.checkpoint) != (r.crash, r.checkpoint):
                yield case.copy(rounds=case.rounds[:i] + [changed] + case.rounds[i + 1:])


def _views(case):
    for view in case.views:
        if len(case.views) > 1:
            yield case.copy(views=[v for v in case.views if v is not view])
    for i, view in enumerate(case.views):
        if view.round > 0:
            changed = View(view.name, view.query, 0)
            yield case.copy(views=case.views[:i] + [changed] + case.views[i + 1:])
    # A view's query in place of its name.
    for view in case.views:
        for reader in case.views:
            for node in walk(reader.query):
                if isinstance(node, Relation) and node.name == view.name:
                    query = replace(reader.query, node, Derived(view.query, node.alias))
                    yield _with_query(case, reader, query)


def _rounds(case):
    # Whole halves first.
    half = len(case.rounds) // 2
    if half:
        yield _keep_rounds(case, case.rounds[half:])
        yield _keep_rounds(case, case.rounds[:half])
    for i in range(len(case.rounds)):
        if len(case.rounds) > 1:
            yield _keep_rounds(case, case.rounds[:i] + case.rounds[i + 1:])
    for i in range(len(case.rounds) - 1):
        a, b = case.rounds[i:i + 2]
        merged = Round(a.statements + b.statements, b.crash, b.checkpoint, b.restart)
        yield _keep_rounds(case, case.rounds[:i] + [merged] + case.rounds[i + 2:])


def _keep_rounds(case, rounds):
    last = len(rounds) - 1
    views = [v if v.round <= last else View(v.name, v.query, last) for v in case.views]
    return case.copy(rounds=rounds, views=views)


def _statements(case):
    for i, r in enumerate(case.rounds):
        for j in range(len(r.statements)):
            yield _with_statements(case, i, r.statements[:j] + r.statements[j + 1:])


def _with_statements(case, i, statements):
    r = case.rounds[i]
    changed = Round(statements, r.crash, r.checkpoint, r.restart)
    return case.copy(rounds=case.rounds[:i] + [changed] + case.rounds[i + 1:])


def _rows(case):
    for i, r in enumerate(case.rounds):
        for j, (statement, step) in enumerate(r.statements):
            for smaller in _smaller_statements(statement):
                yield _with_statements(case, i, r.statements[:j] + [(smaller, step)] + r.statements[j + 1:])


def _smaller_statements(statement):
    if isinstance(statement, Change):
        if statement.where is not None:
            yield Change(statement.table, statement.sets, None)
            for smaller in _smaller_expressions(statement.where):
                yield Change(statement.table, statement.sets, smaller)
        for k, (name, value) in enumerate(statement.sets or []):
            if len(statement.sets) > 1:
                yield Change(statement.table, statement.sets[:k] + statement.sets[k + 1:], statement.where)
            for smaller in _smaller_expressions(value):
                sets = statement.sets[:k] + [(name, smaller)] + statement.sets[k + 1:]
                yield Change(statement.table, sets, statement.where)
        return
    rows = statement.rows
    half = len(rows) // 2
    if half:
        yield Insert(statement.table, rows[half:])
        yield Insert(statement.table, rows[:half])
    for k in range(len(rows)):
        if len(rows) > 1:
            yield Insert(statement.table, rows[:k] + rows[k + 1:])


def _smaller_expressions(expr):
    for node in walk(expr):
        if isinstance(node, Expr):
            for smaller in _smaller(node):
                yield replace(expr, node, smaller)


def _smaller(expr):
    """In place of an expression: its children of the same type, NULL, a literal."""
    if expr.type not in TYPE_NAMES:  # An array.
        return
    if not expr.kids:
        if expr.column is None and expr.templates != simple_of(expr.type).templates \
                and expr.templates != null_of(expr.type).templates:
            yield simple_of(expr.type)
        return
    for kid in expr.kids:
        if isinstance(kid, Expr) and kid.type == expr.type:
            yield kid
    yield null_of(expr.type)
    yield simple_of(expr.type)


def _queries(case):
    for view in case.views:
        for smaller in _smaller_queries(view.query):
            yield _with_query(case, view, smaller)


def _with_query(case, view, query):
    return case.copy(views=[View(v.name, query, v.round) if v is view else v for v in case.views])


def _smaller_queries(query):
    nodes = list(walk(query))
    for node in nodes:  # A query inside in place of the whole.
        if isinstance(node, QUERIES) and node is not query and \
                all(type_ in TYPE_NAMES for _, type_ in node.columns()):
            yield node
    for node in nodes:
        for smaller in _simpler(node):
            yield replace(query, node, smaller)
    for node in nodes:
        if isinstance(node, Expr):
            for smaller in _smaller(node):
                yield replace(query, node, smaller)


def _simpler(node):
    if isinstance(node, SetOperation):
        yield node.left
        yield node.right
        for i in range(len(node.columns())):
            smaller = _without_column(node, i)
            if smaller:
                yield smaller
    elif isinstance(node, With):
        if not (relations_of(node.body) & {name for name, _ in node.ctes}):
            yield node.body
        for i in range(len(node.ctes)):
            if len(node.ctes) > 1:
                yield With(node.ctes[:i] + node.ctes[i + 1:], node.body)
    elif isinstance(node, Join):
        yield from _simpler_join(node)
    elif isinstance(node, Derived):
        yield from _simpler_derived(node)
    elif isinstance(node, Select):
        yield from _simpler_select(node)


def _simpler_join(join):
    yield join.left
    yield join.right
    if join.kind not in ("INNER JOIN", ",", "CROSS JOIN"):
        yield Join("INNER JOIN", join.left, join.right, join.on, join.using)


def _simpler_derived(derived):
    """A relation in place of SELECT columns FROM it, where the names fit."""
    query = derived.query
    if isinstance(query, Select) and isinstance(query.source, Relation):
        yield Relation(query.source.name, query.source.columns, derived.alias)


def _simpler_select(select):
    for field in ("where", "having", "distinct", "offset", "qualify", "group"):
        if getattr(select, field):
            yield select.copy(**{field: None})
    if select.limit is not None:
        yield select.copy(limit=None, offset=None, order=None)
    if select.order and select.limit is None:
        yield select.copy(order=None)
    if len(select.items) > 1:
        for i in range(len(select.items)):
            yield select.copy(items=select.items[:i] + select.items[i + 1:])
    if isinstance(select.group, tuple):
        kind, sets = select.group
        if kind == "GROUPING SETS":
            for i in range(len(sets)):
                if len(sets) > 1:
                    yield select.copy(group=(kind, sets[:i] + sets[i + 1:]))
        yield select.copy(group=sets[-1] or None)
    elif select.group and len(select.group) > 1:
        for i in range(len(select.group)):
            yield select.copy(group=select.group[:i] + select.group[i + 1:])
    # One side of a join, or what elements stand beside, the other's columns NULL.
    for node in walk(select.source):
        if isinstance(node, (Join, Unnest)):
            sides = [(node.left, set(node.right.aliases())), (node.right, set(node.left.aliases()))] \
                if isinstance(node, Join) else [(node.source, {node.alias})]
            for kept, gone in sides:
                smaller = replace(select, node, kept)
                for expr in list(walk(smaller)):
                    if isinstance(expr, Expr) and expr.column and expr.column[0] in gone:
                        smaller = replace(smaller, expr, null_of(expr.type))
                yield smaller


def _without_column(query, i):
    if isinstance(query, SetOperation):
        left, right = _without_column(query.left, i), _without_column(query.right, i)
        return SetOperation(query.kind, left, right) if left and right else None
    if isinstance(query, With):
        body = _without_column(query.body, i)
        return With(query.ctes, body) if body else None
    if len(query.items) < 2:
        return None
    return query.copy(items=query.items[:i] + query.items[i + 1:])


def _tables(case):
    used = set()
    for view in case.views:
        used |= relations_of(view.query)
    used |= {s.table.name for r in case.rounds for s, _ in r.statements}
    for table in case.tables:
        if table.name not in used:
            yield case.copy(tables=[t for t in case.tables if t is not table])
    for table in case.tables:
        for i in range(len(table.columns)):
            smaller = _without_table_column(case, table, i)
            if smaller:
                yield smaller
        if table.key:
            yield _with_table(case, table, Table(table.name, table.columns, []))


def _without_table_column(case, table, i):
    name = table.columns[i][0]
    if len(table.columns) < 2 or name in table.key:
        return None
    columns = table.columns[:i] + table.columns[i + 1:]
    return _with_table(case, table, Table(table.name, columns, table.key), i)


def _with_table(case, table, new, dropped=None):
    rounds = []
    for r in case.rounds:
        statements = []
        for statement, step in r.statements:
            if statement.table is table:
                statement = _for_table(statement, new, dropped)
            if statement is not None:
                statements.append((statement, step))
        rounds.append(Round(statements, r.crash, r.checkpoint, r.restart))
    return case.copy(tables=[new if t is table else t for t in case.tables], rounds=rounds)


def _for_table(statement, table, dropped):
    if isinstance(statement, Insert):
        rows = statement.rows if dropped is None else \
            [row[:dropped] + row[dropped + 1:] for row in statement.rows]
        return Insert(table, rows)
    if not table.key:
        return None
    names = {name for name, _ in table.columns}
    sets = [(name, value) for name, value in statement.sets or [] if name in names]
    if statement.sets and not sets:
        return None
    return Change(table, sets, statement.where)
