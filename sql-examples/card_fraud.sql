-- A stolen card is tried with small payments before a large one: two or more below 5, then one of
-- more than a hundred times their average, all within ten minutes. Rows may come out of order.
CREATE TABLE payments (
  card INT, amount DECIMAL(10, 2), at_time TIMESTAMP(3),
  WATERMARK FOR at_time AS at_time - INTERVAL '2' MINUTE
) WITH ('connector' = 'filesystem', 'path' = 'sql-examples/data/payments.csv',
        'format' = 'csv');

CREATE MATERIALIZED VIEW frauds AS
SELECT *
FROM payments MATCH_RECOGNIZE (
  PARTITION BY card ORDER BY at_time
  MEASURES FIRST(small.at_time) AS begun, COUNT(small.amount) AS tries,
           SUM(small.amount) AS tried, large.amount AS stolen
  ONE ROW PER MATCH
  AFTER MATCH SKIP PAST LAST ROW
  PATTERN (small{2,} large) WITHIN INTERVAL '10' MINUTE
  DEFINE small AS small.amount < 5,
         large AS large.amount > 100 * AVG(small.amount)
);

-- 7001: three tries (2.50, 4, 1) and 890. 7002: the 640 comes more than ten minutes after the first
-- try. 7003: 60 is not large.
SELECT * FROM frauds ORDER BY card;
