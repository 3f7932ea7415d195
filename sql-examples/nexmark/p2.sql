-- p2: prices that fall, and then rise above where they began
INSERT INTO sink_p2
SELECT auction, top, bottom, falls, final, final_time
FROM bid MATCH_RECOGNIZE (
  PARTITION BY auction ORDER BY dateTime
  MEASURES A.price AS top, LAST(down.price) AS bottom, COUNT(down.price) AS falls,
           up.price AS final, MATCH_ROWTIME() AS final_time
  AFTER MATCH SKIP TO LAST up
  PATTERN (A down+ up) WITHIN INTERVAL '1' MINUTE
  DEFINE down AS down.price < LAST(price, 1), up AS up.price > A.price
);
