# An nginx of its own on a socket: serves files, compresses one, reloads, stops.
set -eu
work=$1

user=
[ "$(id -u)" -ne 0 ] || user='user root;'
mkdir site
seq 1 "$work" >site/numbers.txt
echo small >site/small.txt
cat >conf <<END
$user
worker_processes 2;
pid $PWD/pid;
error_log $PWD/log warn;
events { worker_connections 64; }
http {
    access_log $PWD/access;
    client_body_temp_path $PWD/t1; proxy_temp_path $PWD/t2; fastcgi_temp_path $PWD/t3;
    uwsgi_temp_path $PWD/t4; scgi_temp_path $PWD/t5;
    types { text/plain txt; }
    gzip on; gzip_types text/plain; gzip_min_length 100;
    server { listen unix:$PWD/socket; root $PWD/site; autoindex on; }
}
END
nginx -p "$PWD" -c "$PWD/conf" -e "$PWD/log" -g 'daemon off;' &
server=$!
trap 'kill "$server"' EXIT

# Asks for a path, with one header line of the caller's.
cat >ask.pl <<'END'
use strict; use IO::Socket::UNIX;
my ($path, $header) = @ARGV;
my $socket;
until ($socket = IO::Socket::UNIX->new("socket")) { kill(0, $ENV{SERVER}) or die "no server" }
print $socket "GET $path HTTP/1.1\r\nHost: here\r\nConnection: close\r\n$header\r\n\r\n";
$socket->flush;
my $answer = join '', <$socket>;
my ($head, $body) = split /\r\n\r\n/, $answer, 2;
print +(split /\r\n/, $head)[0], ' ', length $body, ' ', unpack('%32C*', $body), "\n";
END
export SERVER=$server

perl ask.pl /small.txt 'Accept: text/plain'
perl ask.pl /numbers.txt 'Accept: text/plain'
perl ask.pl /numbers.txt 'Accept-Encoding: gzip'
perl ask.pl /missing 'Accept: text/plain'
i=0
while [ $i -lt 20 ]; do
    i=$((i + 1))
    perl ask.pl /small.txt 'Accept: text/plain'
done | uniq -c
kill -HUP "$server"
perl ask.pl /small.txt 'Accept: text/plain'
kill -QUIT "$server"
wait "$server"
trap - EXIT
echo "the server ends with $?"
cut -d " " -f 3,6-12 log
