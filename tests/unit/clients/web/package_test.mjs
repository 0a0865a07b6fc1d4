// The package as a whole: types, style, size, and what `npm pack` puts into it.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { kModules, kRoot, skip } from "../../../browser/tools.mjs";

const kPackage = path.join(kRoot, "clients/web");
const kCoreBytes = 13_100; // All that milepost.js loads, minified and compressed.
const kPrograms = { tsc: "typescript/bin/tsc", eslint: "eslint/bin/eslint.js", esbuild: "esbuild/bin/esbuild" };
const bin = (name) => path.join(kModules, kPrograms[name]);
for (const name of Object.keys(kPrograms)) if (!existsSync(bin(name))) skip(`there is no ${name}; run tools/setup browser`);

function run(program, ...args) {
  const { status, stdout, stderr } = spawnSync(program, args, { cwd: kPackage, encoding: "utf8" });
  assert.equal(status, 0, stdout + stderr);
  return stdout;
}

/** A copy of the package to build in. */
function copyOfPackage(t) {
  const copy = mkdtempSync(path.join(os.tmpdir(), "milepost-pack-"));
  t.after(() => rmSync(copy, { recursive: true, force: true }));
  cpSync(kPackage, copy, { recursive: true });
  symlinkSync(kModules, path.join(copy, "node_modules")); // The types of its peers.
  return copy;
}

test("tsc --strict --checkJs finds nothing", () => {
  run(bin("tsc"), "-p", "tsconfig.json");
  const { strict, checkJs } = JSON.parse(readFileSync(path.join(kPackage, "tsconfig.json"))).compilerOptions;
  assert.deepEqual([strict, checkJs], [true, true]);
});

test("ESLint finds nothing, no console among it", () => {
  run(bin("eslint"), "-c", path.join(kPackage, "eslint.config.js"), "--max-warnings=0", ".");
});

test("files of the client stay below 400 lines", () => {
  for (const file of readdirSync(kPackage).filter((name) => name.endsWith(".js"))) {
    assert.ok(readFileSync(path.join(kPackage, file), "utf8").split("\n").length < 400, file);
  }
});

/** The files that a browser loads for `entry`. */
function loadedBy(entry, seen = new Set()) {
  if (seen.has(entry)) return seen;
  seen.add(entry);
  const text = readFileSync(entry, "utf8");
  for (const [, next] of text.matchAll(/^(?:import|export) [^;]*?from "(\..*?)";/gms)) loadedBy(path.join(path.dirname(entry), next), seen);
  return seen;
}

test("the core is small, and needs nothing but itself", () => {
  const files = [...loadedBy(path.join(kPackage, "milepost.js"))];
  assert.ok(files.every((file) => path.dirname(file) === kPackage), files.join(" "));
  for (const file of files) assert.doesNotMatch(readFileSync(file, "utf8"), /^import [^;]*from "[^.]/m, file);
  const bundle = execFileSync(bin("esbuild"), ["--bundle", "--minify", "--format=esm", path.join(kPackage, "milepost.js")]);
  const bytes = gzipSync(bundle, { level: 9 }).length;
  console.log(`# core: ${files.length} files, ${bytes} bytes minified, gzip -9`);
  assert.ok(bytes <= kCoreBytes, `${bytes} bytes`);
});

test("npm pack makes the types, without any `any`, and packs nothing else", (t) => {
  const copy = copyOfPackage(t);
  const env = { ...process.env, PATH: `${path.join(kModules, ".bin")}:${process.env.PATH}` };
  const listed = execFileSync("npm", ["pack", "--json", "--offline", "--loglevel=error"], { cwd: copy, env, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  const files = JSON.parse(listed.slice(listed.indexOf("[\n")))[0].files.map((file) => file.path);
  for (const wanted of ["milepost.js", "README.md", "package.json", "types/milepost.d.ts", "types/types.d.ts"]) assert.ok(files.includes(wanted), wanted);
  assert.deepEqual(files.filter((file) => !/^(elements\/|react\/)?([a-z_]+\.js|README\.md)$|^types\/.*\.d\.ts$|^package\.json$/.test(file)), []);
  for (const file of files.filter((name) => name.endsWith(".d.ts") && !/elements|react/.test(name))) {
    const text = readFileSync(path.join(copy, file), "utf8").replace(/\/\*[\s\S]*?\*\//g, "");
    assert.doesNotMatch(text, /\bany\b/, file);
  }
});

test("the types tell events apart by their name", (t) => {
  const copy = copyOfPackage(t);
  run(bin("tsc"), "-p", path.join(copy, "tsconfig.pack.json"));
  const sources = {
    good: `
      for await (const frame of client.watch("job:1")) {
        if (frame.type === "step-progress") { const f: number | undefined = frame.data.progress.fraction; f; }
        if (frame.type === "snapshot") { const j: string = frame.data.jobs[0].job; j; }
      }
      client.on("job-failed", ({ failed }) => { const code: string | undefined = failed.code; code; });
      client.on("avatar-picked", ({ custom }) => { const name: string = custom.name; name; });
      client.on("state", ({ state }) => { const live: boolean = state === "live"; live; });
      const state = client.job("job:1").get();
      if (state?.state === "COMPLETED") state.artifacts?.map(({ uri }) => uri);
      const requests: number = client.stats().requests.sse; requests;`,
    wrongevent: 'client.on("job-failed", ({ completed }) => completed);',
    wrongstate: 'client.job("job:1").get()?.state === "DONE";',
  };
  const begin = 'import { connect } from "./milepost.js";\nconst client = connect({ url: "http://x" });\n';
  for (const [name, code] of Object.entries(sources)) writeFileSync(path.join(copy, "types", `${name}.ts`), begin + code);
  const options = { strict: true, noEmit: true, skipLibCheck: true, target: "es2022", module: "nodenext", lib: ["es2023", "dom"], types: [] };
  const config = { compilerOptions: options, files: Object.keys(sources).map((name) => `types/${name}.ts`) };
  writeFileSync(path.join(copy, "use.json"), JSON.stringify(config));
  const { stdout } = spawnSync(bin("tsc"), ["-p", path.join(copy, "use.json")], { encoding: "utf8" });
  assert.doesNotMatch(stdout, /good\.ts/, stdout);
  assert.match(stdout, /wrongevent\.ts.*completed/);
  assert.match(stdout, /wrongstate\.ts.*DONE/);
});
