// The browser's client in Node.js against the real servers.
import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { MilepostError, connect } from "../../clients/web/milepost.js";
import { Server, inTime, kDeadlineMs, publish } from "./servers.mjs";

const kOptions = { timeout: 2 * kDeadlineMs };
let eventd;
let edge;
let url;
let client;
let names = 0; // Every test has jobs of its own.

before(async () => {
  eventd = await Server.start("milepost-eventd", "127.0.0.1:0");
  edge = await Server.start("milepost-edge", "127.0.0.1:0", `--eventd=${eventd.address}`);
  url = `http://${edge.address}`;
});

after(async () => {
  await edge?.stop("SIGKILL");
  await eventd?.stop("SIGKILL");
});

afterEach(() => client?.close());

const newJob = () => `job:j${++names}`;
// Of the only step; the job's own percent is what the service has learned of other jobs.
const fraction = (state) => state?.steps?.[0].fraction;
const progress = (job, fraction, more) => ({ job, progress: { step: "render", fraction }, ...more });

/** Waits until what `store` tells is as `wanted` says. */
function until(store, wanted, what) {
  let stop;
  const told = new Promise((resolve) => {
    stop = store.subscribe((value) => wanted(value) && resolve(value));
    if (wanted(store.get())) resolve(store.get());
  });
  return inTime(told, what).finally(() => stop());
}

const inState = (state) => inTime(new Promise((resolve) => {
  const check = () => client.state === state && resolve();
  client.on("state", check);
  check();
}), `the state ${state}`);

test("a job is null while nothing is known, and then live", kOptions, async () => {
  const job = newJob();
  client = connect({ url });
  assert.deepEqual([client.state, client.reason], ["closed", "idle"]);
  const store = client.job(job);
  const told = [];
  store.subscribe((state) => told.push(fraction(state)));
  await inState("live");
  assert.equal(store.get(), null);
  await publish(edge, progress(job, 0.25));
  await until(store, (state) => fraction(state) === 0.25, "a quarter");
  await publish(edge, progress(job, 0.5), { job, completed: { message: "done" } });
  const state = await until(store, (now) => now?.state === "COMPLETED", "the end");
  assert.equal(state.message, "done");
  assert.deepEqual(told, [0.25, 0.5], "what came together is told once");
});

test("a late reader has the service's state", kOptions, async () => {
  const job = newJob();
  await publish(edge, { job, status: { state: "RUNNING", title: "Trailer", labels: { a: "b" } } }, progress(job, 0.5));
  client = connect({ url });
  const state = await until(client.job(job), Boolean, "the job");
  assert.deepEqual(state, await (await fetch(`${url}/v1/jobs/${job}`)).json());
});

test("resources that are added in one tick make one reconnect, and nothing is lost by it", kOptions, async () => {
  const jobs = Array.from({ length: 6 }, newJob);
  client = connect({ url });
  const first = client.job(jobs[0]);
  const seen = [];
  client.on("step-progress", ({ seq }) => seen.push(Number(seq)));
  first.subscribe(() => {});
  await inState("live");
  const writing = (async () => {
    for (let i = 1; i <= 100; i++) await publish(edge, progress(jobs[0], i / 100));
  })();
  const before = client.stats().requests.sse;
  await publish(edge, progress(jobs[1], 0.3));
  const stores = jobs.slice(1).map((job) => client.job(job));
  const ends = stores.map((store) => store.subscribe(() => {}));
  await until(stores[0], (state) => fraction(state) === 0.3, "the snapshot of what was added");
  assert.equal(client.stats().requests.sse, before + 1);
  assert.equal(client.reconnectCount, 0);
  await writing;
  await until(first, (state) => fraction(state) === 1, "all");
  const mine = await (await fetch(`${url}/v1/poll?resources=${jobs[0]}&after=earliest`)).json();
  assert.deepEqual(seen.filter((seq) => mine.events.some((event) => Number(event.seq) === seq)), mine.events.map(({ seq }) => Number(seq)));
  for (const end of ends) end();
});

test("a job that is taken off and put back needs no reconnect", kOptions, async () => {
  const job = newJob();
  client = connect({ url });
  client.job(newJob()).subscribe(() => {});
  client.job(job).subscribe(() => {})();
  const end = client.job(job).subscribe(() => {});
  await inState("live");
  const requests = client.stats().requests.sse;
  end();
  await new Promise((resolve) => setTimeout(resolve));
  const store = client.job(job);
  store.subscribe(() => {});
  await publish(edge, progress(job, 0.4));
  await until(store, (state) => fraction(state) === 0.4, "the news");
  assert.equal(client.stats().requests.sse, requests);
});

