// What a connection and a job cost in memory, and that nothing stays behind. Run with --expose-gc.
import assert from "node:assert/strict";
import { test } from "node:test";
import { connect } from "../../../../clients/web/milepost.js";
import { FakeWorld, kBegin, settle, snapshotOf } from "./fake_world.mjs";

// What is to be reached, and how far from it is too far; Node.js' own streams and signals count as well.
const kConnectionBytes = 5 * 1024;
const kJobBytes = 2 * 1024; // Its state included.
const kSlack = 1.25;

async function heap() {
  for (let i = 0; i < 3; i++) {
    await settle();
    globalThis.gc();
  }
  return process.memoryUsage().heapUsed;
}

const state = (job) => ({
  job, kind: "job", state: "RUNNING", attempt: 1, overall: 0.5, step: "b", message: "frame 96 of 240", cursor: "abcd1234-5",
  steps: [{ id: "a", state: "DONE", fraction: 1 }, { id: "b", state: "STARTED", fraction: 0.4 }, { id: "c" }],
  createTime: "2026-01-01T00:00:00Z", startTime: "2026-01-01T00:00:00Z", updateTime: "2026-01-01T00:00:00Z", eta: "41s",
});

async function live(world, client, jobs) {
  const ends = jobs.map((job) => client.job(job).subscribe(() => {}));
  await world.clock.advance(0);
  const stream = await (await world.next()).open();
  for (const job of jobs) await stream.frame("snapshot", JSON.stringify(snapshotOf(job, 5, [state(job)])), "abcd1234-5");
  return { stream, ends };
}

test("a job", { timeout: 60_000 }, async (t) => {
  const world = new FakeWorld();
  const client = connect({ url: "http://edge", clock: world.clock, fetch: world.fetch });
  t.after(() => client.close());
  const { stream } = await live(world, client, ["job:first"]);
  stream.end();
  const second = connect({ url: "http://other", clock: world.clock, fetch: world.fetch });
  t.after(() => second.close());
  const jobs = Array.from({ length: 500 }, (_, i) => `job:${i}`);
  const before = await heap();
  world.asked.length = 0;
  const kept = await live(world, second, jobs);
  const bytes = ((await heap()) - before) / jobs.length;
  assert.equal(second.job("job:499").get().overall, 0.5);
  t.diagnostic(`${Math.round(bytes)} bytes for a job that is shown; to reach: ${kJobBytes}`);
  assert.ok(bytes <= kSlack * kJobBytes, `${bytes} bytes`);
  for (const end of kept.ends) end();
});

test("a client with its connection", { timeout: 60_000 }, async (t) => {
  const world = new FakeWorld();
  const make = (i) => connect({ url: `http://edge${i}`, clock: world.clock, fetch: () => new Promise(() => {}) });
  for (let i = 0; i < 20; i++) make(`warm${i}`).close();
  const before = await heap();
  const clients = Array.from({ length: 200 }, (_, i) => make(i));
  for (const client of clients) client.job("job:1").subscribe(() => {});
  await world.clock.advance(1);
  const bytes = ((await heap()) - before) / clients.length;
  t.diagnostic(`${Math.round(bytes)} bytes for a client, its connection and one job; to reach: ${kConnectionBytes + kJobBytes}`);
  for (const client of clients) client.close();
  assert.ok(bytes <= kSlack * (kConnectionBytes + kJobBytes), `${bytes} bytes`);
});

test("20,000 events and 2,000 subscriptions leave nothing behind", { timeout: 60_000 }, async (t) => {
  const world = new FakeWorld();
  const client = connect({ url: "http://edge", clock: world.clock, fetch: world.fetch });
  t.after(() => client.close());
  const { stream } = await live(world, client, ["job:1"]);
  let seq = 5;
  const round = async () => {
    for (let i = 0; i < 10; i++) {
      let text = "";
      for (let k = 0; k < 200; k++) {
        seq++;
        const event = { job: "job:1", seq: String(seq), commitTime: new Date(kBegin).toISOString(), output: { line: { text: `line ${seq}` } } };
        text += `id: abcd1234-${seq}\nevent: output\ndata: ${JSON.stringify(event)}\n\n`;
      }
      await stream.write(text);
      for (let k = 0; k < 20; k++) client.job(`job:gone${seq}-${k}`).subscribe(() => {})();
      await world.clock.advance(1);
    }
  };
  await round();
  const before = await heap();
  for (let i = 0; i < 10; i++) await round();
  const grown = (await heap()) - before;
  assert.equal(client.job("job:1").get().outputTail.at(-1), `line ${seq}`);
  t.diagnostic(`${Math.round(grown / 1024)} KiB more after ${seq} events`);
  assert.ok(grown < 256 * 1024, `${grown} bytes`);
});
