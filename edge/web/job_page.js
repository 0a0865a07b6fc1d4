// One job's own page: the job, its steps on a time line, its newest output, and what else is known of it.
import { element } from "../../clients/web/elements/dom.js";
import { overallOf, percent } from "../../clients/web/elements/words.js";
import { factsOf } from "./facts.js";
import { readHistory } from "./history.js";
import { OutputView } from "./output_view.js";
import { listHash } from "./route.js";
import { Timeline } from "./timeline.js";
import { TimelineView } from "./timeline_view.js";

/** @typedef {import("../../clients/web/client.js").MilepostClient} MilepostClient */
/** @typedef {import("../../clients/web/job_store.js").JobStore} JobStore */

const kTimelineEvents = ["job-status", "step-status", "step-progress", "job-completed", "job-failed", "job-cancelled"];

/** @param {string} id */
const byId = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

/** @param {any} event */
function lineOf({ output }) {
  return output?.line ? [{ text: output.line.text ?? "", stream: output.line.stream ?? "" }] : [];
}

export class JobPage {
  #job = "";
  /** @type {JobStore | undefined} */
  #store;
  /** @type {(() => void)[]} */
  #held = [];
  #timeline = new Timeline();
  #timelineView = new TimelineView(byId("timeline"));
  #output = new OutputView(byId("output"), byId("lines"), byId("follow"));
  /** Live events that wait until the history before them is there; undefined: it is. @type {any[] | undefined} */
  #waiting;
  #facts = "";

  /** @param {MilepostClient} client */
  constructor(client) {
    this.client = client;
    byId("job").addEventListener("milepost-logs", (event) => {
      if (byId("output").hidden) return;
      event.preventDefault();
      byId("lines").focus();
    });
  }

  get title() {
    const state = this.#store?.get();
    const overall = state ? overallOf(state) : undefined;
    return `${overall === undefined ? "" : `${percent(overall)} `}${state?.title || this.#job} · Milepost`;
  }

  /** @param {string} job */
  show(job) {
    if (job === this.#job) return;
    this.hide();
    this.#job = job;
    byId("job").setAttribute("job", job);
    byId("missing-name").textContent = job;
    this.#store = this.client.job(job);
    this.#hold(this.#store.subscribe(() => this.#draw()));
    this.#hold(this.client.on("snapshot", (snapshot) => {
      if (snapshot.resource === job && !snapshot.more) this.#missing(snapshot.jobs.length === 0);
    }));
    this.#hold(this.client.on("reset", () => this.#read()));
    const live = (/** @type {any} */ event) => {
      if (event.job !== job) return;
      if (this.#waiting) this.#waiting.push(event);
      else this.#apply([event]);
    };
    for (const type of [...kTimelineEvents, "output"]) this.#hold(this.client.on(type, live));
    const timer = setInterval(() => this.#drawTimeline(), 1000);
    this.#hold(() => clearInterval(timer));
    this.#read();
    this.#draw();
  }

  hide() {
    for (const release of this.#held.splice(0)) release();
    byId("job").removeAttribute("job");
    this.#job = "";
    this.#store = undefined;
    this.#missing(false);
  }

  /** Reads what happened before, and then what came meanwhile. */
  async #read() {
    const job = this.#job;
    const stop = new AbortController();
    this.#hold(() => stop.abort());
    this.#timeline = new Timeline();
    this.#output.clear();
    this.#waiting = [];
    let newest = 0;
    /** @type {{text: string, stream: string}[]} */
    let lines = [];
    const complete = await readHistory(this.client.http, job, stop.signal, (events) => {
      for (const event of events) {
        this.#timeline.apply(event);
        lines.push(...lineOf(event));
        newest = Number(event.seq ?? newest);
      }
    }).catch(() => false); // The connection's state tells that the edge is away.
    if (job !== this.#job || stop.signal.aborted) return;
    if (!complete) lines = (this.#store?.get()?.outputTail ?? []).map((text) => ({ text, stream: "" }));
    this.#output.add(lines);
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    this.#apply(complete ? waiting.filter(({ seq }) => Number(seq ?? 0) > newest) : waiting);
    this.#drawTimeline();
  }

  /** @param {any[]} events */
  #apply(events) {
    for (const event of events) this.#timeline.apply(event);
    this.#output.add(events.flatMap(lineOf));
  }

  #draw() {
    const state = this.#store?.get() ?? null;
    if (state) this.#missing(false);
    this.#drawTimeline();
    const facts = factsOf(state, (resource) => listHash({ resource, state: "", kind: "", query: "" }));
    const key = JSON.stringify(facts);
    if (key === this.#facts) return;
    this.#facts = key;
    this.#drawFacts(facts);
  }

  #drawTimeline() {
    this.#timelineView.draw(this.#timeline, this.#store?.get() ?? null);
  }

  /** @param {import("./facts.js").Fact[]} facts */
  #drawFacts(facts) {
    const panel = byId("facts");
    panel.querySelector("dl")?.remove();
    panel.hidden = facts.length === 0;
    const list = element("dl", "facts", panel);
    for (const { name, value, href } of facts) {
      const pair = element("div", "", list);
      element("dt", "", pair).textContent = name;
      const described = element("dd", "", pair);
      const node = href ? element("a", "", described) : described;
      if (href) node.setAttribute("href", href);
      if (href && !href.startsWith("#")) node.setAttribute("rel", "noopener noreferrer");
      node.textContent = value;
    }
  }

  /** @param {boolean} missing */
  #missing(missing) {
    byId("missing").hidden = !missing;
    byId("job-panels").hidden = missing;
  }

  /** @param {() => void} release */
  #hold(release) {
    this.#held.push(release);
  }
}
