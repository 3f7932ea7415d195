-- q6: average winning price of a seller's last ten auctions
INSERT INTO sink_q6
SELECT seller, AVG(price) OVER (PARTITION BY seller ORDER BY dateTime, id
                                ROWS BETWEEN 9 PRECEDING AND CURRENT ROW)
FROM (SELECT A.id, A.seller, B.price, B.dateTime,
             ROW_NUMBER() OVER (PARTITION BY A.id ORDER BY B.price DESC, B.dateTime ASC) AS rownum
      FROM auction AS A, bid AS B
      WHERE A.id = B.auction AND B.dateTime BETWEEN A.dateTime AND A.expires)
WHERE rownum <= 1;