test("without anything wanted there is no connection", kOptions, async () => {
  client = connect({ url });
  const end = client.job(newJob()).subscribe(() => {});
  await inState("live");
  end();
  await inState("closed");
  assert.equal(client.reason, "idle");
  client.job(newJob()).subscribe(() => {});
  await inState("live");
});

test("the live list: newest first, counts, filters, older ones on demand", kOptions, async () => {
  const user = `user:u${++names}`;
  const jobs = Array.from({ length: 5 }, newJob);
  for (const job of jobs.slice(0, 4)) await publish(edge, { job, resources: [user], status: { state: "RUNNING", title: `T ${job}` } });
  await publish(edge, { job: jobs[0], completed: {} });
  client = connect({ url });
  const list = client.jobs({ resource: user });
  assert.equal(list.get().loading, true);
  assert.equal(client.jobs({ resource: user }) === list, false, "nobody holds it yet");
  list.subscribe(() => {});
  assert.equal(client.jobs({ resource: user }), list);
  await until(list, ({ jobs }) => jobs.length === 4, "the list");
  assert.deepEqual(list.get().jobs.map(({ job }) => job), jobs.slice(0, 4).reverse());
  assert.deepEqual(list.get().counts, { byState: { RUNNING: 3, COMPLETED: 1 }, total: 4 });
  const active = client.jobs({ resource: user, state: "active" });
  const found = client.jobs({ resource: user, query: jobs[4].slice(4) });
  active.subscribe(() => {});
  found.subscribe(() => {});
  await publish(edge, { job: jobs[4], resources: [user], status: { state: "RUNNING", title: `T ${jobs[4]}` } });
  await until(list, (now) => now.jobs.length === 5, "the new one");
  assert.equal(list.get().jobs[0].job, jobs[4]);
  assert.deepEqual(list.get().counts, { byState: { RUNNING: 4, COMPLETED: 1 }, total: 5 });
  assert.deepEqual(active.get().jobs.map(({ job }) => job), jobs.slice(1).reverse());
  assert.deepEqual(found.get().jobs.map(({ job }) => job), [jobs[4]]);
  await list.loadMore();
  assert.deepEqual([list.get().jobs.length, list.get().more, list.get().loading], [5, false, false]);
  await publish(edge, { job: jobs[1], cancelled: {} });
  await until(active, (now) => now.jobs.length === 3, "one less that is active");
});

test("more jobs than a snapshot holds come page by page", kOptions, async () => {
  const user = `user:u${++names}`;
  for (let i = 0; i < 1300; i += 650) {
    await publish(edge, ...Array.from({ length: 650 }, () => ({ job: newJob(), resources: [user], status: { state: "RUNNING", title: "x".repeat(100) } })));
  }
  client = connect({ url });
  const list = client.jobs({ resource: user });
  list.subscribe(() => {});
  await until(list, ({ loading }) => !loading, "the list");
  assert.equal(list.get().more, true);
  while (list.get().more) await list.loadMore();
  assert.equal(new Set(list.get().jobs.map(({ job }) => job)).size, 1300);
  assert.equal(list.get().counts.total, 1300);
});

test("requests to the worker, and what becomes of them", kOptions, async () => {
  const job = newJob();
  await publish(edge, { job, status: { state: "RUNNING" } });
  client = connect({ url });
  const store = client.job(job);
  store.subscribe(() => {});
  await until(store, Boolean, "the job");
  const answer = await store.pause("coffee");
  assert.equal(answer.job, job);
  assert.equal(answer.phase, "REQUESTED");
  assert.deepEqual(store.request, { request: answer.request, action: "PAUSE", phase: "REQUESTED", reason: "coffee" });
  await publish(edge, { job, control: { request: answer.request, action: "PAUSE", phase: "HONOURED" } });
  await until(store, (state) => state.state === "PAUSED", "the pause");
  assert.equal(store.request.phase, "HONOURED");
  await publish(edge, { job, cancelled: {} });
  await until(store, (state) => state.state === "CANCELLED", "the end");
  assert.equal(store.request, null);
  await assert.rejects(store.cancel(), (error) => {
    assert.ok(error instanceof MilepostError);
    assert.deepEqual([error.code, error.status], ["FAILED_PRECONDITION", 409]);
    return /has ended/.test(error.message);
  });
  await assert.rejects(client.job("job:nobody-knows").cancel(), { code: "NOT_FOUND", status: 404 });
});

