// Readers that come at any moment: a snapshot and what follows, reduced as the browser's client does it, is what the service has.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { connect } from "../../clients/web/milepost.js";
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

/** A reader of its own: clients are shared by those with the same token. */
function newReader() {
  const client = connect({ url: `http://${edge.address}`, token: () => null, shared: false });
  const list = client.jobs({ resource: "user:1" });
  const reader = {
    news: () => {},
    close: () => client.close(),
    states: () => new Map(list.get().jobs.map(({ cursor: snapshotAt, ...state }) => [state.job, state])),
  };
  list.subscribe(() => reader.news());
  return reader;
}

test("every reader ends with the service's states", { timeout: 4 * kDeadlineMs }, async (t) => {
  const random = generator(20261121);
  const attempts = Object.fromEntries(kJobs.map((job) => [job, 1]));
  const readers = [];
  t.after(() => readers.forEach((reader) => reader.close()));
  for (let round = 0; round < kRounds; round++) {
    await publish(edge, ...Array.from({ length: 1 + random(8) }, () => randomEvent(random, attempts)));
    if (readers.length >= kReaders || random(2) === 0) continue;
    readers.push(newReader());
  }
  const states = [];
  for (const job of kJobs) states.push(await (await fetch(`http://${edge.address}/v1/jobs/${job}`)).json());
  const wanted = new Map(states.map(({ cursor, ...state }) => [state.job, state]));
  assert.equal(wanted.size, kJobs.length);
  const caughtUp = (reader) => {
    const known = reader.states();
    return [...wanted].every(([job, state]) => isDeepStrictEqual(known.get(job), state));
  };
  await inTime(new Promise((resolve) => {
    const check = () => readers.every(caughtUp) && resolve();
    for (const reader of readers) reader.news = check;
    check();
  }), "the readers").catch(() => {});
  assert.equal(readers.length, kReaders);
  for (const reader of readers) assert.deepEqual(new Map([...reader.states()].sort()), new Map([...wanted].sort()));
});
