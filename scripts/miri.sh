#!/bin/sh
# The heap under Miri: undefined behaviour in the floors os, block, policy and heap. Needs a nightly
# toolchain with the component miri; where there is none, says so and ends.
set -eu
cd "$(dirname "$0")/.."

if ! cargo +nightly miri --version >/dev/null 2>&1; then
    echo "no nightly toolchain with miri here: nothing was checked"
    exit 0
fi
# The drawings and the shadow model; the traces of the oracle would take hours.
MIRIFLAGS="${MIRIFLAGS:--Zmiri-permissive-provenance -Zmiri-ignore-leaks}" \
    cargo +nightly miri test -p heapmm-core heap::tests::segregated_best heap::tests::implicit_first "$@"
