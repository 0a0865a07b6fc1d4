// What happened to a job before this page was opened.

/** @typedef {import("../../clients/web/http.js").Http} Http */

const kMaxPages = 8; // Of up to 1,000 events or 1 MiB each; who has more events sees the time line's begin and the newest output.
const kTypes = ["job-status", "step-status", "step-progress", "output", "job-completed", "job-failed", "job-cancelled"];

/**
 * Calls `page(events)` for each page of the job's events, the oldest first. Resolves to true if those were all.
 * @param {Http} http
 * @param {string} job
 * @param {AbortSignal} signal
 * @param {(events: any[]) => void} page
 */
export async function readHistory(http, job, signal, page) {
  let after = "earliest";
  for (let i = 0; i < kMaxPages; i++) {
    const path = `/v1/poll?resources=${encodeURIComponent(job)}&after=${encodeURIComponent(after)}&wait=0&types=${kTypes.join(",")}`;
    const { events = [], cursor, more, reset } = await http.json(path, { signal });
    // What carries this name too is another job.
    page(events.filter((/** @type {{job: string}} */ event) => event.job === job));
    if (!more || reset || !cursor) return true;
    after = cursor;
  }
  return false;
}
