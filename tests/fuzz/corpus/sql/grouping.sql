SELECT a, b, GROUPING(a), LISTAGG(DISTINCT b, ',') FROM t GROUP BY GROUPING SETS ((a, b), (a), ()), CUBE (a, b), ROLLUP (a);
