-- A moving average: hopping windows of four minutes, one a minute, each told once when it is over.
-- The readings come slightly out of order and one is missing.
CREATE TABLE readings (
  at_time TIMESTAMP(3), celsius DOUBLE,
  WATERMARK FOR at_time AS at_time - INTERVAL '2' MINUTE
) WITH ('connector' = 'filesystem', 'path' = 'sql-examples/data/temperature.csv',
        'format' = 'csv');

CREATE MATERIALIZED VIEW averages AS
SELECT window_start, window_end, COUNT(celsius) AS readings, AVG(celsius) AS average
FROM TABLE(HOP(TABLE readings, DESCRIPTOR(at_time), INTERVAL '1' MINUTE, INTERVAL '4' MINUTE))
GROUP BY window_start, window_end
EMIT ON WINDOW CLOSE;

SELECT window_end, readings, CAST(average AS DECIMAL(6, 2)) AS average
FROM averages ORDER BY window_end;
