-- For the time from a producer to a reader.
CREATE TABLE ticks (k STRING, v BIGINT) WITH (
  'connector' = 'kafka', 'topic' = 'ticks', 'format' = 'json',
  'properties.bootstrap.servers' = '${brokers}', 'scan.startup.mode' = 'earliest-offset');
CREATE MATERIALIZED VIEW latest AS
SELECT k, COUNT(*) AS n, MAX(v) AS most FROM ticks GROUP BY k;
