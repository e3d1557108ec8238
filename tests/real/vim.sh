# vim edits a file by a script: substitutions, registers, undo, sorting, regions.
set -eu
work=$1

seq 1 "$work" | sed 's/.*/line & of the text, (nested (words) here)/' >text
cat >edit.vim <<'END'
set nomore noswapfile
%s/\v(line) (\d+)/\=submatch(2) * 3 . ' ' . submatch(1)/
g/7 line/normal! ddp
5,50sort! n
normal! ggVGy
normal! Gp
undo
redo
1,20join
let list = map(range(200), 'v:val * v:val')
call append('$', string(list))
call append(0, split(repeat('word ', 300)))
call setline(1, substitute(getline(1), 'w', 'W', ''))
syntax on
normal! gg=G
write! out
quit!
END
vim -u NONE -i NONE -n -es -S edit.vim text
cksum out
