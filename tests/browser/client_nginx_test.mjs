// The browser's client in Node.js behind a real nginx that is set up badly.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { connect } from "../../clients/web/milepost.js";
import { Server, inTime, kDeadlineMs, publish } from "./servers.mjs";
import { skip } from "./tools.mjs";
import { freePort } from "./loopback_server.mjs";

const kNginx = "/usr/sbin/nginx";
if (!existsSync(kNginx)) skip("there is no nginx; run tools/setup bench");
const kOptions = { timeout: 2 * kDeadlineMs };
const kSpeed = 20; // So much faster is the client's clock.
const kClock = {
  now: () => kSpeed * Date.now(),
  setTimeout: (run, ms) => setTimeout(run, ms / kSpeed),
  clearTimeout: (timer) => clearTimeout(timer),
};
let eventd;
let edge;
let nginx;
let folder;
let client;

beforeEach(async () => {
  eventd = await Server.start("milepost-eventd", "127.0.0.1:0");
  edge = await Server.start("milepost-edge", "127.0.0.1:0", `--eventd=${eventd.address}`);
  folder = mkdtempSync(path.join(os.tmpdir(), "milepost-nginx-"));
});

afterEach(async () => {
  client?.close();
  if (nginx && nginx.exitCode === null) {
    const ended = once(nginx, "exit");
    nginx.kill("SIGTERM");
    await ended;
  }
  await edge?.stop("SIGKILL");
  await eventd?.stop("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

/** nginx in front of the edge with some lines of its own; its address. */
async function startNginx(lines) {
  const port = await freePort();
  writeFileSync(path.join(folder, "nginx.conf"), `
    daemon off; pid ${folder}/pid; error_log ${folder}/error.log; worker_processes 1;
    events { worker_connections 64; }
    http {
      access_log off; client_body_temp_path ${folder}; proxy_temp_path ${folder}; fastcgi_temp_path ${folder};
      uwsgi_temp_path ${folder}; scgi_temp_path ${folder};
      server {
        listen 127.0.0.1:${port};
        location / { proxy_pass http://${edge.address}; proxy_http_version 1.1; proxy_set_header Connection ""; ${lines} }
      }
    }`);
  nginx = spawn(kNginx, ["-p", folder, "-c", path.join(folder, "nginx.conf")], { stdio: "ignore" });
  const url = `http://127.0.0.1:${port}`;
  await inTime((async () => {
    while (!(await fetch(`${url}/healthz`).then(({ ok }) => ok, () => false))) {
      if (nginx.exitCode !== null) throw new Error(readFileSync(path.join(folder, "error.log"), "utf8"));
    }
  })(), "nginx");
  return url;
}

const progress = (n) => ({ job: "job:1", progress: { step: "a", fraction: n / 1000 } });
const until = (wanted, what) => inTime((async () => {
  while (!wanted()) await new Promise((resolve) => setImmediate(resolve));
})(), what);

function follow(url) {
  client = connect({ url, clock: kClock });
  const seen = [];
  client.on("step-progress", ({ seq }) => seen.push(Number(seq)));
  client.job("job:1").subscribe(() => {});
  return seen;
}

test("one that buffers, and does not care what the edge says about that: polls bring everything", kOptions, async () => {
  const seen = follow(await startNginx("proxy_buffering on; proxy_ignore_headers X-Accel-Buffering; proxy_buffers 8 64k; proxy_buffer_size 64k;"));
  await until(() => client.state === "polling", "polls");
  for (let n = 1; n <= 20; n++) {
    await publish(edge, progress(n));
    await until(() => seen.length === n, `event ${n}`);
  }
  assert.deepEqual(seen, Array.from({ length: 20 }, (_, i) => i + 1));
});

test("one that buffers unless it is told not to: a stream", kOptions, async () => {
  const seen = follow(await startNginx("proxy_buffering on;"));
  await until(() => client.state === "live", "the stream");
  for (let n = 1; n <= 20; n++) {
    await publish(edge, progress(n));
    await until(() => seen.length === n, `event ${n}`);
  }
  assert.equal(client.stats().requests.sse, 1);
});

test("one that cuts every quiet connection: the stream comes back, nothing is lost", kOptions, async () => {
  const seen = follow(await startNginx("proxy_read_timeout 1s;"));
  await until(() => client.state === "live", "the stream");
  for (let n = 1; n <= 5; n++) {
    const cuts = client.reconnectCount;
    await until(() => client.reconnectCount > cuts, "a cut");
    await publish(edge, progress(n));
    await until(() => seen.length === n, `event ${n}`);
  }
  assert.deepEqual(seen, [1, 2, 3, 4, 5]);
  assert.equal(client.stats().requests.poll, 0);
});
