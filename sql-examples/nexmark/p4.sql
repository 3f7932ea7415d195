-- p4: an auction's bids up to the first one above a million, while their average is below 100,000
INSERT INTO sink_p4
SELECT auction, bids, average, final, final_bidder
FROM bid MATCH_RECOGNIZE (
  PARTITION BY auction ORDER BY dateTime
  MEASURES COUNT(low.price) AS bids, AVG(low.price) AS average, high.price AS final,
           high.bidder AS final_bidder
  AFTER MATCH SKIP TO NEXT ROW
  PATTERN (low+? high) WITHIN INTERVAL '30' SECOND
  DEFINE low AS AVG(low.price) < 100000, high AS high.price > 1000000
);
