-- Bids in a topic, as lines of about 190 bytes, and where results go.
CREATE TABLE kafka_bids (
  auction BIGINT, bidder BIGINT, price BIGINT, channel VARCHAR, url VARCHAR,
  dateTime TIMESTAMP(3), extra VARCHAR,
  WATERMARK FOR dateTime AS dateTime - INTERVAL '4' SECOND
) WITH ('connector' = 'kafka', 'topic' = 'bids', 'format' = 'json',
  'properties.bootstrap.servers' = '${brokers}',
  'scan.startup.mode' = 'earliest-offset', 'scan.bounded.mode' = 'latest-offset');
CREATE TABLE windows (window_start TIMESTAMP(3), window_end TIMESTAMP(3), auction BIGINT,
  bids BIGINT
) WITH ('connector' = 'kafka', 'topic' = '${out}', 'format' = 'json',
  'properties.bootstrap.servers' = '${brokers}', 'sink.delivery-guarantee' = '${guarantee}',
  'sink.transactional-id-prefix' = '${out}');
CREATE TABLE cheap (
  auction BIGINT, bidder BIGINT, price BIGINT, dateTime TIMESTAMP(3)
) WITH ('connector' = 'kafka', 'topic' = '${out}', 'format' = 'json',
  'properties.bootstrap.servers' = '${brokers}', 'sink.delivery-guarantee' = '${guarantee}',
  'sink.transactional-id-prefix' = '${out}');
