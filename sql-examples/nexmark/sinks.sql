-- Where the queries write: everywhere but in q10 the rows are thrown away.
CREATE TABLE sink_q0 (auction BIGINT, bidder BIGINT, price BIGINT, dateTime TIMESTAMP(3),
  extra VARCHAR) WITH ('connector' = 'blackhole');
CREATE TABLE sink_q1 (auction BIGINT, bidder BIGINT, price DECIMAL(23, 3), dateTime TIMESTAMP(3),
  extra VARCHAR) WITH ('connector' = 'blackhole');
CREATE TABLE sink_q2 (auction BIGINT, price BIGINT) WITH ('connector' = 'blackhole');
CREATE TABLE sink_q3 (name VARCHAR, city VARCHAR, state VARCHAR, id BIGINT)
  WITH ('connector' = 'blackhole');
CREATE TABLE sink_q4 (id BIGINT, final BIGINT) WITH ('connector' = 'blackhole');
CREATE TABLE sink_q5 (auction BIGINT, num BIGINT) WITH ('connector' = 'blackhole');
CREATE TABLE sink_q6 (seller BIGINT, avg_price BIGINT) WITH ('connector' = 'blackhole');
CREATE TABLE sink_q7 (auction BIGINT, price BIGINT, bidder BIGINT, dateTime TIMESTAMP(3),
  extra VARCHAR) WITH ('connector' = 'blackhole');
CREATE TABLE sink_q8 (id BIGINT, name VARCHAR, stime TIMESTAMP(3)) WITH ('connector' = 'blackhole');
CREATE TABLE sink_q9 (id BIGINT, itemName VARCHAR, description VARCHAR, initialBid BIGINT,
  reserve BIGINT, dateTime TIMESTAMP(3), expires TIMESTAMP(3), seller BIGINT, category BIGINT,
  extra VARCHAR, auction BIGINT, bidder BIGINT, price BIGINT, bid_dateTime TIMESTAMP(3),
  bid_extra VARCHAR) WITH ('connector' = 'blackhole');
CREATE TABLE sink_q10 (auction BIGINT, bidder BIGINT, price BIGINT, dateTime TIMESTAMP(3),
  extra VARCHAR, dt VARCHAR, hm VARCHAR) PARTITIONED BY (dt, hm)
  WITH ('connector' = 'filesystem', 'path' = 'nexmark_q10', 'format' = 'csv');
CREATE TABLE sink_q11 (bidder BIGINT, bids BIGINT, starttime TIMESTAMP(3), endtime TIMESTAMP(3))
  WITH ('connector' = 'blackhole');
CREATE TABLE sink_q12 (bidder BIGINT, bids BIGINT, starttime TIMESTAMP(3), endtime TIMESTAMP(3))
  WITH ('connector' = 'blackhole');
CREATE TABLE sink_q13 (auction BIGINT, bidder BIGINT, price BIGINT, dateTime TIMESTAMP(3),
  `value` VARCHAR) WITH ('connector' = 'blackhole');
CREATE TABLE sink_q14 (auction BIGINT, bidder BIGINT, price DECIMAL(23, 3), bidTimeType VARCHAR,
  dateTime TIMESTAMP(3), extra VARCHAR, c_counts BIGINT) WITH ('connector' = 'blackhole');
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
CREATE TABLE sink_q18 (auction BIGINT, bidder BIGINT, price BIGINT, channel VARCHAR, url VARCHAR,
  dateTime TIMESTAMP(3), extra VARCHAR) WITH ('connector' = 'blackhole');
CREATE TABLE sink_q19 (auction BIGINT, bidder BIGINT, price BIGINT, channel VARCHAR, url VARCHAR,
  dateTime TIMESTAMP(3), extra VARCHAR, rownum BIGINT) WITH ('connector' = 'blackhole');
CREATE TABLE sink_q20 (auction BIGINT, bidder BIGINT, price BIGINT, channel VARCHAR, url VARCHAR,
  bid_dateTime TIMESTAMP(3), bid_extra VARCHAR, itemName VARCHAR, description VARCHAR,
  initialBid BIGINT, reserve BIGINT, auction_dateTime TIMESTAMP(3), expires TIMESTAMP(3),
  seller BIGINT, category BIGINT, auction_extra VARCHAR) WITH ('connector' = 'blackhole');
CREATE TABLE sink_q21 (auction BIGINT, bidder BIGINT, price BIGINT, channel VARCHAR,
  channel_id VARCHAR) WITH ('connector' = 'blackhole');
CREATE TABLE sink_q22 (auction BIGINT, bidder BIGINT, price BIGINT, channel VARCHAR, dir1 VARCHAR,
  dir2 VARCHAR, dir3 VARCHAR) WITH ('connector' = 'blackhole');
CREATE TABLE sink_q23 (auction BIGINT, bidder BIGINT, price BIGINT, itemName VARCHAR,
  category BIGINT, seller VARCHAR, city VARCHAR) WITH ('connector' = 'blackhole');
CREATE TABLE sink_p1 (auction BIGINT, first_price BIGINT, last_price BIGINT, last_time TIMESTAMP(3))
  WITH ('connector' = 'blackhole');
CREATE TABLE sink_p2 (auction BIGINT, top BIGINT, bottom BIGINT, falls BIGINT, final BIGINT,
  final_time TIMESTAMP(3)) WITH ('connector' = 'blackhole');
CREATE TABLE sink_p3 (bidder BIGINT, channel VARCHAR, bids BIGINT, spent BIGINT,
  began TIMESTAMP(3), ended TIMESTAMP(3)) WITH ('connector' = 'blackhole');
CREATE TABLE sink_p4 (auction BIGINT, bids BIGINT, average BIGINT, final BIGINT,
  final_bidder BIGINT) WITH ('connector' = 'blackhole');
