-- The channels with the most bids of a seeded, bounded auction house (Nexmark).
CREATE TABLE events (
  event_type INT,
  bid ROW<auction BIGINT, bidder BIGINT, price BIGINT, channel VARCHAR, url VARCHAR,
          dateTime TIMESTAMP(3), extra VARCHAR>
) WITH ('connector' = 'nexmark', 'events.num' = '50000', 'max-emit-speed' = 'true', 'seed' = '7');

CREATE MATERIALIZED VIEW channels AS
SELECT bid.channel AS channel, COUNT(*) AS bids, COUNT(DISTINCT bid.bidder) AS bidders,
       MAX(bid.price) AS highest
FROM events
WHERE event_type = 2
GROUP BY bid.channel
HAVING COUNT(*) >= 1000;

SELECT * FROM channels ORDER BY bids DESC, channel LIMIT 5;
