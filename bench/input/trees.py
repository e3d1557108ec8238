"""Objects that come and go: a word index, small trees, sorting, joined strings."""
import sys


class Node:
    def __init__(self, depth):
        self.left = Node(depth - 1) if depth else None
        self.right = Node(depth - 1) if depth else None

    def count(self):
        return 1 + (self.left.count() + self.right.count() if self.left else 0)


index = {}
with open(sys.argv[1]) as lines:
    for number, line in enumerate(lines):
        for word in line.split():
            index.setdefault(word, []).append((number, word.upper()))
longest = sorted(index.items(), key=lambda entry: (-len(entry[1]), entry[0]))
text = "\n".join(f"{word}: {len(places)}" for word, places in longest)
trees = sum(Node(9).count() for _ in range(60))
print(len(text), trees)
