CREATE TABLE IF NOT EXISTS db.orders (
  id BIGINT NOT NULL COMMENT 'the key', price DECIMAL(10, 2), tags ARRAY<STRING>, m MAP<STRING, INT>,
  r ROW<a INT, `b c` VARCHAR(12) NOT NULL>, at TIMESTAMP(3), seen TIMESTAMP_LTZ(3) METADATA FROM 'timestamp' VIRTUAL,
  total AS price * 2, proc AS PROCTIME(),
  WATERMARK FOR at AS at - INTERVAL '5' SECOND,
  PRIMARY KEY (id) NOT ENFORCED
) COMMENT 'orders' PARTITIONED BY (id) WITH ('connector' = 'filesystem', 'path' = '/in', 'format' = 'csv');
