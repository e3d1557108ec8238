# Tables, indexes, joins and text search in sqlite, in a file and in memory.
set -eu
work=$1

sqlite3 data.db <<END
PRAGMA journal_mode = WAL;
CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT, part INTEGER, value REAL);
CREATE TABLE part (id INTEGER PRIMARY KEY, title TEXT UNIQUE);
BEGIN;
INSERT INTO part WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 100)
    SELECT i, 'part ' || i FROM n;
INSERT INTO item WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < $work)
    SELECT i, 'item ' || (i * 7919 % $work), i % 100 + 1, i / 8.0 FROM n;
COMMIT;
CREATE INDEX by_name ON item (name);
SELECT count(*), sum(value), min(name), max(name) FROM item;
SELECT title, count(*), group_concat(item.id) FROM item JOIN part ON part.id = item.part
    GROUP BY title ORDER BY title LIMIT 7;
SELECT name, row_number() OVER (PARTITION BY part ORDER BY value DESC) AS r FROM item
    ORDER BY r, name LIMIT 9;
UPDATE item SET name = upper(name) WHERE part < 30;
DELETE FROM item WHERE id % 3 = 0;
SELECT count(DISTINCT name) FROM item;
PRAGMA integrity_check;
VACUUM;
END
sqlite3 data.db .dump | cksum
sqlite3 :memory: <<END
.mode csv
CREATE TABLE t (a, b);
INSERT INTO t WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < $work)
    SELECT i, hex(i * 12345) FROM n;
SELECT json_group_array(json_object('a', a, 'b', b)) FROM (SELECT * FROM t LIMIT 20);
SELECT * FROM t ORDER BY b DESC LIMIT 5;
END
sqlite3 data.db 'SELECT no_such_column FROM item' || echo "sqlite3 ends with $?"