test("watch gives a snapshot and then every event once; with a cursor what followed it", kOptions, async () => {
  const job = newJob();
  await publish(edge, progress(job, 0.1), progress(job, 0.2));
  client = connect({ url });
  const frames = [];
  const watch = client.watch(job);
  for await (const frame of watch) {
    frames.push(frame);
    if (frame.type === "snapshot") await publish(edge, progress(job, 0.3), { job, completed: {} });
    if (frame.type === "job-completed") break;
  }
  assert.deepEqual(frames.map(({ type }) => type), ["connected", "snapshot", "step-progress", "job-completed"]);
  assert.equal(fraction(frames[1].data.jobs[0]), 0.2);
  assert.match(frames[2].id, /^[a-z0-9]{8}-\d+$/);
  const all = [];
  for await (const frame of client.watch([job], { cursor: "earliest", types: ["step-progress", "job-completed"] })) {
    if (frame.type === "step-progress") all.push(frame.data.progress.fraction);
    if (frame.type === "job-completed") break;
  }
  assert.deepEqual(all, [0.1, 0.2, 0.3]);
  const rest = [];
  for await (const frame of client.watch(job, { cursor: frames[2].id })) {
    rest.push(frame.type);
    if (frame.type === "job-completed") break;
  }
  assert.deepEqual(rest, ["connected", "job-completed"]);
});

test("a watch ends with its signal, with the client, and not with others", kOptions, async () => {
  const job = newJob();
  client = connect({ url });
  const stop = new AbortController();
  const read = async (watch) => {
    const types = [];
    for await (const { type } of watch) types.push(type);
    return types;
  };
  const ends = inTime(read(client.watch(job, { signal: stop.signal })), "the signal");
  const stays = inTime(read(client.watch(job)), "the client's end");
  await inState("live");
  stop.abort();
  await ends;
  assert.equal(client.state, "live");
  client.close();
  assert.equal(client.state, "closed");
  await stays;
});

test("publishing tells of every event by itself", kOptions, async () => {
  const job = newJob();
  client = connect({ url });
  const one = await client.publish(progress(job, 0.1));
  assert.match(one.cursor, /-\d+$/);
  const several = await client.publish([progress(job, 0.2), { job: "no name" }]);
  assert.ok(several[0].seq && several[1].error);
  await assert.rejects(client.publish({ job: "no name" }), { name: "MilepostError", code: "INVALID_ARGUMENT", status: 400 });
});

test("a name that is none is refused at once, and so is one resource too many", () => {
  client = connect({ url });
  for (const bad of ["", "42", "job:", "Job:1", "job:a b", "job:*a", `job:${"x".repeat(129)}`]) {
    assert.throws(() => client.job(bad), { code: "INVALID_ARGUMENT" }, bad);
    assert.throws(() => client.watch(bad), { code: "INVALID_ARGUMENT" }, bad);
  }
  for (let i = 0; i < 512; i++) client.job(`job:${i}`).subscribe(() => {});
  client.job("job:3").subscribe(() => {});
  assert.throws(() => client.job("job:512").subscribe(() => {}), { code: "RESOURCE_EXHAUSTED" });
});

test("long lists go in a body", kOptions, async () => {
  client = connect({ url });
  const jobs = Array.from({ length: 500 }, (_, i) => `job:${"long-".repeat(20)}${i}`);
  for (const job of jobs) client.job(job).subscribe(() => {});
  await inState("live");
  await publish(edge, progress(jobs[499], 0.5));
  await until(client.job(jobs[499]), (state) => fraction(state) === 0.5, "the last one");
  assert.equal(client.stats().requests.sse, 1);
});

test("the same address and token is the same client, until it is closed", () => {
  client = connect({ url });
  assert.equal(connect({ url }), client);
  const other = connect({ url, token: "t" });
  assert.notEqual(other, client);
  other.close();
  client.close();
  assert.notEqual(connect({ url }), client);
  connect({ url }).close();
});

test("the edge serves the client, and all that it needs", kOptions, async () => {
  const seen = new Set();
  const load = async (path) => {
    if (seen.has(path)) return;
    seen.add(path);
    const answer = await fetch(url + path);
    assert.equal(answer.status, 200, path);
    assert.equal(answer.headers.get("Content-Type"), "text/javascript; charset=utf-8", path);
    const text = await answer.text();
    for (const [, next] of text.matchAll(/^(?:import|export) .*?from "(.*?)";/gms)) await load(new URL(next, url + path).pathname);
  };
  await load("/milepost.js");
  await load("/dashboard.js");
  assert.ok(seen.has("/clients/web/sse_parser.js") && seen.has("/clients/web/job_state.js"), [...seen].join(" "));
});
