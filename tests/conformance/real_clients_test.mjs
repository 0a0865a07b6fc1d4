// What the edge sends, read by the clients that people use: all of them read the same, and what was published.
//
// MILEPOST_EVENTS is how many hostile events are sent (default 2,000; the long form is 10,000).
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import readline from "node:readline";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { connect } from "../../clients/web/milepost.js";
import { Server, inTime, kDeadlineMs, publish } from "../browser/servers.mjs";
import { kRoot, skip, tool } from "../browser/tools.mjs";
import { hostileEvents } from "./hostile_events.mjs";

const kCount = Number(process.env.MILEPOST_EVENTS ?? 2000);
const kBatch = 50; // Events of one request.
const kJob = "job:hostile";
const kNames = [
  "connected", "snapshot", "job-status", "step-progress", "warning", "job-error", "output", "hostile-custom", "job-completed",
];
const kReader = path.join(path.dirname(fileURLToPath(import.meta.url)), "read_stream.py");
const kChromium = "/usr/bin/chromium";
if (!existsSync(path.join(kRoot, "build/tools/python/httpx_sse"))) skip("there is no httpx-sse; run tools/setup test");
if (!existsSync(kChromium)) skip("there is no Chromium; run tools/setup browser");
const parser = await tool("eventsource-parser");
const { EventSource: NpmEventSource } = await tool("eventsource");
const { EventSource: UndiciEventSource } = await tool("undici");
const { chromium } = await tool("playwright-core");

let eventd;
let edge;
let url;
let browser;
let profile;
const published = hostileEvents(kJob, kCount);
const ends = []; // What to do with readers that are stuck.
const read = {}; // [type, id, data] of each event, by client.

/** Reads by an EventSource of any kind until the end. */
function byEventSource(Source) {
  return new Promise((resolve, reject) => {
    const events = [];
    const source = new Source(url);
    ends.push(() => source.close());
    source.addEventListener("error", (event) => source.readyState === 2 && reject(new Error(event.message ?? "closed")));
    for (const name of kNames) {
      source.addEventListener(name, ({ type, lastEventId, data }) => {
        events.push([type, lastEventId, data]);
        if (type !== "job-completed") return;
        source.close();
        resolve(events);
      });
    }
  });
}

async function byParser() {
  const events = [];
  const stop = new AbortController();
  const feed = parser.createParser({ onEvent: ({ event, id, data }) => events.push([event, id ?? events.at(-1)?.[1] ?? "", data]) });
  const answer = await fetch(url, { signal: stop.signal });
  for await (const text of answer.body.pipeThrough(new TextDecoderStream())) {
    feed.feed(text);
    if (events.at(-1)?.[0] === "job-completed") break;
  }
  stop.abort();
  return events;
}

async function byFetchEventSource() {
  // Made for browsers: it wants a page that is seen.
  globalThis.window ??= globalThis;
  globalThis.document ??= { hidden: false, addEventListener() {}, removeEventListener() {} };
  const { fetchEventSource } = await tool("@microsoft/fetch-event-source");
  const events = [];
  const stop = new AbortController();
  let id = "";
  await fetchEventSource(url, {
    signal: stop.signal, fetch, openWhenHidden: true,
    onmessage(message) {
      id = message.id || id;
      if (message.data !== "") events.push([message.event, id, message.data]);
      if (message.event === "job-completed") stop.abort();
    },
  });
  delete globalThis.document;
  delete globalThis.window;
  return events;
}

async function byProgram(command, ...args) {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] });
  ends.push(() => child.kill("SIGKILL"));
  const events = [];
  for await (const line of readline.createInterface({ input: child.stdout })) events.push(JSON.parse(line));
  return events.filter(([, , data]) => data !== "");
}

const byPython = (library) => byProgram("/usr/bin/python3", "-B", kReader, library, url);
const byCurl = () => byProgram("/bin/sh", "-c", `curl -sN '${url}' | /usr/bin/python3 -B '${kReader}' our-decoder`);

