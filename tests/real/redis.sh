# A redis server on a socket of its own: filled, saved in the background by a
# forked child, emptied, and loaded again from what was saved.
set -eu
work=$1
socket=$PWD/socket

start() {
    redis-server --port 0 --unixsocket "$socket" --save '' --dir "$PWD" \
        --enable-debug-command local --loglevel warning >>log 2>&1 &
    server=$!
    trap 'kill -KILL "$server"' EXIT
    until [ -S "$socket" ] && [ "$(ask PING 2>/dev/null)" = PONG ]; do
        kill -0 "$server"
    done
}

ask() {
    redis-cli -s "$socket" "$@"
}

stop() {
    kill -TERM "$server"
    wait "$server"
    trap - EXIT
    echo "the server ends with $?"
}

start
awk -v n="$work" '
    function send(words,   word, count, i) {
        count = split(words, word)
        printf "*%d\r\n", count
        for (i = 1; i <= count; i++) printf "$%d\r\n%s\r\n", length(word[i]), word[i]
    }
    BEGIN {
        for (i = 0; i < n; i++) {
            send("SET key:" i " value" i * 7919)
            send("RPUSH list:" i % 50 " " i)
            send("HSET hash:" i % 20 " field" i " " i / 8)
            send("ZADD order " i * 31 % 1009 " member" i)
            if (i % 5 == 0) send("APPEND key:" i / 5 " and-more-and-more-and-more")
            if (i % 7 == 0) send("DEL key:" i)
        }
    }' | ask --pipe
digest=$(ask DEBUG DIGEST)
echo "$digest"
ask BGSAVE
until ask INFO persistence | grep -q rdb_bgsave_in_progress:0; do
    kill -0 "$server"
done
ask INFO persistence | grep rdb_last_bgsave_status
ask MEMORY PURGE
ask FLUSHALL
ask DBSIZE
stop

start
[ "$(ask DEBUG DIGEST)" = "$digest" ] && echo 'the same data came back'
ask EVAL 'local s = 0; for i = 1, 1000 do s = s + #redis.call("LRANGE", "list:" .. i % 50, 0, -1) end; return s' 0
ask ZRANGE order 0 9 WITHSCORES
stop
