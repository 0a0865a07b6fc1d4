// Milepost in a browser: the live state of jobs, on one connection that heals itself.
//
//   import { connect } from "/milepost.js";
//   const job = connect().job("job:42");
//   job.subscribe((state) => (bar.value = state?.overall ?? 0));
import { MilepostClient } from "./client.js";
import { Connection } from "./connection.js";
import { Http } from "./http.js";
import { Stats } from "./stats.js";
import { SharedConnection, canShare } from "./tabs.js";
import { TokenSource } from "./token.js";

export { MilepostClient } from "./client.js";
export { MilepostError } from "./errors.js";

/**
 * @typedef {object} ConnectOptions
 * @property {string} [url] Where the edge is; absent: where the page came from.
 * @property {import("./types.js").Token} [token] A token, or a function that gives one; the function is asked again before
 *   the token expires (if it is a JSON Web Token) and when it is refused.
 * @property {"auto" | "sse" | "poll"} [transport] auto: a stream, and polls where none gets through.
 * @property {number} [pollInterval] Milliseconds between short polls, more or less; 5000.
 * @property {number} [maxRetries] How often in a row to try again before giving up; absent: without end.
 * @property {boolean} [shared] One connection for all tabs of this origin, where the browser can; true.
 * @property {import("./types.js").Log} [log] Told what the connection does; absent: nobody.
 * @property {import("./types.js").Clock} [clock] @property {() => number} [random] @property {typeof fetch} [fetch] For tests.
 */

/** @type {import("./types.js").Clock} */
const kClock = {
  now: () => Date.now(),
  setTimeout: (run, ms) => setTimeout(run, Math.min(ms, 2 ** 31 - 1)),
  clearTimeout: (timer) => clearTimeout(/** @type {number} */ (timer)),
};

/** @type {Map<unknown, Map<string, MilepostClient>>} By token, then by address. */
const clients = new Map();

/**
 * The client of an address and a token: the same one for the same two, until it is closed. It connects when something
 * is wanted of it.
 * @param {ConnectOptions} [options]
 * @returns {MilepostClient}
 */
export function connect(options = {}) {
  const { url = globalThis.location?.origin ?? "", token } = options;
  const ofToken = clients.get(token) ?? new Map();
  clients.set(token, ofToken);
  const known = ofToken.get(url);
  if (known) return known;
  const client = newClient(url, options, () => {
    ofToken.delete(url);
    if (ofToken.size === 0) clients.delete(token);
  });
  ofToken.set(url, client);
  return client;
}

/** @param {string} url @param {ConnectOptions} options @param {() => void} closed */
function newClient(url, options, closed) {
  const { clock = kClock, fetch = globalThis.fetch, random = Math.random, log = () => {} } = options;
  const http = new Http(url, new TokenSource(options.token, clock), fetch, new Stats());
  const connection = {
    http, clock, random, log,
    transport: options.transport ?? "auto",
    maxRetries: options.maxRetries ?? Infinity,
    pollInterval: options.pollInterval ?? 5000,
    oneAddress: globalThis.location !== undefined && new URL(url).origin !== location.origin,
  };
  const one = (options.shared ?? true) && canShare();
  return new MilepostClient(
    connection,
    (listener, known) => (one ? new SharedConnection(connection, listener, known) : new Connection(connection, listener)),
    closed,
  );
}
