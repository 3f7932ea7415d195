-- An auction house in one file: an embedded source of events, event time, a window, views.
-- scripts/run starts a server with it; its state is kept, so a restart goes on where it stopped.
-- Runs until it is stopped.

-- 2,000 events a second, the same ones in every run: persons, auctions and bids (Nexmark).
CREATE TABLE events (
  event_type INT,
  bid ROW<auction BIGINT, bidder BIGINT, price BIGINT, channel VARCHAR, url VARCHAR,
          dateTime TIMESTAMP(3), extra VARCHAR>,
  dateTime AS bid.dateTime,
  WATERMARK FOR dateTime AS dateTime - INTERVAL '4' SECOND
) WITH (
  'connector' = 'nexmark',
  'first-event.rate' = '2000',
  'seed' = '7'
);

CREATE VIEW bids AS
SELECT bid.auction AS auction, bid.bidder AS bidder, bid.price AS price, bid.channel AS channel,
       dateTime
FROM events
WHERE event_type = 2;

-- Bids per auction and 10 seconds. The rows of a window that is still open are there and change.
CREATE MATERIALIZED VIEW bids_per_auction
WITH ('view.retention' = '1 h') AS
SELECT window_start, window_end, auction, COUNT(*) AS bids, MAX(price) AS highest
FROM TABLE(TUMBLE(TABLE bids, DESCRIPTOR(dateTime), INTERVAL '10' SECOND))
GROUP BY window_start, window_end, auction;

-- The same windows, each once, when the watermark has passed its end.
CREATE MATERIALIZED VIEW turnover
WITH ('view.retention' = '1 d') AS
SELECT window_start, window_end, COUNT(*) AS bids, COUNT(DISTINCT bidder) AS bidders,
       SUM(price) AS total
FROM TABLE(TUMBLE(TABLE bids, DESCRIPTOR(dateTime), INTERVAL '10' SECOND))
GROUP BY window_start, window_end
EMIT ON WINDOW CLOSE;

-- Without a window: one row a channel, for ever.
CREATE MATERIALIZED VIEW channels AS
SELECT channel, COUNT(*) AS bids, AVG(price) AS average
FROM bids
GROUP BY channel;
