-- A report over a CSV file with the usual dirt: quotes, empty fields, a line that is no order.
CREATE TABLE orders (
  id BIGINT, customer STRING, country STRING, item STRING, quantity INT, price DECIMAL(10, 2),
  ordered_at TIMESTAMP(3),
  WATERMARK FOR ordered_at AS ordered_at - INTERVAL '5' MINUTE
) WITH ('connector' = 'filesystem', 'path' = 'sql-examples/data/orders.csv', 'format' = 'csv',
        'csv.header' = 'true', 'csv.null-literal' = '');

CREATE MATERIALIZED VIEW revenue AS
SELECT country, window_start, COUNT(*) AS orders, COUNT(customer) AS known,
       SUM(quantity * price) AS revenue
FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(ordered_at), INTERVAL '30' MINUTE))
GROUP BY country, window_start, window_end;

SELECT * FROM revenue ORDER BY window_start, country;

-- The line that could not be read is not lost: it stands in the table's dead-letter table.
SELECT reason, COUNT(*) AS records FROM orders$errors GROUP BY reason;
