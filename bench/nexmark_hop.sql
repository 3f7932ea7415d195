-- HOP 10 s / 2 s count per auction
INSERT INTO sink_windows
SELECT window_start, window_end, auction, COUNT(*)
FROM TABLE(HOP(TABLE bid, DESCRIPTOR(dateTime), INTERVAL '2' SECOND, INTERVAL '10' SECOND))
GROUP BY window_start, window_end, auction;
