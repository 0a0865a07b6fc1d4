// What is to be drawn is drawn once a frame; a page that nobody sees has no frames, so there by a timer.

const kHiddenMs = 250;

/** @type {Set<() => void>} */
let waiting = new Set();
/** @type {(() => void) | undefined} Takes the next run back. */
let disarm;

/** Calls `draw` in the next frame, once however often it was asked for. @param {() => void} draw */
export function inNextFrame(draw) {
  waiting.add(draw);
  if (!disarm) arm();
}

/** Takes that back. @param {() => void} draw */
export function notInNextFrame(draw) {
  if (!waiting.delete(draw) || waiting.size > 0) return;
  disarm?.();
  disarm = undefined;
}

function arm() {
  const { document } = globalThis;
  if (typeof requestAnimationFrame !== "function" || document?.visibilityState === "hidden") {
    const timer = setTimeout(run, kHiddenMs);
    disarm = () => clearTimeout(timer);
    return;
  }
  const frame = requestAnimationFrame(run);
  // A page that is hidden now gets that frame only when it is seen again.
  const rearm = () => {
    disarm?.();
    arm();
  };
  document?.addEventListener("visibilitychange", rearm);
  disarm = () => {
    cancelAnimationFrame(frame);
    document?.removeEventListener("visibilitychange", rearm);
  };
}

function run() {
  disarm?.();
  disarm = undefined;
  const draws = waiting;
  waiting = new Set();
  for (const draw of draws) draw();
}
