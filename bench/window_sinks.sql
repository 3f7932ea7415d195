CREATE TABLE sink_windows (window_start TIMESTAMP(3), window_end TIMESTAMP(3), auction BIGINT,
  bids BIGINT) WITH ('connector' = 'blackhole');
