// Every form of the dialect parses, and its canonical text parses to the same again.
#define BOOST_TEST_MODULE parser_forms
#include <boost/test/unit_test.hpp>
#include <string>
#include <string_view>

#include "parser/parse.h"
#include "parser/print.h"

namespace millrace {
namespace {

void CheckForms(std::initializer_list<std::string_view> forms) {
  for (const std::string_view sql : forms) {
    BOOST_TEST_CONTEXT(sql) {
      try {
        const auto statements = Parse(sql);
        BOOST_TEST_REQUIRE(statements.size() == 1U);
        const std::string text = ToSql(statements[0]);
        BOOST_TEST_CONTEXT(text) { BOOST_TEST(ToSql(Parse(text).at(0)) == text); }
      } catch (const Error& error) {
        BOOST_ERROR(error.message + " | " + error.hint);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(CreateTables) {
  CheckForms({
      "CREATE TABLE t (a INT)",
      "create table if not exists cat.db.t (a INT NOT NULL PRIMARY KEY NOT ENFORCED COMMENT 'k')",
      "CREATE TEMPORARY TABLE t (a INT, b STRING, CONSTRAINT c PRIMARY KEY (a, b) NOT ENFORCED)",
      "CREATE TABLE t (id INT PRIMARY KEY, v STRING)",
      "CREATE TABLE t (ts TIMESTAMP(3), p AS PROCTIME(), d AS a * 2 COMMENT 'double', "
      "WATERMARK FOR ts AS ts - INTERVAL '5' SECOND) WITH ('connector' = 'kafka', 'topic'='x')",
      "CREATE TABLE t (`offset` BIGINT METADATA VIRTUAL, `timestamp` TIMESTAMP_LTZ(3) METADATA "
      "FROM 'value.source.timestamp', part INT METADATA FROM `partition`)",
      "CREATE TABLE t (user STRING, date DATE, desc STRING, key INT, final BOOLEAN, count INT, "
      "offset BIGINT, timestamp TIMESTAMP(3), time TIME, value INT, type STRING, language STRING, "
      "partition INT, row INT, window INT, start TIMESTAMP(3), end TIMESTAMP(3), year INT, "
      "month INT, day INT, hour INT, minute INT, second INT)",
      "CREATE TABLE t (a INT, b STRING,) WITH ('connector'='print',)",
      "CREATE TABLE t (a INT) COMMENT 'c' DISTRIBUTED BY HASH (a) INTO 4 BUCKETS PARTITIONED BY "
      "(a) WITH ('k'='v')",
      "CREATE TABLE t (a INT) DISTRIBUTED BY (a)",
      "CREATE TABLE t (a INT) DISTRIBUTED INTO 3 BUCKETS",
      "CREATE TABLE t WITH ('connector'='print') LIKE s (EXCLUDING OPTIONS)",
      "CREATE TABLE t LIKE db.s (INCLUDING ALL OVERWRITING OPTIONS EXCLUDING CONSTRAINTS)",
      "CREATE TABLE t (a INT) LIKE s",
      "CREATE TABLE t WITH ('k'='v') AS SELECT a, b FROM s WHERE a > 1",
      "CREATE TABLE t (b, a) AS SELECT a, b FROM s",
      "CREATE OR REPLACE TABLE t AS SELECT 1 AS a",
      "REPLACE TABLE t AS SELECT 1 AS a",
      "CREATE TABLE n (s ROW<a INT 'the a', b ROW<c STRING NOT NULL>>, m MAP<STRING, ARRAY<INT>>, "
      "u MULTISET<STRING>, x INT ARRAY, y ROW(f BIGINT, g STRING), d DECIMAL(10, 2), f DOUBLE "
      "PRECISION, v VARCHAR, c CHAR(3), w CHARACTER VARYING(5), b VARBINARY(2), l TIMESTAMP(3) "
      "WITH LOCAL TIME ZONE, z TIMESTAMP WITH TIME ZONE, q TIMESTAMP(3) WITHOUT TIME ZONE, i "
      "INTERVAL DAY(3) TO SECOND(3), j INTERVAL YEAR, r RAW('x', 'y'), e ROW<>, n INT NULL, s2 "
      "STRUCTURED<'C', a INT>, arr INT[])",
      "CREATE TABLE t (connector INT) WITH (connector = 'kafka', properties.bootstrap.server = "
      "'h:1', x = 5, y = true)",
      "CREATE TABLE t (e STRING METADATA, WATERMARK FOR r.ts AS SOURCE_WATERMARK())",
  });
}

BOOST_AUTO_TEST_CASE(OtherDefinitions) {
  CheckForms({
      "CREATE VIEW v AS SELECT 1",
      "CREATE TEMPORARY VIEW IF NOT EXISTS v (a COMMENT 'x', b) COMMENT 's' AS SELECT 1, 2",
      "CREATE VIEW person AS SELECT person.id, person.name FROM source WHERE event_type = 0",
      "CREATE MATERIALIZED VIEW mv AS SELECT a, COUNT(*) FROM t GROUP BY a",
      "CREATE OR REPLACE MATERIALIZED VIEW mv (a, n) WITH ('view.retention' = '1 d') AS SELECT a, "
      "COUNT(*) FROM t GROUP BY a EMIT ON WINDOW CLOSE",
      "CREATE MATERIALIZED VIEW IF NOT EXISTS mv AS SELECT 1 EMIT IMMEDIATELY",
      "CREATE MATERIALIZED VIEW mv AS SELECT 1 EMIT ON WINDOW CLOSE WITH GRACE INTERVAL '10' "
      "MINUTE",
      "CREATE INDEX i ON mv (a, b DESC) INCLUDE (c)",
      "CREATE CATALOG IF NOT EXISTS c COMMENT 'x' WITH ('type'='generic_in_memory')",
      "CREATE DATABASE IF NOT EXISTS cat.db COMMENT 'd' WITH ('a'='b')",
      "CREATE FUNCTION f AS 'com.example.F' LANGUAGE JAVA USING JAR '/a.jar', JAR '/b.jar'",
      "CREATE TEMPORARY SYSTEM FUNCTION IF NOT EXISTS f AS 'x'",
      "CREATE FUNCTION f(a STRING, b STRING) RETURNS BIGINT RETURN CHAR_LENGTH(a || b)",
      "CREATE OR REPLACE FUNCTION f() RETURNS INT RETURN 1",
      "CREATE MATERIALIZED TABLE t (a INT) COMMENT 'c' PARTITIONED BY (a) WITH ('k'='v') FRESHNESS "
      "= INTERVAL '3' MINUTES REFRESH_MODE = FULL AS SELECT a FROM s",
      "CREATE OR ALTER MATERIALIZED TABLE t AS SELECT 1 AS a",
      "CREATE SOURCE IF NOT EXISTS s (a INT, *, WATERMARK FOR ts AS ts - INTERVAL '5' SECOND) "
      "INCLUDE key AS k INCLUDE header 'h' AS hh INCLUDE timestamp WITH (connector = 'kafka', "
      "topic "
      "= 'x') FORMAT PLAIN ENCODE JSON",
      "CREATE SOURCE s (*) WITH (connector='kafka') FORMAT UPSERT ENCODE AVRO (schema.registry = "
      "'http://h') KEY ENCODE BYTES (x = '1')",
      "CREATE SINK k FROM mv WITH (connector='kafka', primary_key='a,b') FORMAT PLAIN ENCODE JSON "
      "(force_append_only='true')",
      "CREATE SINK IF NOT EXISTS k AS SELECT a FROM t EMIT ON WINDOW CLOSE WITH "
      "(connector='kafka')",
      "CREATE SINK k FROM mv EMIT ON WINDOW CLOSE WITH (connector='kafka')",
      "CREATE SINK k INTO t (a, b) AS SELECT a, b FROM s",
      "CREATE SINK k INTO t FROM mv",
      "CREATE SUBSCRIPTION sub FROM mv WITH (retention = '1D')",
      "DROP TABLE t",
      "DROP TEMPORARY TABLE IF EXISTS a.b.t CASCADE",
      "DROP MATERIALIZED VIEW IF EXISTS mv CASCADE",
      "DROP TEMPORARY SYSTEM FUNCTION f",
      "DROP DATABASE IF EXISTS db RESTRICT",
      "DROP CATALOG c",
      "DROP MATERIALIZED TABLE t",
      "DROP MODEL m",
      "DROP INDEX i",
      "DROP SOURCE s",
      "DROP SINK s",
      "DROP SUBSCRIPTION s",
      "DROP VIEW v",
  });
}

BOOST_AUTO_TEST_CASE(Alters) {
  CheckForms({
      "ALTER TABLE t ADD a INT",
      "ALTER TABLE IF EXISTS t ADD (a INT FIRST, b STRING COMMENT 'x' AFTER a, c AS a + 1, "
      "PRIMARY KEY (a) NOT ENFORCED, WATERMARK FOR ts AS ts)",
      "ALTER TABLE t ADD PARTITION (p = 1) WITH ('k'='v') PARTITION (p = 2)",
      "ALTER TABLE t ADD IF NOT EXISTS PARTITION (p = 'x')",
      "ALTER TABLE t ADD DISTRIBUTION BY HASH (a) INTO 3 BUCKETS",
      "ALTER TABLE t ADD DISTRIBUTED BY (a)",
      "ALTER TABLE t MODIFY a BIGINT NOT NULL FIRST",
      "ALTER TABLE t MODIFY (a INT, WATERMARK FOR ts AS ts - INTERVAL '1' SECOND)",
      "ALTER TABLE t DROP a",
      "ALTER TABLE t DROP (a, b)",
      "ALTER TABLE t DROP PRIMARY KEY",
      "ALTER TABLE t DROP CONSTRAINT c",
      "ALTER TABLE t DROP WATERMARK",
      "ALTER TABLE t DROP DISTRIBUTION",
      "ALTER TABLE t DROP PARTITION (p = 1), PARTITION (p = 2)",
      "ALTER TABLE t RENAME a TO b",
      "ALTER TABLE t RENAME TO db.t2",
      "ALTER TABLE t SET ('k'='v', 'l'='w')",
      "ALTER TABLE t RESET ('k', 'l')",
      "ALTER VIEW v RENAME TO v2",
      "ALTER VIEW v AS SELECT 1",
      "ALTER DATABASE db SET ('k'='v')",
      "ALTER CATALOG c SET ('k'='v')",
      "ALTER CATALOG c RESET ('k')",
      "ALTER CATALOG c COMMENT 's'",
      "ALTER MATERIALIZED TABLE t SUSPEND",
      "ALTER MATERIALIZED TABLE t RESUME WITH ('k'='v')",
      "ALTER MATERIALIZED TABLE t REFRESH PARTITION (ds = '2024-01-01')",
      "ALTER MATERIALIZED TABLE t REFRESH",
      "ALTER MATERIALIZED TABLE t AS SELECT 1",
      "ALTER MATERIALIZED TABLE t ADD x INT",
      "ALTER TEMPORARY FUNCTION f AS 'x' LANGUAGE PYTHON",
      "ALTER MATERIALIZED VIEW mv RENAME TO mv2",
  });
}

BOOST_AUTO_TEST_CASE(Queries) {
  CheckForms({
      "SELECT 1",
      "SELECT *, a + 1 AS b FROM t",
      "SELECT A.*, B.x y FROM A, B AS b2 (p, q)",
      "SELECT DISTINCT a FROM t WHERE a = 1 GROUP BY a HAVING COUNT(*) > 1 ORDER BY a DESC NULLS "
      "LAST, b LIMIT 10 OFFSET 5",
      "SELECT a FROM t OFFSET 5 ROWS FETCH FIRST 10 ROWS ONLY",
      "SELECT a FROM t FETCH NEXT ROW ONLY",
      "SELECT a FROM t LIMIT ALL",
      "WITH a (x) AS (SELECT 1), b AS (SELECT 2) SELECT * FROM a, b",
      "WITH p AS CHANGELOG FROM t SELECT * FROM p",
      "SELECT 1 UNION ALL SELECT 2 INTERSECT SELECT 3 EXCEPT ALL SELECT 4",
      "(SELECT 1 UNION SELECT 2) INTERSECT SELECT 3",
      "(SELECT a FROM t ORDER BY a LIMIT 3) UNION ALL (SELECT 1 UNION SELECT 2)",
      "((SELECT a FROM t LIMIT 3)) ORDER BY a",
      "VALUES (1, 'a'), (2, 'b')",
      "TABLE t",
      "SELECT * FROM (VALUES (1), (2)) AS v (x)",
      "SELECT * FROM (SELECT * FROM (SELECT 1))",
      "SELECT a, GROUPING(a), GROUPING_ID(a, b) FROM t GROUP BY GROUPING SETS ((a, b), (a), ())",
      "SELECT 1 FROM t GROUP BY ROLLUP (a, (b, c)), CUBE (d), e, ()",
      "SELECT window_start, window_end, SUM(x) FROM TABLE(TUMBLE(TABLE Bid, DESCRIPTOR(ts), "
      "INTERVAL '10' MINUTES)) GROUP BY window_start, window_end",
      "SELECT * FROM TUMBLE(TABLE b, DESCRIPTOR(ts), INTERVAL '1' HOUR, INTERVAL -'5' MINUTE)",
      "SELECT * FROM TABLE(HOP(DATA => TABLE b, TIMECOL => DESCRIPTOR(ts), SLIDE => INTERVAL '5' "
      "MINUTES, SIZE => INTERVAL '10' MINUTES, OFFSET => INTERVAL '1' MINUTE))",
      "SELECT * FROM TABLE(HOP(DATA => TABLE b, TIMECOL => DESCRIPTOR(ts), SLIDE => INTERVAL '5' "
      "MINUTES, SIZE => INTERVAL '10' MINUTES, `OFFSET` => INTERVAL '1' MINUTE))",
      "SELECT * FROM TABLE(SESSION(TABLE b PARTITION BY item, DESCRIPTOR(ts), INTERVAL '5' "
      "MINUTES)) AS s",
      "SELECT * FROM SESSION(TABLE b PARTITION BY (x, y), DESCRIPTOR(ts), INTERVAL '5' MINUTES)",
      "SELECT * FROM CUMULATE(TABLE b, DESCRIPTOR(ts), INTERVAL '2' MINUTES, INTERVAL '10' "
      "MINUTES)",
      "SELECT TUMBLE_START(ts, INTERVAL '1' HOUR) FROM t GROUP BY TUMBLE(ts, INTERVAL '1' HOUR), a",
      "SELECT * FROM a JOIN b ON a.k = b.k LEFT OUTER JOIN c USING (k) CROSS JOIN d",
      "SELECT * FROM a NATURAL LEFT JOIN b",
      "SELECT * FROM a, b FULL JOIN c ON b.x = c.x, (d RIGHT JOIN e ON TRUE)",
      "SELECT * FROM o JOIN r FOR SYSTEM_TIME AS OF o.rowtime AS r2 ON o.k = r2.k",
      "SELECT * FROM o LEFT JOIN r FOR SYSTEM_TIME AS OF proctime AS r ON o.k = r.k",
      "SELECT * FROM t FOR SYSTEM_TIME AS OF TIMESTAMP '2024-01-01 00:00:00'",
      "SELECT * FROM t /*+ OPTIONS('scan.startup.mode'='earliest-offset') */ AS x",
      "SELECT /*+ STATE_TTL('t1'='1d'), BROADCAST(t2), LOOKUP('table'='r','async'='true') */ * "
      "FROM t1 JOIN t2 ON t1.a = t2.a",
      "SELECT * FROM o JOIN LATERAL SNAPSHOT(input => TABLE r, on_time => DESCRIPTOR(t)) AS s ON "
      "o.k = s.k",
      "SELECT * FROM t CROSS JOIN UNNEST(arr) WITH ORDINALITY AS u (v, i)",
      "SELECT * FROM t, UNNEST(m) AS u (k, v)",
      "SELECT * FROM t, LATERAL TABLE(f(x)) AS u (a, b)",
      "SELECT * FROM t LEFT JOIN LATERAL TABLE(f(x)) ON TRUE",
      "SELECT * FROM a, LATERAL (SELECT * FROM b WHERE b.x = a.x ORDER BY y DESC LIMIT 3)",
      "SELECT * FROM TO_CHANGELOG(input => TABLE t PARTITION BY k, op => DESCRIPTOR(op), "
      "op_mapping "
      "=> MAP['INSERT', 'I'])",
      "SELECT * FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY a ORDER BY b DESC) AS rn FROM t) "
      "WHERE rn <= 3",
      "SELECT a, ROW_NUMBER() OVER (PARTITION BY a ORDER BY b) AS rn FROM t QUALIFY rn <= 2",
      "SELECT SUM(x) OVER w, AVG(x) OVER (w ORDER BY y) FROM t WINDOW w AS (PARTITION BY a ORDER "
      "BY "
      "ts RANGE BETWEEN INTERVAL '1' HOUR PRECEDING AND CURRENT ROW)",
      "SELECT SUM(x) OVER (ORDER BY ts ROWS BETWEEN 5 PRECEDING AND CURRENT ROW), SUM(x) OVER "
      "(ORDER BY ts ROWS UNBOUNDED PRECEDING) FROM t",
      "SELECT LAG(x, 1) OVER (PARTITION BY a ORDER BY proctime), FIRST_VALUE(x) IGNORE NULLS OVER "
      "(ORDER BY ts) FROM t",
      "SELECT * FROM t EMIT CHANGES LIMIT 5",
      "SELECT * FROM t EMIT FINAL",
      "SELECT * FROM a JOIN b WITHIN 1 HOUR ON a.x = b.x",
      "SELECT * FROM a JOIN b WITHIN (1 HOUR, 2 HOURS) GRACE PERIOD 15 MINUTES ON a.x = b.x",
      "EXECUTE SELECT 1",
      "SELECT date, user, key, desc, final, count, offset, timestamp, time, value, type, language, "
      "partition, row, window, start, end, year, month, day, hour FROM t",
      "SELECT t.end, t.order, t.user AS end, x AS order, x value FROM t",
      "SELECT '▲' AS \"Zeichen\", `t$errors`.v$late FROM t$errors",
      "SELECT user, date FROM value WHERE key = 1 AND end > start GROUP BY user, date ORDER BY day",
  });
}

BOOST_AUTO_TEST_CASE(MatchRecognize) {
  CheckForms({
      "SELECT * FROM Ticker MATCH_RECOGNIZE (PARTITION BY symbol ORDER BY rowtime MEASURES "
      "START_ROW.rowtime AS start_tstamp, LAST(PRICE_DOWN.rowtime) AS bottom, FINAL COUNT(A.x) AS "
      "n "
      "ONE ROW PER MATCH AFTER MATCH SKIP TO LAST PRICE_UP PATTERN (START_ROW PRICE_DOWN+ "
      "PRICE_UP) "
      "WITHIN INTERVAL '1' HOUR DEFINE PRICE_DOWN AS price < LAST(price, 1)) AS MR",
      "SELECT T.aid FROM e MATCH_RECOGNIZE (ORDER BY proctime MEASURES A.id AS aid PATTERN (A B* "
      "C? "
      "D{2} E{2,} F{2,3} G{,4} H*? I+? J?? ) DEFINE A AS TRUE) AS T",
      "SELECT * FROM e MATCH_RECOGNIZE (ORDER BY ts ALL ROWS PER MATCH AFTER MATCH SKIP PAST LAST "
      "ROW PATTERN ((A | B C)+ (D E){2} {- F -} PERMUTE(G, H)) SUBSET S = (A, B) DEFINE A AS x > "
      "1, "
      "B AS y)",
      "SELECT * FROM e MATCH_RECOGNIZE (ORDER BY ts AFTER MATCH SKIP TO NEXT ROW PATTERN ((A+)* B) "
      "DEFINE A AS TRUE)",
      "SELECT * FROM e MATCH_RECOGNIZE (AFTER MATCH SKIP TO A PATTERN (A | B) DEFINE A AS TRUE)",
      "SELECT * FROM e MATCH_RECOGNIZE (AFTER MATCH SKIP TO FIRST A PATTERN (A) DEFINE A AS TRUE)",
  });
}

BOOST_AUTO_TEST_CASE(DataAndSession) {
  CheckForms({
      "INSERT INTO t SELECT * FROM s",
      "EXECUTE INSERT INTO a.b.t (x, y) VALUES (1, 2), (3, 4)",
      "INSERT OVERWRITE t PARTITION (d = '2024', h) SELECT a FROM s",
      "INSERT INTO t /*+ OPTIONS('sink.parallelism'='2') */ SELECT a FROM s",
      "INSERT INTO t SELECT a FROM s ON CONFLICT DO DEDUPLICATE",
      "INSERT INTO t (partition, offset) (SELECT a, b FROM s)",
      "EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT 1; INSERT INTO b SELECT 2; END",
      "BEGIN STATEMENT SET; INSERT INTO a SELECT 1; INSERT INTO b SELECT end FROM c; END",
      "UPDATE t SET a = 1, b = b + 1 WHERE k = 3",
      "UPDATE t AS x SET a = 1",
      "DELETE FROM t WHERE a IN (SELECT b FROM s)",
      "TRUNCATE TABLE t",
      "EXPLAIN SELECT 1",
      "EXPLAIN PLAN FOR SELECT 1",
      "EXPLAIN ESTIMATED_COST, CHANGELOG_MODE INSERT INTO t SELECT 1",
      "EXPLAIN (CHANGELOG_MODE, JSON_EXECUTION_PLAN, PLAN_ADVICE) SELECT 1",
      "EXPLAIN (SELECT 1)",
      "EXPLAIN STATEMENT SET BEGIN INSERT INTO a SELECT 1; END",
      "EXPLAIN REPLACE MATERIALIZED VIEW mv AS SELECT 1",
      "EXPLAIN CREATE MATERIALIZED VIEW mv AS SELECT 1",
      "DESCRIBE t",
      "DESC EXTENDED a.b.t",
      "DESCRIBE CATALOG EXTENDED c",
      "DESCRIBE DATABASE d",
      "DESCRIBE FUNCTION EXTENDED f",
      "DESCRIBE JOB 'x1'",
      "SHOW TABLES",
      "SHOW TABLES FROM cat.db NOT LIKE 'a%'",
      "SHOW VIEWS IN db ILIKE 'x'",
      "SHOW MATERIALIZED VIEWS",
      "SHOW MATERIALIZED TABLES",
      "SHOW CATALOGS",
      "SHOW DATABASES",
      "SHOW USER FUNCTIONS",
      "SHOW FUNCTIONS LIKE 'a'",
      "SHOW PROCEDURES",
      "SHOW FULL MODULES",
      "SHOW MODULES",
      "SHOW MODELS",
      "SHOW JARS",
      "SHOW JOBS",
      "SHOW TOPICS WITH ('properties.bootstrap.servers' = 'h:9092')",
      "SHOW CURRENT CATALOG",
      "SHOW CURRENT DATABASE",
      "SHOW CREATE TABLE t",
      "SHOW CREATE OR ALTER MATERIALIZED TABLE t",
      "SHOW CREATE CATALOG c",
      "SHOW COLUMNS FROM t NOT LIKE 'p'",
      "SHOW PARTITIONS t PARTITION (a = 1)",
      "USE CATALOG c",
      "USE c.d",
      "USE MODULES a, b",
      "SET",
      "SET 'k' = 'v'",
      "SET k.l = v",
      "RESET",
      "RESET 'k'",
      "STOP JOB 'x' WITH SAVEPOINT WITH DRAIN",
      "PAUSE ALL",
      "RESUME q",
      "TERMINATE 'q-1'",
      "FLUSH",
      "PRINT 'topic' FROM BEGINNING INTERVAL 2 LIMIT 10",
      "PRINT 'topic' WITH ('properties.bootstrap.servers' = 'h:9092')",
      "SUBSCRIBE t",
      "SUBSCRIBE TO (SELECT a FROM t) ENVELOPE UPSERT (KEY (a, b)) WITH (SNAPSHOT = true, PROGRESS "
      "= "
      "false) AS OF AT LEAST 100 UP TO 200",
      "SUBSCRIBE mv ENVELOPE DEBEZIUM (KEY (a))",
      "SUBSCRIBE mv WITHIN TIMESTAMP ORDER BY a, mz_diff DESC",
      "SUBSCRIBE mv AS OF 5",
      "DECLARE cur SUBSCRIPTION CURSOR FOR sub FULL",
      "DECLARE cur SUBSCRIPTION CURSOR FOR sub SINCE now()",
      "FETCH NEXT FROM cur",
      "FETCH 10 FROM cur WITH (timeout = '1s')",
      "CLOSE cur",
      "CALL sys.proc(1, 'x')",
      "ANALYZE TABLE t COMPUTE STATISTICS",
      "ADD JAR '/x.jar'",
      "REMOVE JAR '/x.jar'",
      "LOAD MODULE m WITH ('a'='b')",
      "UNLOAD MODULE m",
      "COMPILE PLAN '/p' IF NOT EXISTS FOR INSERT INTO t SELECT 1",
      "EXECUTE PLAN '/p'",
      "DEFINE v = 'x'",
      "ASSERT TOPIC x",
  });
}

BOOST_AUTO_TEST_CASE(Expressions) {
  for (const std::string_view sql : {
           "a + b * -c / 2 % 3 - +d || 'x'",
           "(a + b) * (c - (d - e))",
           "-(-a) - -1",
           "a::INT::STRING",
           "NOT a AND NOT (b OR c) AND d IS NOT NULL",
           "a = b IS TRUE",
           "(a IS UNKNOWN) = (b = c)",
           "x IS NOT DISTINCT FROM y",
           "x IS DISTINCT FROM y + 1",
           "x NOT BETWEEN SYMMETRIC 1 AND 2 + 3",
           "x BETWEEN ASYMMETRIC 1 AND 2 AND y",
           "a LIKE 'x!%' ESCAPE '!'",
           "a NOT SIMILAR TO 'b'",
           "a ILIKE 'x'",
           "a IN (1, 2, 3)",
           "a NOT IN (SELECT b FROM t)",
           "(a, b) IN (SELECT c, d FROM t)",
           "EXISTS (SELECT 1) AND NOT EXISTS (SELECT 2)",
           "a > ALL (SELECT b FROM t)",
           "a = ANY (SELECT b FROM t)",
           "a <> SOME (SELECT 1)",
           "(SELECT MAX(a) FROM t) + 1",
           "CASE a WHEN 1 THEN 'x' WHEN 2 THEN 'y' ELSE 'z' END",
           "CASE WHEN a THEN CASE WHEN end THEN end ELSE b END ELSE end END",
           "CAST(a AS DECIMAL(10, 2))",
           "TRY_CAST(a AS ROW<x INT, y ARRAY<STRING NOT NULL>>)",
           "CAST(NULL AS TIMESTAMP_LTZ(3))",
           "DATE '2024-01-01'",
           "TIME '10:00:00'",
           "TIMESTAMP '2024-01-01 00:00:00.123'",
           "TIMESTAMP WITH LOCAL TIME ZONE '2024-01-01 00:00:00'",
           "INTERVAL '10 00:00:00.004' DAY TO SECOND",
           "INTERVAL '2-10' YEAR TO MONTH",
           "INTERVAL -'1' DAYS",
           "INTERVAL '1' SECOND(3)",
           "INTERVAL '100' DAY(3) TO SECOND(6)",
           "INTERVAL '5 minutes'",
           "X'45F0'",
           "U&'\\0041\\+01F600'",
           "'it''s'",
           "1.5e-3",
           ".5",
           "1.",
           "EXTRACT(DAY FROM ts)",
           "EXTRACT(EPOCH FROM ts)",
           "FLOOR(ts TO HOUR)",
           "CEIL(ts TO DAY)",
           "FLOOR(1.5)",
           "TRIM(BOTH 'x' FROM s)",
           "TRIM(s)",
           "TRIM('x' FROM s)",
           "TRIM(LEADING FROM s)",
           "SUBSTRING(s FROM 2 FOR 3)",
           "SUBSTRING(s, 2)",
           "POSITION('a' IN s)",
           "OVERLAY(s PLACING 'x' FROM 2 FOR 3)",
           "TIMESTAMPADD(DAY, 1, ts)",
           "TIMESTAMPDIFF(SQL_TSI_MINUTE, a, b)",
           "CURRENT_TIMESTAMP - ts",
           "current_date",
           "LOCALTIME",
           "COUNT(*)",
           "COUNT(DISTINCT a) FILTER (WHERE b > 1)",
           "SUM(ALL x)",
           "LISTAGG(a, ',') WITHIN GROUP (ORDER BY b DESC)",
           "ARRAY_AGG(a ORDER BY b)",
           "IF(a, 1, 2)",
           "LEFT(s, 2) || RIGHT(s, 1)",
           "REPLACE(a, b, c)",
           "TRUNCATE(1.5, 0)",
           "YEAR(ts) + month(ts)",
           "f(a => 1, b => 'x')",
           "cat.db.f(1)",
           "ROW(1, 'x')",
           "(1, 'x')",
           "ARRAY[1, 2][1]",
           "MAP['a', 1]['a']",
           "t.arr[1].f.g",
           "f(x).y",
           "(r).f",
           "a[1][2]",
           "ROW(1)",
           "ARRAY[]",
           "(a, b) OVERLAPS (c, d)",
           "x IS JSON",
           "x IS NOT JSON OBJECT",
           "x IS JSON VALUE",
           "JSON_VALUE(x, '$.a' RETURNING INT DEFAULT 3 ON EMPTY ERROR ON ERROR)",
           "JSON_VALUE(x, 'lax $.a' NULL ON EMPTY)",
           "JSON_EXISTS(x, '$.a' TRUE ON ERROR)",
           "JSON_QUERY(x, '$.a' RETURNING ARRAY<STRING> WITH CONDITIONAL ARRAY WRAPPER EMPTY ARRAY "
           "ON EMPTY)",
           "JSON_QUERY(x, '$' WITHOUT ARRAY WRAPPER)",
           "JSON_OBJECT('a' VALUE 1, KEY 'b' VALUE 2 NULL ON NULL)",
           "JSON_OBJECT()",
           "JSON_ARRAY(1, 2 ABSENT ON NULL)",
           "JSON_ARRAY(NULL ON NULL)",
           "JSON_OBJECTAGG(KEY k VALUE v ABSENT ON NULL)",
           "JSON_OBJECT('a' : 1)",
           "$1 + ?",
           "NULL",
           "TRUE AND FALSE",
           "DATE_FORMAT(ts, 'YYYYww')",
           "CONVERT_TZ(CAST(ts AS STRING), zone_column, 'UTC')",
           "date(x)",
           "`select`",
           "interval",
           "DESCRIPTOR(`offset`)",
           "f(key)",
           "f(key + 1, key - 1, key => 2)",
           "MAX(value)",
           "JSON_OBJECT(key VALUE value)",
       }) {
    BOOST_TEST_CONTEXT(sql) {
      try {
        const std::string text = ToSql(*ParseExpression(sql));
        BOOST_TEST_CONTEXT(text) { BOOST_TEST(ToSql(*ParseExpression(text)) == text); }
      } catch (const Error& error) {
        BOOST_ERROR(error.message + " | " + error.hint);
      }
    }
  }
}

}  // namespace
}  // namespace millrace
