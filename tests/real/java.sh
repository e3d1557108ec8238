# Java compiles a class and runs it. With little work it is compiled without the
# library, since the compiler alone makes a hundred thousand requests.
set -eu
work=$1

source=$(dirname "$0")/Values.java
if [ "$work" -lt 1000 ]; then
    env -u LD_PRELOAD javac -d . "$source"
else
    javac -d . "$source"
fi
exec java -cp . Values "$work"
