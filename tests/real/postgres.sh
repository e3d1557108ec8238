# A postgres cluster of its own, on a socket, under a user who is not root:
# made, started, queried by several sessions, stopped.
set -eu
work=$1

# The server refuses root; another user may not be able to read the library
# where it was built.
if [ "$(id -u)" -eq 0 ]; then
    if [ -n "${LD_PRELOAD-}" ]; then
        cp "$LD_PRELOAD" library.so
        LD_PRELOAD=$PWD/library.so
    fi
    cp "$0" script
    chown nobody .
    exec setpriv --reuid=nobody --regid="$(id -g nobody)" --clear-groups \
        env HOME="$PWD" sh ./script "$work"
fi

ask() {
    psql -X -q -A -t -v ON_ERROR_STOP=1 -h "$PWD" -d postgres "$@"
}

initdb -D data -U "$(id -un)" -A trust -N --no-instructions -E UTF8 --locale=C >log
postgres -D data -k "$PWD" -h '' -F >>log 2>&1 &
server=$!
trap 'kill -QUIT "$server"' EXIT
until pg_isready -q -h "$PWD" -d postgres; do
    kill -0 "$server"
done

ask <<END
CREATE TABLE item AS
    SELECT i AS id, 'item ' || (i * 7919 % $work) AS name, i % 100 AS part, i / 8.0 AS value
    FROM generate_series(1, $work) AS i;
CREATE INDEX by_name ON item (name);
ANALYZE item;
SELECT count(*), sum(value), min(name), max(name) FROM item;
SELECT part, count(*), md5(string_agg(name, ',' ORDER BY id)) FROM item GROUP BY part ORDER BY part LIMIT 5;
SELECT name, rank() OVER (PARTITION BY part ORDER BY value DESC) AS r FROM item ORDER BY r, name LIMIT 5;
SELECT jsonb_agg(item ORDER BY id) FROM item WHERE id < 10;
SELECT count(*) FROM item WHERE name ~ '7\$';
CREATE FUNCTION reckon(n int) RETURNS numeric LANGUAGE plpgsql AS
    'DECLARE s numeric := 1; BEGIN FOR i IN 1..n LOOP s := s * i; END LOOP; RETURN s; END';
SELECT length(reckon(200)::text);
END
sessions=
for part in 1 2 3; do
    ask -c "SELECT count(*), max(name) FROM item WHERE part % 4 = $part" >"part.$part" &
    sessions="$sessions $!"
done
# shellcheck disable=SC2086 # one word is one session
wait $sessions
cat part.1 part.2 part.3
pg_dump -h "$PWD" -t item postgres | grep -v -e '^--' -e '^.*restrict' | cksum
ask -c 'SELECT no_such_column FROM item' 2>&1 || echo "psql ends with $?"

kill -INT "$server"
wait "$server"
trap - EXIT
echo "the server ends with $?"
