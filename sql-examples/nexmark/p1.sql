-- p1: three bids on an auction within a minute, each more than ten times the one before
INSERT INTO sink_p1
SELECT auction, first_price, last_price, last_time
FROM bid MATCH_RECOGNIZE (
  PARTITION BY auction ORDER BY dateTime
  MEASURES A.price AS first_price, C.price AS last_price, C.dateTime AS last_time
  PATTERN (A B C) WITHIN INTERVAL '1' MINUTE
  DEFINE B AS B.price > 10 * A.price, C AS C.price > 10 * B.price
);
