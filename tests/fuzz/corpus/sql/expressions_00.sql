SELECT -1 + +2 * (3 - 4) / 5 % 6, a || 'it''s' || U&'\00e4', CASE WHEN a THEN 1 ELSE 2 END, CASE a WHEN 1 THEN 'x' END FROM t;
