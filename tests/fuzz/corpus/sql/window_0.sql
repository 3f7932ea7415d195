SELECT window_start, window_end, SUM(price) AS total, COUNT(DISTINCT id) FILTER (WHERE price > 1)
FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(at), INTERVAL '10' MINUTES, INTERVAL '1' MINUTE))
GROUP BY window_start, window_end HAVING SUM(price) > 10;
