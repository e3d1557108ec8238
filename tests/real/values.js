// Values, expressions, buffers and workers of node.
const { Worker, isMainThread, parentPort, workerData } = require("worker_threads");
const crypto = require("crypto");
const zlib = require("zlib");

const digest = (value) =>
  crypto.createHash("sha256").update(JSON.stringify(value)).digest("hex");
const records = (from, count) =>
  Array.from({ length: count }, (_, i) => ({ id: from + i, name: `item ${from + i}` }));

if (!isMainThread) {
  parentPort.postMessage(digest(records(workerData.from, workerData.count)));
} else {
  const work = Number(process.argv[2]);
  const all = records(0, work * 10);
  const text = JSON.stringify(all);
  console.log(text.length, digest(JSON.parse(text)));
  console.log((text.match(/"item (\d*7)"/g) || []).length);
  const squeezed = zlib.brotliCompressSync(zlib.gzipSync(text));
  console.log(zlib.gunzipSync(zlib.brotliDecompressSync(squeezed)).toString() === text);
  const buffers = Array.from({ length: work }, (_, i) => Buffer.alloc(i * 10, i));
  console.log(Buffer.concat(buffers).reduce((sum, byte) => sum + byte, 0));
  const start = (from) =>
    new Promise((resolve, reject) => {
      const worker = new Worker(__filename, { workerData: { from, count: work } });
      worker.on("message", resolve);
      worker.on("error", reject);
    });
  Promise.all([0, 100, 200].map(start)).then((digests) => console.log(digests));
}
