-- TUMBLE 10 s count per auction, in a view of open windows
CREATE MATERIALIZED VIEW counts WITH ('view.retention' = '1 min') AS
SELECT window_start, window_end, auction, COUNT(*) AS bids
FROM TABLE(TUMBLE(TABLE bid, DESCRIPTOR(dateTime), INTERVAL '10' SECOND))
GROUP BY window_start, window_end, auction;
