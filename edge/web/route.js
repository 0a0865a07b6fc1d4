// What the page shows, as the part of its address behind '#'. Pure.
//
//   #/?resource=user:7&state=failed&kind=video&q=cut     the list
//   #/job/job:42                                         a job's own page

export const kAllJobs = "job:*";
const kMaxText = 128;

/** @typedef {{resource: string, state: string, kind: string, query: string}} Filter Empty: all. */
/** @typedef {{page: "list", filter: Filter} | {page: "job", job: string}} Route */

/**
 * @param {string} hash
 * @returns {Route}
 */
export function parseRoute(hash) {
  const [path, search = ""] = hash.replace(/^#/, "").split(/\?(.*)/s);
  const job = decode(/^\/job\/(.+)$/.exec(path)?.[1] ?? "");
  if (isName(job)) return { page: "job", job };
  const query = new URLSearchParams(search);
  const value = (/** @type {string} */ name) => (query.get(name) ?? "").slice(0, kMaxText);
  const resource = value("resource");
  return { page: "list", filter: { resource: isPattern(resource) ? resource : "", state: value("state"), kind: value("kind"), query: value("q") } };
}

/** @param {Filter} filter */
export function listHash({ resource, state, kind, query }) {
  const members = Object.entries({ resource: resource === kAllJobs ? "" : resource, state, kind, q: query }).filter(([, value]) => value);
  const text = members.map(([name, value]) => `${name}=${encodeURIComponent(value).replaceAll("%3A", ":")}`).join("&");
  return text ? `#/?${text}` : "#/";
}

/** @param {string} job */
export function jobHash(job) {
  return `#/job/${encodeURIComponent(job).replaceAll("%3A", ":")}`;
}

/** A resource's whole name, as the contract has it. @param {string} text */
export function isName(text) {
  return /^[a-z][a-z0-9_-]{0,31}:[A-Za-z0-9._~-]{1,128}$/.test(text);
}

/** A name, or a pattern: kind:* or kind:prefix*. @param {string} text */
export function isPattern(text) {
  return isName(text.replace(/\*$/, "x"));
}

/** @param {string} text */
function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}
