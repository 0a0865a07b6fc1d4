// What the page tells of the world: network, visibility, coming and going. Nothing in Node.js.

/**
 * @param {{online(): void, visible(): void, hidden(): unknown, leave(): void, back(): void}} on
 * @returns {() => void} Ends it.
 */
export function watchPage(on) {
  const { document } = globalThis;
  if (!document || typeof addEventListener !== "function") return () => {};
  const seen = () => (document.visibilityState === "visible" ? on.visible() : on.hidden());
  /** @param {PageTransitionEvent} event */
  const show = ({ persisted }) => persisted && on.back();
  addEventListener("online", on.online);
  addEventListener("pagehide", on.leave);
  addEventListener("pageshow", show);
  document.addEventListener("visibilitychange", seen);
  return () => {
    removeEventListener("online", on.online);
    removeEventListener("pagehide", on.leave);
    removeEventListener("pageshow", show);
    document.removeEventListener("visibilitychange", seen);
  };
}

export const isVisible = () => globalThis.document?.visibilityState === "visible";
