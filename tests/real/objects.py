"""Objects, expressions, threads and processes of python."""
import collections
import hashlib
import json
import multiprocessing
import re
import sys
import threading
import zlib

work = int(sys.argv[1])


def record(i):
    return {"id": i, "name": f"item {i}", "parts": list(range(i % 17)), "ratio": i / 7}


def digest(values):
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def in_a_process(start):
    return digest([record(i) for i in range(start, start + work)])


def main():
    records = [record(i) for i in range(work * 10)]
    text = json.dumps(records)
    assert json.loads(text) == records
    print(len(text), digest(records))

    names = collections.Counter(m.group(1)[-1] for m in re.finditer(r'"name": "item (\d+)"', text))
    print(sorted(names.items()))
    print(len(zlib.decompress(zlib.compress(text.encode(), 9))))

    results = {}

    def in_a_thread(number):
        values = [record(i * number) for i in range(work)]
        results[number] = digest(values)

    threads = [threading.Thread(target=in_a_thread, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(sorted(results.items()))

    with multiprocessing.get_context("fork").Pool(3) as pool:
        print(pool.map(in_a_process, range(0, 400, 100)))
        pool.close()
        pool.join()
    print(2 ** (work * 8) % 1000007, len(str(3 ** (work * 4))))


main()
