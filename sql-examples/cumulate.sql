-- How a day's sales build up: windows that all begin at midnight and end six hours apart.
CREATE TABLE sales (
  id INT,
  at_time AS TIMESTAMPADD(MINUTE, id * 7, TIMESTAMP '2024-05-01 00:00:00'),
  WATERMARK FOR at_time AS at_time
) WITH ('connector' = 'datagen', 'number-of-rows' = '200', 'rows-per-second' = '1000000',
        'fields.id.kind' = 'sequence', 'fields.id.start' = '1', 'fields.id.end' = '200');

CREATE MATERIALIZED VIEW running AS
SELECT window_start, window_end, COUNT(*) AS sales
FROM TABLE(CUMULATE(TABLE sales, DESCRIPTOR(at_time), INTERVAL '6' HOUR, INTERVAL '1' DAY))
GROUP BY window_start, window_end;

SELECT * FROM running ORDER BY window_start, window_end;
