// What travels, as protobuf's JSON writes it (proto/milepost/v1). Types only: nothing loads this file at run time.
//
// What is absent is unknown or does not apply. uint64 is a decimal string, a Timestamp RFC 3339 text, a Duration
// seconds with an "s".

/** @typedef {{[key: string]: unknown}} Struct */
/** @typedef {"QUEUED" | "RUNNING" | "WAITING" | "PAUSED" | "CANCELLING" | "STALLED"} ActiveState */
/** @typedef {ActiveState | "COMPLETED" | "FAILED" | "CANCELLED"} State */
/** @typedef {"STARTED" | "DONE" | "SKIPPED" | "CACHED" | "FAILED"} StepStateName */
/** @typedef {{id: string, title?: string, weight?: number, parent?: string}} PlannedStep */
/** @typedef {PlannedStep & {state?: StepStateName, fraction?: number, message?: string}} StepState */
/** @typedef {{severity?: "INFO" | "WARNING" | "ERROR", code?: string, text?: string, content?: Struct}} Notice */
/** @typedef {{name: string, uri?: string, mediaType?: string, sizeBytes?: string, metadata?: Struct}} Artifact */
/** @typedef {{code?: string, message?: string, retryable?: boolean}} JobError */
/** @typedef {"CANCEL" | "PAUSE" | "RESUME" | "RETRY"} Action */
/** @typedef {"REQUESTED" | "DELIVERED" | "HONOURED" | "REFUSED" | "TIMED_OUT"} Phase */

/**
 * A job as its events add up. Estimates (eta, etaP90, startEta) count from updateTime.
 * @typedef {{
 *   job: string, kind?: string, state?: State, title?: string, message?: string, attempt?: number, overall?: number,
 *   eta?: string, etaP90?: string, startEta?: string, queuePosition?: number, step?: string, steps?: StepState[],
 *   metadata?: Struct, notice?: Notice, warnings?: number, artifacts?: Artifact[], output?: Struct,
 *   outputTail?: string[], error?: JobError, skipped?: boolean, labels?: {[key: string]: string}, resources?: string[],
 *   stalledReason?: string, deadline?: string, createTime?: string, startTime?: string, progressTime?: string,
 *   endTime?: string, updateTime?: string, cursor?: string,
 * }} JobState
 */

/** @typedef {{byState?: {[state: string]: number}, total?: number}} JobCounts */
/** @typedef {{request: string, action: Action, phase: Phase, reason?: string}} ControlRequest */

/** @typedef {{status: {state?: ActiveState, message?: string, title?: string, kind?: string, deadline?: string, labels?: {[key: string]: string}, queuePosition?: number, steps?: PlannedStep[]}}} StatusEvent */
/** @typedef {{step: {id?: string, state?: StepStateName, message?: string}}} StepEvent */
/** @typedef {{progress: {step?: string, fraction?: number, done?: number, total?: number, unit?: string, message?: string}}} ProgressReport */
/** @typedef {{notice: Notice}} NoticeEvent */
/** @typedef {{output: {line?: {stream?: string, text?: string}, chunk?: {offset?: string, text?: string}, artifact?: Artifact}}} OutputEvent */
/** @typedef {{completed: {artifacts?: Artifact[], output?: Struct, message?: string, skipped?: boolean}}} CompletedEvent */
/** @typedef {{failed: {code?: string, message?: string, retryable?: boolean, details?: Struct}}} FailedEvent */
/** @typedef {{cancelled: {actor?: string, reason?: string}}} CancelledEvent */
/** @typedef {{control: {request?: string, action: Action, phase: Phase, actor?: string, reason?: string, deadline?: string}}} ControlEvent */
/** @typedef {{custom: {name: string, payload?: Struct}}} CustomEvent */

/**
 * @typedef {{
 *   job: string, seq?: string, resources?: string[], time?: string, commitTime?: string, attempt?: number,
 *   correlationId?: string, traceparent?: string, metadata?: Struct,
 *   overall?: number, eta?: string, etaP90?: string, startEta?: string,
 * }} EventBase
 */
/** @typedef {StatusEvent | StepEvent | ProgressReport | NoticeEvent | OutputEvent | CompletedEvent | FailedEvent | CancelledEvent | ControlEvent | CustomEvent} EventKind */
/** @typedef {EventBase & EventKind} ProgressEvent */

/** @typedef {{type: "connected", resources: string[], cursor: string, heartbeat: string}} Connected */
/** @typedef {{type: "snapshot", resource: string, cursor: string, jobs: JobState[], counts: JobCounts, more: boolean}} Snapshot */
/** @typedef {{type: "reset", reason: "expired" | "epoch" | "future" | "malformed", oldest: string}} Reset */
/** @typedef {{type: "goodbye", reason: "draining" | "token-expired" | "revoked" | "shed" | "ended"}} Goodbye */

/**
 * What a stream tells, by `type`. A custom event's type is its own name, and its data an EventBase & CustomEvent.
 * @typedef {(
 *   {type: "job-status", id: string, data: EventBase & StatusEvent} |
 *   {type: "step-status", id: string, data: EventBase & StepEvent} |
 *   {type: "step-progress", id: string, data: EventBase & ProgressReport} |
 *   {type: "notice" | "warning" | "job-error", id: string, data: EventBase & NoticeEvent} |
 *   {type: "output", id: string, data: EventBase & OutputEvent} |
 *   {type: "job-completed", id: string, data: EventBase & CompletedEvent} |
 *   {type: "job-failed", id: string, data: EventBase & FailedEvent} |
 *   {type: "job-cancelled", id: string, data: EventBase & CancelledEvent} |
 *   {type: "job-control", id: string, data: EventBase & ControlEvent} |
 *   {type: "connected", id: string, data: Connected} |
 *   {type: "snapshot", id: string, data: Snapshot} |
 *   {type: "reset", id: string, data: Reset} |
 *   {type: "goodbye", id: string, data: Goodbye}
 * )} Frame
 */

/** @typedef {{[F in Frame as F["type"]]: F["data"]} & {state: StateChange, error: import("./errors.js").MilepostError}} DataByType */
/** What handlers of a name get. @template {string} T @typedef {T extends keyof DataByType ? DataByType[T] : EventBase & CustomEvent} DataOf */

/** @typedef {"connecting" | "live" | "polling" | "offline" | "closed"} ConnectionState */
/** @typedef {{state: ConnectionState, reason: string | null, reconnectCount: number}} StateChange */
/** @typedef {"sse" | "poll"} Transport */

/** @typedef {string | (() => string | null | undefined | Promise<string | null | undefined>)} Token */
/** @typedef {{now(): number, setTimeout(run: () => void, ms: number): unknown, clearTimeout(timer: unknown): void}} Clock */
/** @typedef {(level: "debug" | "info" | "warn", message: string, details?: unknown) => void} Log */

export {};
