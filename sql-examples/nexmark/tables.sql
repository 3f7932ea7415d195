-- The Nexmark benchmark: an auction site's persons, auctions and bids, in one stream as its connector
-- for Flink makes them. A thousand a second by their own time, as fast as they can be made.
--
--     cat sql-examples/nexmark/{tables,sinks,q5}.sql > q5.sql; millrace run --stats q5.sql
CREATE TABLE events (
  event_type INT,
  person ROW<id BIGINT, name VARCHAR, emailAddress VARCHAR, creditCard VARCHAR, city VARCHAR,
             state VARCHAR, dateTime TIMESTAMP(3), extra VARCHAR>,
  auction ROW<id BIGINT, itemName VARCHAR, description VARCHAR, initialBid BIGINT, reserve BIGINT,
              dateTime TIMESTAMP(3), expires TIMESTAMP(3), seller BIGINT, category BIGINT,
              extra VARCHAR>,
  bid ROW<auction BIGINT, bidder BIGINT, price BIGINT, channel VARCHAR, url VARCHAR,
          dateTime TIMESTAMP(3), extra VARCHAR>,
  dateTime AS CASE WHEN event_type = 0 THEN person.dateTime
                   WHEN event_type = 1 THEN auction.dateTime
                   ELSE bid.dateTime END,
  WATERMARK FOR dateTime AS dateTime - INTERVAL '4' SECOND
) WITH (
  'connector' = 'nexmark',
  'first-event.rate' = '1000',
  'events.num' = '200000',
  'max-emit-speed' = 'true'
);
CREATE VIEW bid AS
SELECT bid.auction AS auction, bid.bidder AS bidder, bid.price AS price, bid.channel AS channel,
       bid.url AS url, dateTime, bid.extra AS extra
FROM events WHERE event_type = 2;
CREATE VIEW auction AS
SELECT auction.id AS id, auction.itemName AS itemName, auction.description AS description,
       auction.initialBid AS initialBid, auction.reserve AS reserve, dateTime,
       auction.expires AS expires, auction.seller AS seller, auction.category AS category,
       auction.extra AS extra
FROM events WHERE event_type = 1;
CREATE VIEW person AS
SELECT person.id AS id, person.name AS name, person.emailAddress AS emailAddress,
       person.creditCard AS creditCard, person.city AS city, person.state AS state, dateTime,
       person.extra AS extra
FROM events WHERE event_type = 0;
CREATE FUNCTION count_char(s STRING, c STRING) RETURNS BIGINT RETURN
  CHAR_LENGTH(s) - CHAR_LENGTH(REPLACE(s, c, ''));

-- What q13 looks up.
CREATE TABLE side_input (key BIGINT, `value` VARCHAR) WITH (
  'connector' = 'filesystem',
  'path' = 'sql-examples/nexmark/side_input.csv',
  'format' = 'csv'
);
