-- q1: convert
INSERT INTO sink_q1 SELECT auction, bidder, 0.908 * price, dateTime, extra FROM bid;
