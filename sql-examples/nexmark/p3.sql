-- p3: five bids of a bidder or more in one channel, one after the other, then one in another
INSERT INTO sink_p3
SELECT bidder, channel, bids, spent, began, ended
FROM bid MATCH_RECOGNIZE (
  PARTITION BY bidder ORDER BY dateTime
  MEASURES FIRST(same.channel) AS channel, COUNT(same.auction) AS bids, SUM(same.price) AS spent,
           FIRST(same.dateTime) AS began, LAST(same.dateTime) AS ended
  AFTER MATCH SKIP TO other
  PATTERN (same{5,} other) WITHIN INTERVAL '20' SECOND
  DEFINE same AS same.channel = FIRST(same.channel), other AS other.channel <> same.channel
);
