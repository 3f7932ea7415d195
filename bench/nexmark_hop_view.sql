-- HOP 10 s / 2 s count per auction, in a view of open windows
CREATE MATERIALIZED VIEW counts WITH ('view.retention' = '1 min') AS
SELECT window_start, window_end, auction, COUNT(*) AS bids
FROM TABLE(HOP(TABLE bid, DESCRIPTOR(dateTime), INTERVAL '2' SECOND, INTERVAL '10' SECOND))
GROUP BY window_start, window_end, auction;
