// The time that elements show, and its ticks: one timer for all of them, and none when nobody looks.

let newest = 0;
/** @type {Set<() => void>} */
const tickers = new Set();
/** @type {ReturnType<typeof setInterval> | undefined} */
let timer;

/** Now, in milliseconds; never before what has happened, however late this machine's clock is. */
export function now() {
  return Math.max(Date.now(), newest);
}

/**
 * Something happened at `time`, an RFC 3339 time.
 * @param {string | undefined} time
 */
export function sawTime(time) {
  const at = Date.parse(time ?? "");
  if (at > newest) newest = at;
}

/**
 * Calls `ticker` every second while the page can be seen. The answer ends that.
 * @param {() => void} ticker
 */
export function everySecond(ticker) {
  tickers.add(ticker);
  timer ??= setInterval(tick, 1000);
  return () => {
    tickers.delete(ticker);
    if (tickers.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
}

function tick() {
  if (document.hidden) return;
  for (const ticker of [...tickers]) ticker();
}
