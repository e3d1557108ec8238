"""JSON in, JSON out, with the interpreter's own small-object allocator on."""
import json
import sys

with open(sys.argv[1]) as file:
    text = file.read()
for _ in range(3):
    rows = json.loads(text)
    for row in rows:
        row["tags"] = [tag * 2 for tag in row["tags"]]
    out = json.dumps(rows)
print(len(out))
