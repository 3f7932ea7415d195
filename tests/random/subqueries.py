"""Random subqueries: as conditions and as values, in FROM with LATERAL, correlated at any depth."""

from expressions import ORDERED
from tree import Expr, Join, Lateral, Select

COMPARISONS = ["=", "<", ">", ">=", "<=", "<>"]


class Subqueries:
    """A mixin of Generator. `outer` holds the columns of the enclosing queries while a subquery is
    made: whatever query is in it may use them in WHERE and in its items."""

    def inside(self, scope, make):
        """make() with the scope's columns as those of an enclosing query."""
        before = self.outer
        # A merged column's bare name may mean another one inside.
        self.outer = before + [e for e in scope if e.column and e.column[0]]
        made = make()
        self.outer = before
        return made

    def correlated_query(self, relations, scope, depth, types=None):
        if not self.has("correlated deeply"):
            return self.query(relations, depth - 1, types)
        return self.inside(scope, lambda: self.query(relations, depth - 1, types))

    def use_of_outer(self, scope):
        """A condition with a column of an enclosing query, mostly an equality."""
        pairs = [(a, b) for a in self.outer for b in scope if a.type == b.type]
        if not pairs or self.chance(0.15):
            return self.predicate(scope + self.random.sample(self.outer, 1), 1)
        a, b = self.random.choice(pairs)
        op = "=" if a.type not in ORDERED or self.chance(0.8) else self.random.choice(COMPARISONS)
        return Expr("bool", "({0} " + op + " {1})", b, a)

    def some_outer(self):
        if not self.outer or not self.chance(0.15):
            return []
        return self.random.sample(self.outer, 1)

    def around(self, made, scope):
        """A condition that has the subquery in it."""
        if self.chance(0.3):
            return Expr("bool", "({0} AND {1})", self.predicate(scope, 1), made)
        if not self.has("subquery in or") or self.chance(0.5):
            return made
        other = self.predicate(scope, 1)
        form = self.random.choice(["({0} OR {1})", "(NOT {1})", "(CASE WHEN {0} THEN {1} ELSE FALSE END)",
                                   "({1} IS NULL)", "(NOT ({0} AND {1}))"])
        return Expr("bool", form, other, made)

    # Conditions

    def subquery_condition(self, relations, scope, depth):
        forms = self.any_of("in", "not in", "exists", "not exists", "scalar subquery",
                            "correlated scalar", "correlated in", "correlated not in",
                            "correlated inequality", "correlated count", "any", "row in")
        if not forms:
            return None
        form = self.random.choice(forms)
        if form in ("in", "not in", "row in"):
            return self.membership(relations, scope, depth, form)
        if form == "any":
            return self.quantified(relations, scope, depth)
        if "scalar" in form or "count" in form:
            made = self.scalar_subquery(relations, scope, depth, form)
            other = self.expression(made.type, scope, 1)
            op = self.random.choice(["=", "<", ">", ">=", "<>"])
            return Expr("bool", "({0} " + op + " {1})", other, made)
        if "exists" in form and self.has("correlated deeply") and self.chance(0.3):
            query = self.correlated_query(relations, scope, depth)
            return Expr("bool", "(" + form.upper() + " ({0}))", query)
        inner, inner_scope = self.one_source(relations, depth - 1)
        conditions = self.correlation(scope, inner_scope, form == "correlated inequality")
        if conditions is None:
            return None
        if self.chance(0.4):
            conditions = Expr("bool", "({0} AND {1})", conditions, self.predicate(inner_scope, 1))
        if form in ("correlated in", "correlated not in"):
            wanted = self.random.choice(scope)
            item = self.expression(wanted.type, inner_scope, 1)
            query = Select([(item, "c0")], inner, where=conditions)
            return Expr("bool", "({0} " + form[11:].upper() + " ({1}))", wanted, query)
        query = Select([(self.random.choice(inner_scope), "c0")], inner, where=conditions)
        word = "NOT EXISTS" if form == "not exists" else "EXISTS"
        return Expr("bool", "(" + word + " ({0}))", query)

    def membership(self, relations, scope, depth, form):
        if form != "row in":
            wanted = self.random.choice(scope)
            inner = self.correlated_query(relations, scope, depth, [wanted.type])
            return Expr("bool", "({0} " + form.upper() + " ({1}))", wanted, inner)
        wanted = [self.random.choice(scope) for _ in range(2)]
        inner = self.correlated_query(relations, scope, depth, [e.type for e in wanted])
        word = self.random.choice(["IN", "NOT IN"])
        return Expr("bool", "(({0}, {1}) " + word + " ({2}))", *wanted, inner)

    def quantified(self, relations, scope, depth):
        ordered = [e for e in scope if e.type in ORDERED]
        if not ordered:
            return None
        wanted = self.random.choice(ordered)
        inner = self.correlated_query(relations, scope, depth, [wanted.type])
        op, word = self.random.choice(COMPARISONS), self.random.choice(["ANY", "ALL"])
        return Expr("bool", "({0} " + f"{op} {word}" + " ({1}))", wanted, inner)

    def correlation(self, scope, inner_scope, inequality=False):
        pairs = [(a, b) for a in scope for b in inner_scope
                 if a.type == b.type and (not inequality or a.type in ORDERED)]
        if not pairs:
            return None
        a, b = self.random.choice(pairs)
        op = self.random.choice(["<", ">", "<>", "<="]) if inequality else "="
        return Expr("bool", "({0} " + op + " {1})", b, a)

    # Values

    def scalar_subquery(self, relations, scope, depth, form):
        if self.has("correlated deeply") and self.has("limit") and self.chance(0.15):
            return self.first_value(relations, scope, depth)
        inner, inner_scope = self.one_source(relations, depth - 1)
        where = self.predicate(inner_scope, 1) if self.chance(0.3) else None
        if form != "scalar subquery":
            inequality = self.has("correlated deeply") and self.chance(0.15)
            conditions = self.correlation(scope, inner_scope, inequality)
            if conditions is not None:
                where = conditions if where is None else Expr("bool", "({0} AND {1})", conditions, where)
        item = Expr("big", "COUNT(*)") if "count" in form else self.aggregate(inner_scope, 1)
        if "count" not in form and "COUNT" in item.templates[0] and "correlated" in form \
                and not self.has("correlated count"):
            item = Expr(inner_scope[0].type, "MAX({0})", inner_scope[0]) \
                if inner_scope[0].type != "bool" else Expr("int", "MAX(1)")
        having = None
        if self.has("correlated deeply") and self.chance(0.1):
            having = Expr("bool", "(COUNT(*) > 1)")
        return Expr(item.type, "({0})", Select([(item, "c0")], inner, where=where, having=having))

    def first_value(self, relations, scope, depth):
        """One value of one row of any query."""
        wanted = self.random.choice(scope).type
        query = self.inside(scope, lambda: self.limited(relations, max(2, depth - 1), [wanted]))
        return Expr(wanted, "({0})", query.copy(limit=1))

    def with_subqueries(self, relations, scope, depth):
        """The scope and perhaps a scalar subquery or a condition as one more member."""
        if depth < 2 or not self.chance(0.12):
            return scope
        if self.has("correlated in select") and self.chance(0.5):
            return scope + [self.scalar_subquery(relations, scope, depth, "correlated scalar")]
        if self.has("in in select") and self.chance(0.4):
            made = self.subquery_condition(relations, scope, depth)
            return scope + ([made] if made is not None else [])
        if self.has("subquery in select"):
            return scope + [self.scalar_subquery(relations, scope, depth, "scalar subquery")]
        return scope

    def of_groups(self, relations, keys, depth):
        """Perhaps a subquery over the groups of its query."""
        plain = [e for e in keys if e.column and e.column[0]]
        if depth < 2 or not plain or not self.has("correlated in select") or not self.chance(0.1):
            return []
        if self.chance(0.4):
            made = self.subquery_condition(relations, plain, depth)
            return [made] if made is not None else []
        return [self.scalar_subquery(relations, plain, depth, "correlated scalar")]

    # Sources

    def lateral(self, relations, left, left_scope, depth):
        """The source and a LATERAL subquery behind it."""
        query = self.inside(left_scope, lambda: self.query(relations, max(1, depth - 1)))
        alias = self.alias()
        right = Lateral(query, alias)
        scope = [Expr(t, f"{alias}.{n}", column=(alias, n)) for n, t in query.columns()]
        kind = self.random.choice(["CROSS JOIN", ",", "INNER JOIN", "LEFT JOIN", "LEFT JOIN"])
        on = None
        if kind in ("INNER JOIN", "LEFT JOIN"):
            on = Expr("bool", "TRUE") if self.chance(0.6) else self.predicate(left_scope + scope, 1)
        return Join(kind, left, right, on), left_scope + scope
