// Adds up what a first visit downloads, per entry, and fails when a budget is exceeded.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const dist = fileURLToPath(new URL("../dist/", import.meta.url));
const manifest = JSON.parse(readFileSync(`${dist}.vite/manifest.json`, "utf8"));

// The lazy parts that the first screen of an entry asks for at once; of languages the largest.
const entries = [
  { name: "staff, floor board", entry: "index.html", lazy: ["src/floor/page.tsx", "messages/zh-CN/common.json", "messages/zh-CN/staff.json"], budget: 250_000 },
  { name: "customer's page", entry: "tracking.html", lazy: ["messages/zh-CN/common.json", "messages/zh-CN/tracking.json"], budget: 100_000 },
];

let exceeded = false;
for (const { name, entry, lazy, budget } of entries) {
  const files = new Set();
  const styles = new Set();
  (function walk(key) {
    const chunk = manifest[key];
    if (chunk === undefined) throw new Error(`the build has no ${key}`);
    if (files.has(chunk.file)) return;
    files.add(chunk.file);
    for (const style of chunk.css ?? []) styles.add(style);
    for (const next of chunk.imports ?? []) walk(next);
    if (key === entry) lazy.forEach(walk);
  })(entry);
  const size = (names) => [...names].reduce((sum, file) => sum + gzipSync(readFileSync(dist + file)).length, 0);
  const scripts = size(files);
  console.log(`${name}: script ${(scripts / 1000).toFixed(1)} kB gzip of ${budget / 1000}, style ${(size(styles) / 1000).toFixed(1)} kB`);
  if (scripts > budget) exceeded = true;
}
if (exceeded) {
  console.error("a first visit downloads more than its budget");
  process.exit(1);
}
