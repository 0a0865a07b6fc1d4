// The hooks where a server writes the page: nothing is known, and nothing connects.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { bundle } from "./bundle.mjs";
import { kRoot } from "./tools.mjs";

for (const react of [18, 19]) {
  test(`React ${react} writes a page without a connection`, async (t) => {
    const directory = mkdtempSync(path.join(os.tmpdir(), "milepost-react-"));
    t.after(() => rmSync(directory, { recursive: true }));
    const file = path.join(directory, "page.mjs");
    writeFileSync(file, await bundle(path.join(kRoot, "tests/browser/react_server_page.jsx"), { react, platform: "node" }));
    const { write, writeWithout } = await import(pathToFileURL(file));
    t.mock.method(globalThis, "fetch", () => assert.fail("a server connects"));
    for (const one of [write, writeWithout]) {
      assert.equal(one("job:1"), "<p>true connecting true connecting connecting</p>");
      assert.equal(one(null), "<p>true closed true connecting connecting</p>");
      assert.equal(one("no name"), "<p>true connecting true connecting connecting</p>");
    }
  });
}
