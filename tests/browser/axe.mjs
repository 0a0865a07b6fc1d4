// What axe-core finds on a page.
import assert from "node:assert/strict";
import { tool } from "./tools.mjs";

const kAxe = (await tool("axe-core")).default.source;

/** Fails if axe finds anything. It is run by the driver, past the page's own policy. */
export async function findsNothing(page, what) {
  const { violations } = await page.evaluate(`${kAxe}; axe.run(document, { resultTypes: ["violations"] })`);
  const told = violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ target, any }) => `${target} ${any[0]?.message ?? ""}`).slice(0, 3).join("; ")}`);
  assert.deepEqual(told, [], what);
}
