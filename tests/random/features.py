"""What the engine can do, found by asking it: a probe that answers UNSUPPORTED_FEATURE leaves its
feature out, so that the tester grows with the engine."""

from engine import EngineError

TABLES = ("CREATE TABLE t (a INT, b STRING, x BIGINT); CREATE TABLE u (a INT, b STRING, x BIGINT)")
KEYED = "CREATE TABLE k (a INT, b STRING, x BIGINT, PRIMARY KEY (a) NOT ENFORCED)"

# By feature: the query of a materialized view over t, u and, where it exists, k.
PROBES = {
    "where": "SELECT a FROM t WHERE a > 1",
    "aggregate": "SELECT a, COUNT(*) AS n FROM t GROUP BY a",
    "distinct": "SELECT DISTINCT a FROM t",
    "distinct aggregate": "SELECT COUNT(DISTINCT a) AS n FROM t",
    "filter": "SELECT COUNT(*) FILTER (WHERE a > 1) AS n FROM t",
    "having": "SELECT a FROM t GROUP BY a HAVING COUNT(*) > 1",
    "deviation": "SELECT STDDEV_POP(CAST(a AS DOUBLE)) AS s FROM t",
    "listagg": "SELECT LISTAGG(b, ',') AS s FROM t",
    "cte": "WITH c AS (SELECT a FROM t) SELECT a FROM c",
    "values": "SELECT a FROM (VALUES (1), (2)) AS s (a)",
    "union all": "SELECT a FROM t UNION ALL SELECT a FROM u",
    "union": "SELECT a FROM t UNION SELECT a FROM u",
    "intersect": "SELECT a FROM t INTERSECT SELECT a FROM u",
    "intersect all": "SELECT a FROM t INTERSECT ALL SELECT a FROM u",
    "except": "SELECT a FROM t EXCEPT SELECT a FROM u",
    "except all": "SELECT a FROM t EXCEPT ALL SELECT a FROM u",
    "grouping sets": "SELECT a, b, COUNT(*) AS n FROM t GROUP BY GROUPING SETS ((a), (b), ())",
    "rollup": "SELECT a, b, COUNT(*) AS n FROM t GROUP BY ROLLUP (a, b)",
    "cube": "SELECT a, b, COUNT(*) AS n FROM t GROUP BY CUBE (a, b)",
    "grouping": "SELECT a, GROUPING(a) AS g FROM t GROUP BY ROLLUP (a)",
    "inner join": "SELECT t.a FROM t AS t INNER JOIN u AS u ON t.a = u.a",
    "left join": "SELECT t.a FROM t AS t LEFT JOIN u AS u ON t.a = u.a",
    "right join": "SELECT t.a FROM t AS t RIGHT JOIN u AS u ON t.a = u.a",
    "full join": "SELECT t.a FROM t AS t FULL JOIN u AS u ON t.a = u.a",
    "residual": "SELECT t.a FROM t AS t LEFT JOIN u AS u ON t.a = u.a AND t.x < u.x",
    "cross join": "SELECT t.a FROM t AS t CROSS JOIN u AS u",
    "comma join": "SELECT t.a FROM t AS t, u AS u WHERE t.a = u.a",
    "using": "SELECT t.x FROM t AS t INNER JOIN u AS u USING (a)",
    "inequality join": "SELECT t.a FROM t AS t INNER JOIN u AS u ON t.a < u.a",
    "left inequality join": "SELECT t.a FROM t AS t LEFT JOIN u AS u ON t.a < u.a",
    "self join": "SELECT t.a FROM t AS t INNER JOIN t AS u ON t.a = u.x",
    "in": "SELECT a FROM t WHERE a IN (SELECT a FROM u)",
    "not in": "SELECT a FROM t WHERE a NOT IN (SELECT a FROM u)",
    "exists": "SELECT a FROM t WHERE EXISTS (SELECT x FROM u WHERE u.a = t.a)",
    "not exists": "SELECT a FROM t WHERE NOT EXISTS (SELECT x FROM u WHERE u.a = t.a)",
    "scalar subquery": "SELECT a FROM t WHERE x > (SELECT MAX(x) FROM u)",
    "correlated scalar": "SELECT a FROM t WHERE x > (SELECT MAX(x) FROM u WHERE u.a = t.a)",
    "correlated count": "SELECT a FROM t WHERE x > (SELECT COUNT(*) FROM u WHERE u.a = t.a)",
    "subquery in select": "SELECT a, (SELECT MAX(x) FROM u) AS m FROM t",
    "in in select": "SELECT a, a IN (SELECT a FROM u) AS m FROM t",
    "correlated in select": "SELECT a, (SELECT MAX(x) FROM u WHERE u.a = t.a) AS m FROM t",
    "subquery in or": "SELECT a FROM t WHERE a = 1 OR a IN (SELECT a FROM u)",
    "correlated in": "SELECT a FROM t WHERE a IN (SELECT a FROM u WHERE u.b = t.b)",
    "correlated not in": "SELECT a FROM t WHERE a NOT IN (SELECT a FROM u WHERE u.b = t.b)",
    "correlated inequality": "SELECT a FROM t WHERE EXISTS (SELECT x FROM u WHERE u.a < t.a)",
    "subquery in having": "SELECT a FROM t GROUP BY a HAVING COUNT(*) > (SELECT MAX(x) FROM u)",
    "subquery in on": "SELECT t.a FROM t AS t INNER JOIN u AS u ON t.a = u.a AND u.x IN (SELECT x FROM t)",
    "any": "SELECT a FROM t WHERE a > ALL (SELECT a FROM u)",
    "row in": "SELECT a FROM t WHERE (a, b) NOT IN (SELECT a, b FROM u)",
    "correlated deeply": "SELECT a, (SELECT x FROM u WHERE u.a = t.a ORDER BY x LIMIT 1) AS f FROM t"
                         " WHERE EXISTS (SELECT a FROM u WHERE EXISTS (SELECT a FROM t AS s WHERE"
                         " s.a = t.a UNION ALL SELECT a FROM t AS s WHERE s.a = u.a))",
    "lateral": "SELECT t.a, s.m FROM t AS t, LATERAL (SELECT MAX(x) AS m FROM u WHERE u.a = t.a) AS s",
    "unnest": "SELECT t.a, s.e FROM t AS t LEFT JOIN UNNEST(CASE WHEN t.a > 1 THEN ARRAY[t.a, 1] END)"
              " WITH ORDINALITY AS s(e, o) ON TRUE",
    "array_agg": "SELECT a, ARRAY_AGG(b) AS v FROM t GROUP BY a",
    "row_number": "SELECT a FROM (SELECT a, ROW_NUMBER() OVER (PARTITION BY b ORDER BY x) AS r FROM t)"
                  " AS s WHERE r <= 2",
    "row_number output": "SELECT a, r FROM (SELECT a, ROW_NUMBER() OVER (PARTITION BY b ORDER BY x)"
                         " AS r FROM t) AS s WHERE r <= 2",
    "rank": "SELECT a, r FROM (SELECT a, RANK() OVER (PARTITION BY b ORDER BY x) AS r FROM t) AS s"
            " WHERE r <= 2",
    "dense_rank": "SELECT a, r FROM (SELECT a, DENSE_RANK() OVER (PARTITION BY b ORDER BY x) AS r"
                  " FROM t) AS s WHERE r <= 2",
    "qualify": "SELECT a FROM t QUALIFY ROW_NUMBER() OVER (PARTITION BY b ORDER BY x) <= 2",
    "limit": "SELECT a FROM t ORDER BY a, b, x LIMIT 3",
    "offset": "SELECT a FROM t ORDER BY a, b, x LIMIT 3 OFFSET 2",
    "over rank": "SELECT a, ROW_NUMBER() OVER (PARTITION BY b ORDER BY x, a) AS r,"
                 " DENSE_RANK() OVER (PARTITION BY b ORDER BY x) AS d FROM t",
    "over rows": "SELECT a, SUM(x) OVER (PARTITION BY b ORDER BY x, a ROWS BETWEEN 2 PRECEDING AND"
                 " CURRENT ROW) AS s FROM t",
    "over following": "SELECT a, SUM(x) OVER (PARTITION BY b ORDER BY x, a ROWS BETWEEN 1 PRECEDING"
                      " AND 2 FOLLOWING) AS s FROM t",
    "over range": "SELECT a, SUM(x) OVER (PARTITION BY b ORDER BY x) AS s FROM t",
    "over range offset": "SELECT a, SUM(x) OVER (PARTITION BY b ORDER BY x RANGE BETWEEN 2 PRECEDING"
                         " AND 1 FOLLOWING) AS s FROM t",
    "over whole": "SELECT a, SUM(x) OVER (PARTITION BY b) AS s FROM t",
    "over lag": "SELECT a, LAG(x) OVER (PARTITION BY b ORDER BY x, a) AS l FROM t",
    "over first": "SELECT a, FIRST_VALUE(x) OVER (PARTITION BY b ORDER BY x, a) AS l FROM t",
    "over nth": "SELECT a, NTH_VALUE(x, 2) OVER (PARTITION BY b ORDER BY x, a) AS l FROM t",
    "over ntile": "SELECT a, NTILE(3) OVER (PARTITION BY b ORDER BY x, a) AS l FROM t",
    "over percent": "SELECT a, PERCENT_RANK() OVER (PARTITION BY b ORDER BY x) AS l,"
                    " CUME_DIST() OVER (PARTITION BY b ORDER BY x) AS c FROM t",
    "several windows": "SELECT a, ROW_NUMBER() OVER (PARTITION BY b ORDER BY x, a) AS l,"
                       " SUM(x) OVER (PARTITION BY a) AS c FROM t",
    "over aggregate": "SELECT a, SUM(COUNT(*)) OVER (ORDER BY a) AS l FROM t GROUP BY a",
}

