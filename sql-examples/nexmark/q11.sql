-- q11: bids of a bidder without a pause of ten seconds
INSERT INTO sink_q11
SELECT bidder, COUNT(*), SESSION_START(dateTime, INTERVAL '10' SECOND),
       SESSION_END(dateTime, INTERVAL '10' SECOND)
FROM bid
GROUP BY bidder, SESSION(dateTime, INTERVAL '10' SECOND);
