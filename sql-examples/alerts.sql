-- Alarms from readings: a filter, a CASE, and how many of each kind there were in five minutes.
CREATE TABLE readings (
  at_time TIMESTAMP(3), celsius DOUBLE,
  WATERMARK FOR at_time AS at_time - INTERVAL '2' MINUTE
) WITH ('connector' = 'filesystem', 'path' = 'sql-examples/data/temperature.csv',
        'format' = 'csv');

CREATE VIEW judged AS
SELECT at_time, celsius,
       CASE WHEN celsius IS NULL THEN 'no reading'
            WHEN celsius >= 30 THEN 'hot'
            WHEN celsius >= 25 THEN 'warm'
            ELSE 'fine' END AS verdict
FROM readings;

CREATE MATERIALIZED VIEW alerts AS
SELECT at_time, UPPER(verdict) AS verdict, celsius FROM judged WHERE verdict <> 'fine';

CREATE MATERIALIZED VIEW alert_counts AS
SELECT window_start, verdict, COUNT(*) AS n
FROM TABLE(TUMBLE(TABLE judged, DESCRIPTOR(at_time), INTERVAL '5' MINUTE))
WHERE verdict <> 'fine'
GROUP BY window_start, window_end, verdict;

SELECT * FROM alerts ORDER BY at_time;
SELECT * FROM alert_counts ORDER BY window_start, verdict;