KEYED_STATEMENTS = {
    "keyed": "INSERT INTO k VALUES (1, 'x', 2)",
    "update": "UPDATE k SET x = x + 1 WHERE a = 1",
    "delete": "DELETE FROM k WHERE a = 1",
}


def probe(engine):
    """The features that work, those that answer UNSUPPORTED_FEATURE, and {feature: fault} of those
    that answer anything else."""
    works, lacks, faults = set(), set(), {}
    for feature, sql in PROBES.items():
        _ask(engine, feature, [TABLES, "CREATE MATERIALIZED VIEW v AS " + sql], works, lacks, faults)
    for feature, sql in KEYED_STATEMENTS.items():
        statements = [KEYED, "CREATE MATERIALIZED VIEW v AS SELECT * FROM k",
                      "INSERT INTO k VALUES (1, 'y', 1)", sql]
        _ask(engine, feature, statements, works, lacks, faults)
    return works, lacks, faults


def _ask(engine, feature, statements, works, lacks, faults):
    engine.call("open", "1 1024 65536")
    try:
        for statement in statements:
            engine.call("sql", statement)
        works.add(feature)
    except EngineError as error:
        if error.code in ("UNSUPPORTED_FEATURE", "FUNCTION_NOT_FOUND"):
            lacks.add(feature)
        else:
            faults[feature] = f"{error.code}: {error}"
