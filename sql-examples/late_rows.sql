-- Late rows are never silently dropped: they are counted and kept in the view's late table.
CREATE TABLE clicks (page STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND);

CREATE MATERIALIZED VIEW per_minute AS
SELECT window_start, page, COUNT(*) AS clicks
FROM TABLE(TUMBLE(TABLE clicks, DESCRIPTOR(ts), INTERVAL '1' MINUTE))
GROUP BY window_start, window_end, page;

-- The rows of one INSERT are never late to each other.
INSERT INTO clicks VALUES
  ('home', TIMESTAMP '2024-05-01 12:00:10'),
  ('home', TIMESTAMP '2024-05-01 12:00:50'),
  ('shop', TIMESTAMP '2024-05-01 12:00:20');
FLUSH;

-- 12:01:03 moves the watermark to 12:00:58: the first minute is still open for the next row.
INSERT INTO clicks VALUES ('home', TIMESTAMP '2024-05-01 12:01:03');
FLUSH;
INSERT INTO clicks VALUES ('shop', TIMESTAMP '2024-05-01 12:00:59');
FLUSH;

-- 12:02:30 closes it, so that this click at 12:00:30 is late.
INSERT INTO clicks VALUES ('home', TIMESTAMP '2024-05-01 12:02:30');
FLUSH;
INSERT INTO clicks VALUES ('home', TIMESTAMP '2024-05-01 12:00:30');
FLUSH;

SELECT * FROM per_minute ORDER BY window_start, page;
SELECT COUNT(*) AS late FROM per_minute$late;
