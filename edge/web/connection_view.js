// How the page's connection is, in words, and what can be done about it.

/** @typedef {import("../../clients/web/client.js").MilepostClient} MilepostClient */

/** @type {Record<string, string>} */
const kTexts = { live: "Live", polling: "Live, by polling", connecting: "Connecting", offline: "Out of reach", closed: "Not connected" };
/** @type {Record<string, [string, string]>} What stands in the way for good, until somebody does something. */
const kTroubles = {
  unauthorized: ["Your login was refused", "It may have expired, or it is not meant for this Milepost. Log in again where you came from, then try again."],
  forbidden: ["These jobs are not yours to see", "Your login does not reach what this page asks for. Ask for it, or look at a resource that is yours."],
  rejected: ["Milepost did not understand the question", "The address of this page asks for something that does not exist."],
  "retries-exhausted": ["Milepost does not answer", "The page has tried often enough and stopped. The jobs themselves go on."],
};

/** @param {string} id */
const byId = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

export class ConnectionView {
  /** Since when nothing arrives; undefined: it does. @type {number | undefined} */
  #lostAt;

  /** @param {MilepostClient} client */
  constructor(client) {
    this.client = client;
    for (const id of ["retry", "trouble-retry"]) byId(id).addEventListener("click", () => client.retryNow());
    client.on("state", () => this.draw());
  }

  draw() {
    const { state, reason } = this.client;
    const trouble = state === "closed" ? kTroubles[reason ?? ""] : undefined;
    if (state === "live" || state === "polling") this.#lostAt = undefined;
    if (state === "offline") this.#lostAt ??= Date.now();
    // Each new try is not yet a connection: what is told stays until there is one.
    const lost = this.#lostAt !== undefined && state !== "closed";
    const shown = lost ? "offline" : state;
    byId("connection").dataset.state = shown;
    setText("connection-text", kTexts[shown] ?? shown);
    byId("retry").hidden = !lost;
    byId("trouble").hidden = !trouble;
    setText("trouble-title", trouble?.[0] ?? "");
    setText("trouble-text", trouble?.[1] ?? "");
    document.body.classList.toggle("troubled", Boolean(trouble));
    byId("banner").hidden = !lost;
    if (lost) setText("banner", `Milepost is out of reach since ${timeOfDay(this.#lostAt ?? 0)}. What you see is how it was then; the page goes on by itself.`);
  }
}

/**
 * @param {string} id
 * @param {string} text
 */
function setText(id, text) {
  const node = byId(id);
  if (node.textContent !== text) node.textContent = text;
}

/** @param {number} at */
function timeOfDay(at) {
  return new Date(at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
}
