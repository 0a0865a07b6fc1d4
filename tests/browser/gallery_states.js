// A job in every state that an element can show, at a fixed moment.

export const kNow = "2026-03-04T10:00:00Z";
const before = (seconds) => new Date(Date.parse(kNow) - 1000 * seconds).toISOString();

const running = {
  kind: "video", state: "RUNNING", attempt: 1, createTime: before(100), startTime: before(92), progressTime: before(3), updateTime: before(3),
};
const steps = [
  { id: "fetch", title: "Fetch the sources", state: "DONE", fraction: 1 },
  { id: "render", title: "Render", state: "STARTED", fraction: 0.4, message: "scene 3 of 7" },
  { id: "frames", title: "Frames", parent: "render", state: "STARTED", fraction: 0.55 },
  { id: "sound", title: "Sound", parent: "render", state: "STARTED" },
  { id: "subtitles", title: "Subtitles", state: "SKIPPED" },
  { id: "upload", title: "Upload" },
];

export const kStates = {
  "unknown": null,
  "running": { ...running, job: "job:film", title: "Trailer, second cut", overall: 0.42, eta: "120s", etaP90: "300s", step: "render", message: "frame 96 of 240", steps },
  "moving": { ...running, job: "job:import", title: "Import of the year's invoices", message: "reading invoices.csv", step: "read", steps: [{ id: "read", title: "Read", state: "STARTED" }] },
  "stalled": { ...running, job: "job:mail", title: "Mail to everyone", state: "STALLED", overall: 0.7, progressTime: before(190), updateTime: before(10), message: "batch 7 of 10", stalledReason: "no progress for 3 min; the worker is alive" },
  "queued": { job: "job:scan", kind: "scan", title: "Scan of shelf 9", state: "QUEUED", attempt: 1, createTime: before(40), updateTime: before(5), queuePosition: 2, startEta: "45s" },
  "paused": { ...running, job: "job:train", title: "Training run", state: "PAUSED", overall: 0.31, progressTime: before(600), updateTime: before(500), message: "epoch 4 of 12" },
  "waiting": { ...running, job: "job:book", title: "Book of the year", state: "WAITING", overall: 0.66, message: "Which cover shall it be?", progressTime: before(75), notice: { severity: "WARNING", text: "Two covers were drawn: choose one." } },
  "cancelling": { ...running, job: "job:old", title: "Nightly build", state: "CANCELLING", overall: 0.9, message: "cleaning up" },
  "failed": { ...running, job: "job:sync", title: "Sync with the archive", state: "FAILED", attempt: 2, overall: 0.58, endTime: before(30), message: "the archive is full", error: { code: "PROVIDER", message: "the archive is full", retryable: true }, outputTail: ["copying 1998.tar", "copying 1999.tar", "write: no space left on device"] },
  "cancelled": { ...running, job: "job:draft", title: "Draft", state: "CANCELLED", overall: 0.2, endTime: before(300), message: "not needed any more" },
  "skipped": { ...running, job: "job:again", title: "Thumbnails", state: "COMPLETED", overall: 1, skipped: true, endTime: before(90) },
  "completed": {
    ...running, job: "job:report", title: "Annual report", state: "COMPLETED", overall: 1, endTime: before(20), message: "42 pages", output: { pages: 42, words: 18_250 },
    artifacts: [
      { name: "report.pdf", uri: "https://example.com/report.pdf", mediaType: "application/pdf", sizeBytes: "1843200" },
      { name: "cover.png", uri: "/gallery/cover.svg", mediaType: "image/svg+xml" },
      { name: "notes", uri: "javascript:alert(1)" },
    ],
  },
};

/** Many jobs for a list, of all states. */
export function manyJobs(count) {
  const kinds = ["video", "import", "scan"];
  const kept = Object.values(kStates).filter(Boolean);
  return Array.from({ length: count }, (_, i) => {
    const state = kept[i % kept.length];
    return { ...state, job: `job:n${i}`, kind: kinds[i % 3], title: `${state.title} ${i}`, createTime: before(count - i) };
  });
}
