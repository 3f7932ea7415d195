-- q20: bids with their auctions
INSERT INTO sink_q20
SELECT auction, bidder, price, channel, url, B.dateTime, B.extra, itemName, description, initialBid,
       reserve, A.dateTime AS opened, expires, seller, category, A.extra AS auction_extra
FROM bid AS B INNER JOIN auction AS A ON B.auction = A.id
WHERE A.category = 10;
