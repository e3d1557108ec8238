# A history in git: commits, a merge, packing, checking, cloning.
set -eu
work=$1
export GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@example.org
export GIT_COMMITTER_NAME=C GIT_COMMITTER_EMAIL=c@example.org
export GIT_AUTHOR_DATE='1000000000 +0000' GIT_COMMITTER_DATE='1000000000 +0000'

git init -q -b main home
cd home
git config pack.threads 1
git config gc.auto 0
i=0
while [ $i -lt "$work" ]; do
    i=$((i + 1))
    mkdir -p "d$((i % 5))"
    seq $i $((i * 40)) >"d$((i % 5))/file$((i % 7)).txt"
    git add -A
    git commit -q -m "step $i"
done
git checkout -q -b side HEAD~2
echo side >side.txt
git add side.txt
git commit -q -m side
git checkout -q main
git merge -q --no-edit side
git tag -a -m 'a tag' v1

git log --graph --stat --format='%H %an %s' | cat
git diff --stat HEAD~3 HEAD | cat
git blame d1/file1.txt | tail -n 3
git grep -c 39 | sort
git gc -q --prune=now
git count-objects -v | grep -E '^(count|in-pack|packs)'
git fsck --full --strict
git verify-pack -v .git/objects/pack/*.idx | tail -n 3
cd ..
git clone -q --no-local home copy
git -C copy rev-parse HEAD v1
git -C copy archive HEAD | cksum
