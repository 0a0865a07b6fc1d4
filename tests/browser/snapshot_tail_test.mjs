// Readers that come at any moment: a snapshot and what follows, reduced as the page does it, is what the service has.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { JobTable } from "../../edge/web/job_table.js";
import { Server, inTime, kDeadlineMs, publish } from "./servers.mjs";

const kJobs = Array.from({ length: 8 }, (_, i) => `job:${i}`);
const kRounds = 150;
const kReaders = 40;

let eventd;
let edge;

before(async () => {
  eventd = await Server.start("milepost-eventd", "127.0.0.1:0");
  edge = await Server.start("milepost-edge", "127.0.0.1:0", `--eventd=${eventd.address}`);
});

after(async () => {
  await edge?.stop("SIGKILL");
  await eventd?.stop("SIGKILL");
});

/** Numbers below `n` that look random and are the same in every run. */
function generator(seed) {
  let x = seed;
  return (n) => {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    return Math.floor((x / 2 ** 32) * n);
  };
}

/** An event of any kind that a worker may send; `attempts` is each job's newest. */
function randomEvent(random, attempts) {
  const job = kJobs[random(kJobs.length)];
  const step = `s${random(4)}`;
  const kinds = [
    { status: { state: ["QUEUED", "RUNNING", "WAITING"][random(3)], message: `m${random(9)}`, title: `T${random(3)}`, labels: { [`l${random(3)}`]: "x" } } },
    { status: { steps: [{ id: "s0", title: "First" }, { id: "s1", weight: 3 }, { id: `s${2 + random(2)}` }].slice(random(2)) } },
    { step: { id: step, state: ["STARTED", "DONE", "SKIPPED", "CACHED", "FAILED"][random(5)], message: "s" } },
    { progress: { step, done: random(10), total: 10, message: `p${random(9)}` } },
    { progress: { step, fraction: random(100) / 100 } },
    { notice: { severity: ["INFO", "WARNING", "ERROR"][random(3)], text: "n" } },
    { output: { line: { text: `line ${random(99)}` } } },
    { output: { artifact: { name: `a${random(3)}`, uri: `http://x/${random(9)}` } } },
    { failed: { code: "PROVIDER", message: "again", retryable: true } },
    { cancelled: { reason: "enough" } },
  ];
  const event = { job, attempt: attempts[job], resources: ["user:1"], metadata: { [`k${random(3)}`]: random(9) }, ...kinds[random(kinds.length)] };
  if (event.failed || event.cancelled) attempts[job] += 1;
  return event;
}

/** Reads the stream into a table until `signal`; the page's part without a page. */
async function read(table, signal) {
  const answer = await fetch(`http://${edge.address}/v1/events?resources=user:1`, { signal });
  let rest = "";
  for await (const text of answer.body.pipeThrough(new TextDecoderStream())) {
    const frames = (rest + text).split("\n\n");
    rest = frames.pop();
    for (const frame of frames) {
      const field = (name) => frame.split("\n").find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
      if (!field("data")) continue;
      const data = JSON.parse(field("data"));
      if (data.type === "snapshot") {
        table.replace(data.jobs);
      } else if (field("id")) {
        table.apply(data);
      }
    }
  }
}

test("every reader ends with the service's states", { timeout: 4 * kDeadlineMs }, async (t) => {
  const random = generator(20261121);
  const attempts = Object.fromEntries(kJobs.map((job) => [job, 1]));
  const stop = new AbortController();
  t.after(() => stop.abort());
  const readers = [];
  for (let round = 0; round < kRounds; round++) {
    await publish(edge, ...Array.from({ length: 1 + random(8) }, () => randomEvent(random, attempts)));
    if (readers.length >= kReaders || random(2) === 0) continue;
    const table = new JobTable();
    readers.push(table);
    read(table, stop.signal).catch((error) => assert.equal(error.name, "AbortError"));
  }
  const states = [];
  for (const job of kJobs) states.push(await (await fetch(`http://${edge.address}/v1/jobs/${job}`)).json());
  const seqs = new Map(states.map(({ job, cursor }) => [job, Number(cursor.split("-")[1])]));
  const caughtUp = (table) => kJobs.every((job) => table.jobs.get(job)?.seq === seqs.get(job));
  await inTime((async () => {
    while (!readers.every(caughtUp)) await new Promise((resolve) => setImmediate(resolve));
  })(), "the readers");
  assert.equal(readers.length, kReaders);
  for (const table of readers) {
    for (const { cursor, ...state } of states) {
      const { cursor: snapshotAt, ...known } = table.jobs.get(state.job).state;
      assert.deepEqual(known, state);
    }
  }
});
