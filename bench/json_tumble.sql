INSERT INTO json_windows
SELECT window_start, window_end, auction, COUNT(*)
FROM TABLE(TUMBLE(TABLE json_bids, DESCRIPTOR(dateTime), INTERVAL '10' SECOND))
GROUP BY window_start, window_end, auction;
