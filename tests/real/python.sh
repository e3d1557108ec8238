# Python with every object on malloc. With little work it keeps arenas of its
# own, since it makes a hundred thousand objects before it comes to the work.
set -eu
work=$1

[ "$work" -lt 100 ] || export PYTHONMALLOC=malloc
exec python3 "$(dirname "$0")/objects.py" "$work"