async function byBrowser() {
  const page = await browser.newPage();
  await page.goto(`http://${edge.address}/icon.svg`);
  return page.evaluate(([address, names]) => new Promise((resolve) => {
    const events = [];
    const source = new EventSource(address);
    for (const name of names) {
      source.addEventListener(name, ({ type, lastEventId, data }) => {
        events.push([type, lastEventId, data]);
        if (type !== "job-completed") return;
        source.close();
        resolve(events);
      });
    }
  }), [url, kNames]);
}

async function byOurs() {
  const client = connect({ url: `http://${edge.address}` });
  const events = [];
  for await (const { type, id, data } of client.watch(kJob, { cursor: "earliest" })) {
    events.push([type, id, JSON.stringify(data)]);
    if (type === "job-completed") break;
  }
  client.close();
  return events;
}

/** Waits until a stream that has told all that there is gets a heartbeat, so that the others have had theirs. */
async function heartbeats(count) {
  const stop = new AbortController();
  const answer = await fetch(url.replace("earliest", "latest"), { signal: stop.signal });
  let text = "";
  for await (const piece of answer.body.pipeThrough(new TextDecoderStream())) {
    text += piece;
    if (text.split(": keepalive").length > count) break;
  }
  stop.abort();
}

before(async () => {
  profile = mkdtempSync(path.join(os.tmpdir(), "milepost-readers-"));
  eventd = await Server.start("milepost-eventd", "127.0.0.1:0");
  edge = await Server.start("milepost-edge", "127.0.0.1:0", `--eventd=${eventd.address}`, "--heartbeat=1s");
  url = `http://${edge.address}/v1/events?resources=${kJob}&last_event_id=earliest`;
  browser = await chromium.launchPersistentContext(profile, { executablePath: kChromium, headless: true, args: ["--no-sandbox", "--disable-gpu"] });
  const readers = {
    "npm eventsource": byEventSource(NpmEventSource), undici: byEventSource(UndiciEventSource), "eventsource-parser": byParser(),
    "fetch-event-source": byFetchEventSource(), "httpx-sse": byPython("httpx-sse"), "sseclient-py": byPython("sseclient-py"),
    "curl -N": byCurl(), "native EventSource": byBrowser(), "@milepost/client": byOurs(),
  };
  // Some of it live, some after a silence with heartbeats, of which nobody may make an event.
  const half = Math.floor(kCount / 2);
  for (let i = 0; i < half; i += kBatch) await publish(edge, ...published.slice(i, Math.min(half, i + kBatch)));
  await heartbeats(2);
  for (let i = half; i < kCount; i += kBatch) await publish(edge, ...published.slice(i, i + kBatch));
  await publish(edge, { job: kJob, completed: {} });
  await Promise.all(Object.entries(readers).map(async ([name, events]) => {
    read[name] = await inTime(events, name).catch((error) => [["failed", "", error.message]]);
  }));
}, { timeout: 4 * kDeadlineMs });

after(async () => {
  for (const end of ends) end();
  await browser?.close();
  rmSync(profile, { recursive: true, force: true });
  await edge?.stop("SIGKILL");
  await eventd?.stop("SIGKILL");
});

/** Parsed, as the members of a map come in any order: each loop of an edge encodes an event for itself. */
const events = (name) => read[name]
  .filter(([type]) => type !== "connected" && type !== "snapshot")
  .map(([type, id, data]) => [type, id, type === "failed" ? data : JSON.parse(data)]);

test("the browser's own EventSource reads what was published", () => {
  const told = events("native EventSource").map(([, , data]) => data);
  assert.equal(told.length, kCount + 1);
  told.slice(0, -1).forEach(({ seq, commitTime, overall, eta, etaP90, startEta, ...event }, i) => {
    assert.deepEqual(event, { ...published[i] }, `event ${i}`);
  });
});

for (const name of ["npm eventsource", "undici", "eventsource-parser", "fetch-event-source", "httpx-sse", "sseclient-py", "curl -N", "@milepost/client"]) {
  test(`${name} reads the same`, () => {
    const wanted = events("native EventSource");
    const told = events(name);
    told.forEach((event, i) => assert.deepEqual(event, wanted[i], `event ${i}`));
    assert.equal(told.length, wanted.length);
  });
}
