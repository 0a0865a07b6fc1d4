// Programs and packages that tools/setup installs for tests. A test whose tool is missing is skipped: status 77.
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

export const kRoot = path.join(path.dirname(fileURLToPath(import.meta.url)), "../..");
export const kModules = path.join(process.env.MILEPOST_NODE_MODULES ?? path.join(kRoot, "build/tools/npm/node_modules"));

export function skip(reason) {
  console.log(`SKIPPED ${reason}`);
  process.exit(77);
}

/** The npm package `name`, or the end of the test. */
export async function tool(name) {
  if (!existsSync(path.join(kModules, name))) skip(`there is no ${name}; run tools/setup browser`);
  const module = await import(pathToFileURL(createRequire(path.join(kModules, "x.js")).resolve(name)));
  return { ...module.default, ...module };
}
