-- TUMBLE 10 s count per auction
INSERT INTO sink_windows
SELECT window_start, window_end, auction, COUNT(*)
FROM TABLE(TUMBLE(TABLE bid, DESCRIPTOR(dateTime), INTERVAL '10' SECOND))
GROUP BY window_start, window_end, auction;
