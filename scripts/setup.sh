#!/bin/sh
# Installs what the tests, the demonstration and the benchmarks run:
# the programs that heapmm is preloaded into, and the allocators that it is
# measured against. Does nothing where all of it is there already.
set -eu

# One line a purpose; the names are those of Debian and its relatives.
packages='
gcc g++ make pkg-config libc6-dev binutils gdb strace valgrind
coreutils util-linux bsdextrautils procps time
grep sed mawk gawk findutils diffutils patch bc dc file
tar gzip bzip2 xz-utils zstd zip unzip
bash dash perl python3 ruby php-cli nodejs lua5.4 jq default-jdk-headless
git sqlite3 vim ghostscript
redis-server redis-tools postgresql postgresql-client nginx-light
libjemalloc2 libmimalloc2.0 libtcmalloc-minimal4
'

# Prints the packages that are not installed.
missing() {
    for package in $packages; do
        state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || state=none
        [ "$state" = installed ] || printf '%s\n' "$package"
    done
}

wanted=$(missing)
if [ -z "$wanted" ]; then
    echo "setup: everything is installed"
    exit 0
fi
# shellcheck disable=SC2086 # one word is one package
echo "setup: installing" $wanted

as_root=
[ "$(id -u)" -eq 0 ] || as_root=sudo

# A server that its package starts would be in the way of the tests, which
# start their own. A status of 101 forbids the start. A policy that the machine
# has already is left alone.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
    $as_root chmod 755 "$policy"
    trap '$as_root rm -f "$policy"' EXIT
fi

# Likewise no database cluster is wanted, only the programs.
if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
    $as_root mkdir -p /etc/postgresql-common
    echo 'create_main_cluster = false' |
        $as_root tee /etc/postgresql-common/createcluster.conf >/dev/null
fi

$as_root apt-get -q update
# shellcheck disable=SC2086
$as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get -q -y --no-install-recommends -o Dpkg::Options::=--force-confold install $wanted

left=$(missing)
if [ -n "$left" ]; then
    # shellcheck disable=SC2086
    echo "setup: still missing:" $left >&2
    exit 1
fi
echo "setup: done"
