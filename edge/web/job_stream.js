// The page's stream: the browser's own EventSource, opened again when the browser has given up on it.

const kStreamNames = ["connected", "snapshot", "reset", "goodbye"];
const kEventNames = [
  "job-status", "step-status", "step-progress", "notice", "warning", "job-error", "output",
  "job-completed", "job-failed", "job-cancelled", "job-control",
];
const kReopenAfterMs = 3000;

/** Reads `resources`. Calls `on.event(event)`, `on[name](data)` of the stream's own frames, and `on.broken()`. */
export function openStream(resources, on, cursor = "") {
  const start = cursor ? `&last_event_id=${encodeURIComponent(cursor)}` : "";
  const source = new EventSource(`/v1/events?resources=${resources}${start}`);
  let position = cursor;
  for (const name of kEventNames) {
    source.addEventListener(name, (message) => {
      position = message.lastEventId;
      on.event(JSON.parse(message.data));
    });
  }
  for (const name of kStreamNames) {
    source.addEventListener(name, (message) => {
      if (message.lastEventId) position = message.lastEventId;
      on[name](JSON.parse(message.data));
    });
  }
  source.addEventListener("error", () => {
    on.broken();
    // The browser connects again by itself, from where it was, unless an answer other than 200 came in between.
    if (source.readyState !== EventSource.CLOSED) return;
    setTimeout(() => openStream(resources, on, position), kReopenAfterMs);
  });
}
