INSERT INTO json_bids
SELECT auction, bidder, price, channel, url, dateTime, SUBSTRING(extra, 1, 12) FROM bid;
