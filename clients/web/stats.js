// What a client counts of itself.

/** @typedef {{events: number, sumMs: number, maxMs: number}} Latency From commit to receipt, by this machine's clock. */

export class Stats {
  bytes = 0; // Of streams and polls, as they were received.
  events = 0;
  reconnects = 0;
  transportChanges = 0;
  malformed = 0;
  requests = { sse: 0, poll: 0, other: 0 };
  /** @type {{sse: Latency, poll: Latency}} */
  latency = { sse: { events: 0, sumMs: 0, maxMs: 0 }, poll: { events: 0, sumMs: 0, maxMs: 0 } };

  /** @param {"sse" | "poll" | "other"} kind */
  requested(kind) {
    this.requests[kind]++;
  }

  /** @param {"sse" | "poll"} transport @param {string | undefined} commitTime @param {number} now */
  received(transport, commitTime, now) {
    this.events++;
    const ms = now - Date.parse(commitTime ?? "");
    if (Number.isNaN(ms)) return;
    const latency = this.latency[transport];
    latency.events++;
    latency.sumMs += ms;
    latency.maxMs = Math.max(latency.maxMs, ms);
  }
}
