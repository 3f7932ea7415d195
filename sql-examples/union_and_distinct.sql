-- Two sources become one, duplicates go, and a query over a query counts what is left.
CREATE TABLE web (visitor STRING, country STRING);
CREATE TABLE app (visitor STRING, country STRING, version INT);

CREATE MATERIALIZED VIEW visitors AS
WITH everyone AS (
  SELECT visitor, country FROM web
  UNION ALL
  SELECT visitor, country FROM app WHERE version >= 2
)
SELECT country, COUNT(*) AS visitors
FROM (SELECT DISTINCT visitor, country FROM everyone) AS unique_visitors
GROUP BY country;

INSERT INTO web VALUES ('ada', 'NO'), ('bert', 'NO'), ('ada', 'NO'), ('cleo', CAST(NULL AS STRING));
INSERT INTO app VALUES ('ada', 'NO', 3), ('dora', 'DK', 2), ('emil', 'DK', 1), ('cleo', 'SE', 2);
FLUSH;

SELECT * FROM visitors ORDER BY country;
