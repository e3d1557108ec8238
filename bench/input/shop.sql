-- A shop in memory: inserts, indexes, joins, text, an update and a delete.
CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT, price REAL);
CREATE TABLE sale (id INTEGER PRIMARY KEY, item INTEGER, buyer TEXT, note TEXT);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000)
INSERT INTO item SELECT i, 'item ' || i || hex(i * 7919), i * 0.25 FROM n;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40000)
INSERT INTO sale SELECT i, i * 7919 % 4000 + 1, 'buyer ' || i % 977, printf('%.*c', i % 90, 'n') FROM n;
CREATE INDEX sale_item ON sale(item);
CREATE INDEX sale_buyer ON sale(buyer, note);
SELECT count(*), sum(price) FROM sale JOIN item ON item.id = sale.item WHERE note LIKE '%nnnn%';
SELECT buyer, group_concat(name, ';') FROM sale JOIN item ON item.id = sale.item GROUP BY buyer ORDER BY 2 LIMIT 3;
UPDATE sale SET note = upper(note) || note WHERE id % 3 = 0;
DELETE FROM sale WHERE id % 5 = 0;
SELECT count(DISTINCT note) FROM sale;
