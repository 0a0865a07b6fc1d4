// What the elements take from a client, and what they know of a job. Types only.

/** @typedef {import("../types.js").JobState} JobState */
/** @typedef {import("../types.js").StepState} StepState */
/** @typedef {import("../types.js").Notice} Notice */
/** @typedef {import("../types.js").Artifact} Artifact */

/**
 * The newest request to a job's worker; `problem` is why it could not even be asked.
 * @typedef {{request?: string | number, action: string, phase?: string, reason?: string, problem?: string}} ControlRequest
 */

/**
 * An event as the stream brings it; `type` and the stream's own frames are told apart by the handler's name.
 * @typedef {{job: string, seq?: string, commitTime?: string, attempt?: number, resources?: string[], notice?: Notice,
 *   completed?: {message?: string}, failed?: {code?: string, message?: string, retryable?: boolean},
 *   cancelled?: {actor?: string, reason?: string}, status?: {state?: string, title?: string},
 *   step?: {id?: string, state?: string}, output?: {line?: {stream?: string, text?: string}}}} JobEvent
 */

/**
 * One job, live. `get()` is null until it is known.
 * @typedef {object} JobStore
 * @property {() => JobState | null} get
 * @property {(listener: (state: JobState | null) => void) => () => void} subscribe
 * @property {ControlRequest | null | undefined} request
 * @property {(reason?: string) => Promise<unknown>} cancel
 * @property {() => Promise<unknown>} pause
 * @property {() => Promise<unknown>} resume
 * @property {() => Promise<unknown>} retry
 */

/** @typedef {{jobs: JobState[], counts?: Record<string, any> | null, more?: boolean, loading?: boolean}} JobListState */

/**
 * @typedef {object} JobList
 * @property {() => JobListState} get
 * @property {(listener: (list: JobListState) => void) => () => void} subscribe
 * @property {() => unknown} loadMore
 */

/**
 * What the elements need of a client; `connect()` of `@milepost/client` returns one.
 * @typedef {object} ElementsClient
 * @property {(job: string) => JobStore} job
 * @property {(filter: {resource: string, kind?: string, state?: string, query?: string}) => JobList} jobs
 * @property {(type: any, handler: (event: any) => void) => unknown} on
 * @property {(type: any, handler: (event: any) => void) => unknown} off
 * @property {string} state connecting, live, polling, offline or closed
 * @property {string | null | undefined} reason
 * @property {number} reconnectCount
 * @property {() => unknown} retryNow
 * @property {() => unknown} close
 */

export {};
