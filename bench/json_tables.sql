-- Bids as lines of about 190 bytes.
CREATE TABLE json_bids (
  auction BIGINT, bidder BIGINT, price BIGINT, channel VARCHAR, url VARCHAR,
  dateTime TIMESTAMP(3), extra VARCHAR,
  WATERMARK FOR dateTime AS dateTime - INTERVAL '4' SECOND
) WITH ('connector' = 'filesystem', 'path' = 'bids', 'format' = 'json');
CREATE TABLE json_windows (window_start TIMESTAMP(3), window_end TIMESTAMP(3), auction BIGINT,
  bids BIGINT) WITH ('connector' = 'blackhole');
