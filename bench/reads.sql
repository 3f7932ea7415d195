-- A keyed view that changes all the time.
CREATE TABLE ticks (k BIGINT, v BIGINT) WITH (
  'connector' = 'datagen', 'rows-per-second' = '100000',
  'fields.k.kind' = 'random', 'fields.k.min' = '0', 'fields.k.max' = '9999',
  'fields.v.kind' = 'random', 'fields.v.min' = '0', 'fields.v.max' = '1000');
CREATE MATERIALIZED VIEW latest AS
SELECT k, COUNT(*) AS n, SUM(v) AS total, MAX(v) AS most FROM ticks GROUP BY k;
