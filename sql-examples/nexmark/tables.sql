-- 100,000 events a second of event time, as fast as they can be made.
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
  'first-event.rate' = '100000',
  'events.num' = '${EVENTS}',
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
CREATE TABLE sink_q0 (auction BIGINT, bidder BIGINT, price BIGINT, dateTime TIMESTAMP(3),
  extra VARCHAR) WITH ('connector' = 'blackhole');
CREATE TABLE sink_q1 (auction BIGINT, bidder BIGINT, price DECIMAL(23, 3), dateTime TIMESTAMP(3),
  extra VARCHAR) WITH ('connector' = 'blackhole');
CREATE TABLE sink_q2 (auction BIGINT, price BIGINT) WITH ('connector' = 'blackhole');
CREATE TABLE sink_q14 (auction BIGINT, bidder BIGINT, price DECIMAL(23, 3), bidTimeType VARCHAR,
  dateTime TIMESTAMP(3), extra VARCHAR, c_counts BIGINT) WITH ('connector' = 'blackhole');
CREATE TABLE sink_q22 (auction BIGINT, bidder BIGINT, price BIGINT, channel VARCHAR, dir1 VARCHAR,
  dir2 VARCHAR, dir3 VARCHAR) WITH ('connector' = 'blackhole');
CREATE TABLE sink_windows (window_start TIMESTAMP(3), window_end TIMESTAMP(3), auction BIGINT,
  bids BIGINT) WITH ('connector' = 'blackhole');
CREATE TABLE sink_q3 (name VARCHAR, city VARCHAR, state VARCHAR, id BIGINT)
  WITH ('connector' = 'blackhole');
CREATE TABLE sink_q4 (id BIGINT, final BIGINT) WITH ('connector' = 'blackhole');
CREATE TABLE sink_q9 (id BIGINT, itemName VARCHAR, description VARCHAR, initialBid BIGINT,
  reserve BIGINT, dateTime TIMESTAMP(3), expires TIMESTAMP(3), seller BIGINT, category BIGINT,
  extra VARCHAR, auction BIGINT, bidder BIGINT, price BIGINT, bid_dateTime TIMESTAMP(3),
  bid_extra VARCHAR) WITH ('connector' = 'blackhole');
CREATE TABLE sink_q15 (day VARCHAR, total_bids BIGINT, rank1_bids BIGINT, rank2_bids BIGINT,
  rank3_bids BIGINT, total_bidders BIGINT, rank1_bidders BIGINT, rank2_bidders BIGINT,
  rank3_bidders BIGINT, total_auctions BIGINT, rank1_auctions BIGINT, rank2_auctions BIGINT,
  rank3_auctions BIGINT) WITH ('connector' = 'blackhole');
CREATE TABLE sink_q16 (channel VARCHAR, day VARCHAR, `minute` VARCHAR, total_bids BIGINT,
  rank1_bids BIGINT, rank2_bids BIGINT, rank3_bids BIGINT, total_bidders BIGINT,
  rank1_bidders BIGINT, rank2_bidders BIGINT, rank3_bidders BIGINT, total_auctions BIGINT,
  rank1_auctions BIGINT, rank2_auctions BIGINT, rank3_auctions BIGINT)
  WITH ('connector' = 'blackhole');
CREATE TABLE sink_q17 (auction BIGINT, day VARCHAR, total_bids BIGINT, rank1_bids BIGINT,
  rank2_bids BIGINT, rank3_bids BIGINT, min_price BIGINT, max_price BIGINT, avg_price BIGINT,
  sum_price BIGINT) WITH ('connector' = 'blackhole');
CREATE TABLE sink_q20 (auction BIGINT, bidder BIGINT, price BIGINT, channel VARCHAR, url VARCHAR,
  bid_dateTime TIMESTAMP(3), bid_extra VARCHAR, itemName VARCHAR, description VARCHAR,
  initialBid BIGINT, reserve BIGINT, auction_dateTime TIMESTAMP(3), expires TIMESTAMP(3),
  seller BIGINT, category BIGINT, auction_extra VARCHAR) WITH ('connector' = 'blackhole');
CREATE TABLE sink_q23 (auction BIGINT, bidder BIGINT, price BIGINT, itemName VARCHAR,
  category BIGINT, seller VARCHAR, city VARCHAR) WITH ('connector' = 'blackhole');
CREATE TABLE sink_q5 (auction BIGINT, num BIGINT) WITH ('connector' = 'blackhole');
CREATE TABLE sink_q7 (auction BIGINT, price BIGINT, bidder BIGINT, dateTime TIMESTAMP(3),
  extra VARCHAR) WITH ('connector' = 'blackhole');
CREATE TABLE sink_q8 (id BIGINT, name VARCHAR, stime TIMESTAMP(3)) WITH ('connector' = 'blackhole');
