# Three hundred short processes.
i=0
while [ $i -lt 100 ]; do
    /bin/true
    /bin/expr $i + 1 >/dev/null
    /usr/bin/env printf '%s' x >/dev/null
    i=$((i + 1))
done
