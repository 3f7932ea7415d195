-- q19: the ten highest bids of an auction
INSERT INTO sink_q19
SELECT auction, bidder, price, channel, url, dateTime, extra, rownum
FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY auction ORDER BY price DESC) AS rownum FROM bid)
WHERE rownum <= 10;
