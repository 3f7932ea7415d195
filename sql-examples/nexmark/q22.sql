-- q22: split
INSERT INTO sink_q22
SELECT auction, bidder, price, channel, SPLIT_INDEX(url, '/', 3), SPLIT_INDEX(url, '/', 4),
       SPLIT_INDEX(url, '/', 5)
FROM bid;
