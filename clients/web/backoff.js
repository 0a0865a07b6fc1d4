// How long to wait before trying again. Pure.

const kSeconds = [1, 2, 4, 8, 16, 30];

/**
 * Full jitter: anything from 0 to 1, 2, 4, 8, 16, 30, 30… s, but never less than `floorMs`.
 * @param {number} failures In a row, from 1.
 * @param {() => number} random 0 to 1.
 * @param {number} [floorMs] What the server asked for.
 */
export function backoffMs(failures, random, floorMs = 0) {
  const most = 1000 * kSeconds[Math.min(failures, kSeconds.length) - 1];
  return Math.max(floorMs, random() * most);
}

/**
 * Milliseconds of a Retry-After, which is a number of seconds or a date; 0 if there is none.
 * @param {string | null} value @param {number} now
 */
export function retryAfterMs(value, now) {
  if (!value) return 0;
  const ms = /^\d+$/.test(value) ? 1000 * Number(value) : Date.parse(value) - now;
  return Math.min(Math.max(ms || 0, 0), 600_000);
}
