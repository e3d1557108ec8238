# A real tree goes through tar and each compressor, and comes back the same.
set -eu
tree=$1

tar -C / --sort=name --mtime=@0 -cf tree.tar "$tree"
whole=$(cksum <tree.tar)
for packer in 'gzip -n6' 'bzip2 -1' 'xz -1 -T2' 'zstd -q -T2'; do
    # shellcheck disable=SC2086 # a packer comes with its options
    $packer <tree.tar >tree.packed
    cksum <tree.packed
    [ "$(${packer%% *} -dc <tree.packed | cksum)" = "$whole" ] && echo "$packer: the same"
done
mkdir out
tar -C out -xf tree.tar
diff -r "/$tree" "out/$tree" && echo 'the tree came back'
