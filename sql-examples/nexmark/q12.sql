-- q12: bids of a bidder in ten seconds of processing time
INSERT INTO sink_q12
SELECT bidder, COUNT(*), window_start, window_end
FROM TABLE(TUMBLE((SELECT bidder, PROCTIME() AS p_time FROM bid), DESCRIPTOR(p_time),
                  INTERVAL '10' SECOND))
GROUP BY bidder, window_start, window_end;
