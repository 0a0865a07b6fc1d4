// The hooks' types: strict, and as an application sees them.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import path from "node:path";
import { test } from "node:test";
import { kModules, kRoot, tool } from "./tools.mjs";

await tool("typescript");

test("the compiler finds nothing", () => {
  const { stdout, status } = spawnSync(process.execPath, [path.join(kModules, "typescript/bin/tsc"), "-p", path.join(kRoot, "tests/browser")], { encoding: "utf8" });
  assert.equal(stdout, "");
  assert.equal(status, 0);
});
