-- q0: pass on
INSERT INTO sink_q0 SELECT auction, bidder, price, dateTime, extra FROM bid;
