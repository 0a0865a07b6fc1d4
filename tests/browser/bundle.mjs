// Bundles a page's script as an application's build does: @milepost/client by its package's exports, React as asked.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { kModules, kRoot, tool } from "./tools.mjs";

const kClient = path.join(kRoot, "clients/web");
const { exports: kExports } = JSON.parse(readFileSync(path.join(kClient, "package.json"), "utf8"));
const kVersions = { 18: "18", 19: "" }; // What the packages' names end in.
const { build } = await tool("esbuild");
await tool("react18");

/**
 * @param {string} file
 * @param {{react?: 18 | 19, platform?: "browser" | "node"}} [options]
 * @returns {Promise<string>} An ES module.
 */
export const bundle = (file, options) => bundled({ entryPoints: [file] }, options);

/** The same of a text. @param {string} contents @param {{react?: 18 | 19}} [options] */
export const bundleText = (contents, options) => bundled({ stdin: { contents, loader: "jsx" } }, options);

async function bundled(input, { react = 19, platform = "browser" } = {}) {
  const { resolve } = createRequire(path.join(kModules, "x.js"));
  const packages = {
    name: "packages",
    setup({ onResolve }) {
      onResolve({ filter: /^@milepost\/client(\/|$)/ }, ({ path: name }) => {
        const target = kExports[`.${name.slice("@milepost/client".length)}`];
        return { path: path.join(kClient, target?.default ?? target) };
      });
      onResolve({ filter: /^react(-dom)?(\/|$)/ }, ({ path: name }) => ({ path: resolve(name.replace(/^react(-dom)?/, `$&${kVersions[react]}`)) }));
    },
  };
  const { outputFiles } = await build({
    ...input, bundle: true, write: false, format: "esm", platform, target: "es2022", jsx: "automatic", jsxDev: false,
    define: { "process.env.NODE_ENV": '"development"' }, plugins: [packages], logLevel: "error",
    ...(platform === "node" ? { banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' } } : {}),
  });
  return outputFiles[0].text;
}
