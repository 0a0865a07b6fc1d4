// Pictures of a page, compared with those that are kept in tests/golden/web.
//
// MILEPOST_UPDATE_GOLDEN=1 writes them anew; look at them before keeping them. Those that another major version of Chromium drew
// (tests/golden/web/chromium) are not compared, which is told as skipped.
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { kChromiumVersion, kPictures } from "./chromium.mjs";
import { kRoot, tool } from "./tools.mjs";

const kGolden = path.join(kRoot, "tests/golden/web");
const kDiffering = 0.004; // The share of pixels that may differ: another build of Chromium draws edges a little differently.
const kColourStep = 8;
const kThreshold = 0.2; // How far a colour may be off, from 0 to 1.

const { PNG } = (await tool("pngjs")).default;
const { default: pixelmatch } = await tool("pixelmatch");

const kDrawnBy = path.join(kGolden, "chromium");
const drawnBy = existsSync(kDrawnBy) ? readFileSync(kDrawnBy, "utf8").trim() : "";
const kComparable = drawnBy === kChromiumVersion;
if (!kComparable && !process.env.MILEPOST_UPDATE_GOLDEN) {
  console.log(`SKIPPED comparing pictures: Chromium ${drawnBy} drew those that are kept, and this is ${kChromiumVersion}`);
}

/** Fails if `png` (bytes) is not the kept picture `name`; both and their difference then lie in build/browser. */
export function compare(name, png) {
  const kept = path.join(kGolden, `${name}.png`);
  const seen = PNG.sync.read(png);
  writeFileSync(path.join(kPictures, `${name}.png`), png);
  if (process.env.MILEPOST_UPDATE_GOLDEN) {
    mkdirSync(kGolden, { recursive: true });
    writeFileSync(kDrawnBy, `${kChromiumVersion}\n`);
    // Fewer colours make a smaller file; what is lost is far below the threshold.
    for (let i = 0; i < seen.data.length; i++) seen.data[i] = Math.min(255, kColourStep * Math.round(seen.data[i] / kColourStep));
    writeFileSync(kept, PNG.sync.write(seen, { colorType: 2, deflateLevel: 9, deflateStrategy: 0, filterType: 0 }));
    return;
  }
  assert.ok(existsSync(kept), `there is no ${kept}; make it with MILEPOST_UPDATE_GOLDEN=1 and look at it`);
  if (!kComparable) return;
  const wanted = PNG.sync.read(readFileSync(kept));
  assert.deepEqual([seen.width, seen.height], [wanted.width, wanted.height], `${name}: its size`);
  const difference = new PNG({ width: seen.width, height: seen.height });
  const count = pixelmatch(wanted.data, seen.data, difference.data, seen.width, seen.height, { threshold: kThreshold });
  const share = count / (seen.width * seen.height);
  if (share > kDiffering) writeFileSync(path.join(kPictures, `${name}.difference.png`), PNG.sync.write(difference));
  assert.ok(share <= kDiffering, `${name}: ${(100 * share).toFixed(2)} % of the pixels differ; see build/browser/${name}.difference.png`);
}
