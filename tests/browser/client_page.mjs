// A page with a client of which everything that it is told is kept, and what it should have been told.
import assert from "node:assert/strict";
import { kDeadlineMs } from "./servers.mjs";

export const kLong = process.env.MILEPOST_LONG === "1"; // The full lengths of what needs time.

/**
 * Begins to follow `jobs` in `page` with the client that `from` serves (absent: the page's own origin). `options` are
 * the client's, and: `url`, where the edge is; `speed`, how fast its clock goes. In the page, `told` has the numbers of
 * the events (`seen`), those from which it was to hear them (`begun`, by job), its states and its errors.
 */
export function follow(page, jobs, { from = "", ...options } = {}) {
  return page.evaluate(async ([names, origin, { speed = 1, ...rest }]) => {
    const { connect } = await import(`${origin}/milepost.js`);
    const zero = Date.now();
    const clock = {
      now: () => zero + (Date.now() - zero) * speed,
      setTimeout: (run, ms) => setTimeout(run, ms / speed),
      clearTimeout: (timer) => clearTimeout(timer),
    };
    const client = connect({ ...rest, ...(speed !== 1 && { clock }), ...(window.token && { token: window.token }) });
    const told = { seen: [], begun: {}, states: [], errors: [] };
    client.on("step-progress", ({ seq }) => told.seen.push(Number(seq)));
    client.on("snapshot", ({ resource, cursor }) => (told.begun[resource] ??= Number(cursor.split("-")[1])));
    client.on("state", ({ state, reason }) => told.states.push(reason ? `${state} ${reason}` : state));
    client.on("error", ({ code, status, message }) => told.errors.push({ code, status, message }));
    const stores = Object.fromEntries(names.map((name) => [name, client.job(name)]));
    for (const store of Object.values(stores)) store.subscribe(() => {});
    Object.assign(window, { client, told, stores });
  }, [jobs, from, options]);
}

export const inState = (page, ...states) => page.waitForFunction((wanted) => wanted.includes(window.client?.state), states);
export const reconnected = (page, more) => page.waitForFunction((least) => window.client.reconnectCount >= least, more, { timeout: 2 * kDeadlineMs });
export const toldOf = (page) => page.evaluate(() => window.told);

export const progress = (job, fraction) => ({ job, progress: { step: "render", fraction } });

/** The numbers of all that was published of `job`, from the log itself. */
export async function published(edge, job) {
  const all = [];
  let answer = { cursor: "earliest", more: true };
  while (answer.more) {
    answer = await (await fetch(`http://${edge.address}/v1/poll?resources=${job}&after=${answer.cursor}&wait=0`)).json();
    for (const event of answer.events) if (event.progress) all.push(Number(event.seq));
  }
  return all;
}

/** Waits until the page has heard the newest event of `job`, and checks that it heard all of it, once and in order. */
export async function heardAll(page, edge, job) {
  const all = await published(edge, job);
  await page.waitForFunction((last) => (window.told?.seen.at(-1) ?? 0) >= last, all.at(-1), { timeout: 2 * kDeadlineMs });
  const { seen, begun } = await toldOf(page);
  assert.deepEqual(seen, all.filter((seq) => seq > begun[job]), "each event once, in order");
  return seen.length;
}

/** Publishes progress of `job` without a pause, whatever becomes of the servers, until it is stopped. */
export class Writer {
  #running = true;
  written = 0;

  constructor(edge, job, everyMs = 20) {
    this.done = this.#write(edge, job, everyMs);
  }

  async stop() {
    this.#running = false;
    await this.done;
  }

  async #write(edge, job, everyMs) {
    while (this.#running) {
      const answer = await fetch(`http://${edge.address}/v1/events`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(progress(job, (this.written + 1) / 1e6)),
        signal: AbortSignal.timeout(kDeadlineMs),
      }).catch(() => undefined);
      if (answer?.ok) this.written++;
      await answer?.arrayBuffer().catch(() => {});
      await new Promise((resolve) => setTimeout(resolve, everyMs));
    }
  }
}
