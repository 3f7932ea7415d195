-- From topic to topic, exactly once: turnover per item and minute. Runs until it is stopped.
--
--   scripts/kafka start --port 9092; make the topics orders and turnover; then
--   millrace server -f sql-examples/kafka.sql
CREATE TABLE orders (
  item STRING, price DECIMAL(10, 2), ts TIMESTAMP(3),
  part INT METADATA FROM 'partition' VIRTUAL,
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH (
  'connector' = 'kafka', 'topic' = 'orders', 'format' = 'json',
  'properties.bootstrap.servers' = 'localhost:9092',
  'properties.group.id' = 'turnover',
  'scan.startup.mode' = 'earliest-offset'
);

CREATE TABLE turnover (item STRING, minute_start TIMESTAMP(3), orders BIGINT, total DECIMAL(20, 2))
WITH (
  'connector' = 'kafka', 'topic' = 'turnover',
  'key.format' = 'raw', 'key.fields' = 'item', 'value.format' = 'json',
  'properties.bootstrap.servers' = 'localhost:9092',
  'sink.delivery-guarantee' = 'exactly-once',
  'sink.transactional-id-prefix' = 'turnover'
);

INSERT INTO turnover
SELECT item, window_start, COUNT(*), SUM(price)
FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(ts), INTERVAL '1' MINUTE))
GROUP BY window_start, window_end, item;
