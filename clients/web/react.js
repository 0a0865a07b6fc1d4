// Milepost in React 18 and 19: jobs, lists and events as hooks, on the one connection of the page.
//
//   import { useJob } from "@milepost/client/react";
//   const { job } = useJob("job:42");
//   return <progress value={job?.overall ?? 0} />;
//
// A component that is shown holds what it asks for; one that is gone lets it go a second later, and the last one ends the
// connection. Components are drawn anew at most once a frame, however many events arrive.
import { createContext, createElement, useContext, useEffect, useInsertionEffect, useMemo, useRef, useSyncExternalStore } from "react";
import { MilepostError } from "./errors.js";
import { EventsView } from "./react/events_view.js";
import { OwnHome, homeOf, pageHome } from "./react/home.js";
import { JobView } from "./react/job_view.js";
import { JobsView } from "./react/jobs_view.js";
import { kUnwanted } from "./react/view.js";

/** @typedef {import("./react/home.js").Home} Home */
/** @typedef {import("./react/job_view.js").JobCallbacks} JobCallbacks */
/** @typedef {import("./react/job_view.js").JobFacts} JobFacts */
/** @typedef {import("./react/jobs_view.js").JobFilter} JobFilter */
/** @typedef {import("./react/jobs_view.js").JobListState} JobListState */
/** @typedef {import("./react/events_view.js").EventHandlers} EventHandlers */
/** @typedef {import("./react/view.js").ConnectionFacts} ConnectionFacts */
/** @typedef {import("./milepost.js").ConnectOptions} ConnectOptions */
/** @typedef {(reason?: string) => Promise<import("./job_store.js").ControlAnswer>} Ask Rejects with a MilepostError. */
/** @typedef {{cancel: Ask, pause: Ask, resume: Ask, retry: Ask}} JobActions */
/** @typedef {ConnectionFacts & {retryNow: () => void}} Connection */

const Context = createContext(/** @type {Home} */ (pageHome()));

/**
 * Says where the hooks below get their jobs from: `client`, or a connection of its own with these options. Without a
 * provider it is `connect()`: where the page came from, without a token. Another `url`, another `client` and another text
 * as `token` are another connection; a function as `token` may be another one at every render, the newest is asked.
 * @param {ConnectOptions & {client?: import("./milepost.js").MilepostClient, children?: import("react").ReactNode}} props
 */
export function MilepostProvider({ client, children, ...options }) {
  const newest = useRef(options);
  useInsertionEffect(() => void (newest.current = options));
  const { url, token } = options;
  const text = typeof token === "function" ? null : token;
  const home = useMemo(() => (client ? homeOf(client) : new OwnHome(() => ({
    ...newest.current, url, token: () => (text === null && typeof newest.current.token === "function" ? newest.current.token() : text),
  }))), [client, url, text]);
  useEffect(() => (home instanceof OwnHome ? home.open() : undefined), [home]);
  return createElement(Context.Provider, { value: home }, children);
}

/**
 * One job, live; `null` holds no connection. `onCompleted` and `onFailed` are called once for an attempt's end, also if
 * it came before this component; always the newest ones given.
 * @param {string | null | undefined} id For example "job:42".
 * @param {JobCallbacks} [callbacks]
 * @returns {JobFacts & JobActions & Connection}
 */
export function useJob(id, { onCompleted, onFailed } = {}) {
  const home = useContext(Context);
  const view = useMemo(() => (id ? new JobView(home, id) : kNoJob), [home, id]);
  useInsertionEffect(() => {
    if (view instanceof JobView) view.callbacks = { onCompleted, onFailed };
  });
  const shown = useSyncExternalStore(view.subscribe, view.get, view.getServer);
  return useMemo(() => ({ ...shown, ...view.actions, retryNow: view.retryNow }), [shown, view]);
}

/**
 * The jobs that are a resource or carry it, live; without a resource all jobs, `null` none and no connection.
 * @param {JobFilter | null} [filter] May be a new object at every render.
 * @returns {JobListState & Connection & {loadMore: () => Promise<void>}}
 */
export function useJobs(filter = {}) {
  const home = useContext(Context);
  const { resource, kind, state, query } = filter ?? {};
  const none = filter === null;
  const view = useMemo(() => (none ? kNoJobs : new JobsView(home, { resource, kind, state, query })), [home, none, resource, kind, state, query]);
  const shown = useSyncExternalStore(view.subscribe, view.get, view.getServer);
  return useMemo(() => ({ ...shown, loadMore: view.loadMore, retryNow: view.retryNow }), [shown, view]);
}

/**
 * Calls handlers for what happens to resources while the component is shown: a snapshot of each, then every event once.
 * Events are not drawn: they call as often as they come.
 * @param {string | string[] | null | undefined} resources May be a new array at every render.
 * @param {EventHandlers} handlers By name, for example `{"job-completed": ({ job }) => …}`; always the newest ones given.
 * @returns {Connection}
 */
export function useEvents(resources, handlers) {
  const home = useContext(Context);
  const names = [...new Set([resources ?? []].flat())].sort().join(",");
  const view = useMemo(() => (names ? new EventsView(home, names.split(",")) : kNoEvents), [home, names]);
  useInsertionEffect(() => {
    if (view instanceof EventsView) view.handlers = handlers;
  });
  const shown = useSyncExternalStore(view.subscribe, view.get, view.getServer);
  return useMemo(() => ({ ...shown, retryNow: view.retryNow }), [shown, view]);
}

// ---- Where nothing is wanted ----------------------------------------------------------------------------------

/** @template {object} Facts @param {Facts} facts */
function nothing(facts) {
  const shown = { ...facts, ...kUnwanted };
  return { subscribe: () => () => {}, get: () => shown, getServer: () => shown, retryNow: () => {} };
}

/** @type {Ask} */
const ask = async () => {
  throw new MilepostError("FAILED_PRECONDITION", "there is no job to ask this of");
};
const kNoJob = { ...nothing(/** @type {JobFacts} */ ({ job: null, request: null })), actions: { cancel: ask, pause: ask, resume: ask, retry: ask } };
const kNoJobs = {
  ...nothing(/** @type {JobListState} */ ({ jobs: [], counts: { byState: {}, total: 0 }, more: false, loading: false })),
  loadMore: async () => {},
};
const kNoEvents = nothing({});
