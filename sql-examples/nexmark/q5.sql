-- q5: the auctions with the most bids of the last ten seconds, every two seconds
INSERT INTO sink_q5
SELECT counted.auction, counted.num
FROM (SELECT auction, COUNT(*) AS num, window_start AS starttime, window_end AS endtime
      FROM TABLE(HOP(TABLE bid, DESCRIPTOR(dateTime), INTERVAL '2' SECOND, INTERVAL '10' SECOND))
      GROUP BY auction, window_start, window_end) AS counted
JOIN (SELECT MAX(num) AS most, starttime, endtime
      FROM (SELECT COUNT(*) AS num, window_start AS starttime, window_end AS endtime
            FROM TABLE(HOP(TABLE bid, DESCRIPTOR(dateTime), INTERVAL '2' SECOND, INTERVAL '10' SECOND))
            GROUP BY auction, window_start, window_end)
      GROUP BY starttime, endtime) AS largest
ON counted.starttime = largest.starttime AND counted.endtime = largest.endtime
   AND counted.num >= largest.most;
