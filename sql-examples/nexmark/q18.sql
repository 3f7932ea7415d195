-- q18: a bidder's last bid on an auction
INSERT INTO sink_q18
SELECT auction, bidder, price, channel, url, dateTime, extra
FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY bidder, auction ORDER BY dateTime DESC) AS rownum
      FROM bid)
WHERE rownum <= 1;
