// <milepost-jobs resource="user:7">: a live list, newest first, of any length: only the rows that can be seen are drawn.
import { MilepostElement } from "./base_element.js";
import { now, sawTime } from "./clock.js";
import { element } from "./dom.js";
import { JobRow } from "./job_row.js";
import { kNarrowRow, kWideRow, jobsSheet } from "./jobs_styles.js";
import { tokens } from "./tokens.js";
import { keepPlace, windowOf } from "./window.js";

/** @typedef {import("./types.js").JobState} JobState */
/** @typedef {import("./types.js").JobList} JobList */
/** @typedef {import("./types.js").ElementsClient} ElementsClient */

const kNarrowPx = 720; // Below this width a row has several lines.

/**
 * Attributes: `resource`, a resource or pattern (job:*); `kind`, `state` ("active", "ended" or a state in lower case) and
 * `query`, what to show of it; `href`, where a job's own page is, with {job} for its name; `label`, for screen readers.
 * Slots: `empty`, shown when there is nothing to show.
 *
 * Events: `milepost-list` {count, counts, more, loading} when they change; `milepost-select` {job}, which can be prevented.
 * Keys: up, down, page up and down, home, end move from job to job; enter opens it.
 */
export class MilepostJobs extends MilepostElement {
  static observedAttributes = ["resource", "kind", "state", "query", "href", "label"];

  /** @type {JobList | undefined} */
  #list;
  /** @type {JobState[]} */
  #jobs = [];
  /** @type {string[]} */
  #names = [];
  /** @type {Map<string, JobRow>} */
  #rows = new Map();
  /** @type {JobRow[]} */
  #spare = [];
  #current = ""; // The job whose row takes the keyboard's focus.
  #told = "";
  #searched = false; // Older jobs that fit the filter were asked for.
  #resized = new ResizeObserver(() => this.changed());

  constructor() {
    super([tokens, jobsSheet]);
    const root = this.shadow;
    this.list = element("ul", "list", root);
    this.list.setAttribute("role", "list");
    this.list.setAttribute("part", "list");
    this.list.addEventListener("keydown", (event) => this.#key(event));
    this.list.addEventListener("click", (event) => this.#selected(event));
    this.skeleton = element("div", "skeleton", root);
    for (let i = 0; i < 3; i++) element("div", "bone", this.skeleton);
    this.empty = root.appendChild(document.createElement("slot"));
    this.empty.name = "empty";
    element("p", "none", this.empty).textContent = "No jobs.";
    this.more = element("button", "more", root);
    this.more.type = "button";
    this.more.textContent = "Older jobs";
    this.more.addEventListener("click", () => this.#loadMore());
  }

  connectedCallback() {
    super.connectedCallback();
    this.#resized.observe(this);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.#resized.disconnect();
  }

  /** @param {ElementsClient} client */
  attach(client) {
    this.#list = undefined;
    const resource = this.getAttribute("resource");
    if (!resource) return;
    /** @type {{resource: string, kind?: string, state?: string, query?: string}} */
    const filter = { resource };
    for (const name of /** @type {const} */ (["kind", "state", "query"])) {
      const value = this.getAttribute(name);
      if (value) filter[name] = value;
    }
    this.#searched = Object.keys(filter).length === 1;
    this.#list = client.jobs(filter);
    this.hold(this.#list.subscribe(() => this.changed()));
    const scrolled = () => this.changed();
    document.addEventListener("scroll", scrolled, { capture: true, passive: true });
    this.hold(() => document.removeEventListener("scroll", scrolled, { capture: true }));
  }

  draw() {
    const { jobs, counts, more, loading } = this.#list?.get() ?? { jobs: [], loading: true };
    this.#jobs = jobs;
    if (jobs.length > 0) sawTime(jobs[0].updateTime);
    this.skeleton.hidden = !(loading && jobs.length === 0);
    this.empty.hidden = jobs.length > 0 || Boolean(loading);
    this.more.hidden = !more;
    this.more.setAttribute("aria-disabled", String(Boolean(loading)));
    this.list.hidden = jobs.length === 0;
    this.list.setAttribute("aria-label", this.getAttribute("label") ?? "Jobs");
    this.#place();
    // What the filter asks for may lie beyond the jobs that came by themselves.
    if (more && !loading && !this.#searched) this.#loadMore();
    const told = JSON.stringify([jobs.length, counts, more, loading]);
    if (told === this.#told) return;
    this.#told = told;
    const detail = { count: jobs.length, counts, more: Boolean(more), loading: Boolean(loading) };
    this.dispatchEvent(new CustomEvent("milepost-list", { detail, bubbles: true, composed: true }));
  }

  #loadMore() {
    this.#searched = true;
    // What went wrong is told by the connection's state; the button is still there.
    Promise.resolve(this.#list?.loadMore()).catch(() => {});
  }

  tick() {
    const at = now();
    const states = new Map(this.#visible().map((state) => [state.job, state]));
    for (const [name, row] of this.#rows) {
      const state = states.get(name);
      if (state) row.tick(state, at);
    }
  }

  // ---- The rows that can be seen ----------------------------------------------------------------------------

  get #rowHeight() {
    return this.clientWidth < kNarrowPx ? kNarrowRow : kWideRow;
  }

  #seen() {
    const list = this.list.getBoundingClientRect();
    const scroller = this.scrollHeight > this.clientHeight + 1 ? this.getBoundingClientRect() : undefined;
    return {
      top: Math.max(0, scroller?.top ?? 0) - list.top,
      bottom: Math.min(innerHeight, scroller?.bottom ?? innerHeight) - list.top,
    };
  }

  /** @returns {JobState[]} */
  #visible() {
    const { first, end } = windowOf({ count: this.#jobs.length, rowHeight: this.#rowHeight, ...this.#seen() });
    return this.#jobs.slice(first, end);
  }

  #place() {
    const rowHeight = this.#rowHeight;
    const names = this.#jobs.map(({ job }) => job);
    const by = keepPlace({ before: this.#names, after: names, rowHeight, top: this.#seen().top });
    this.#names = names;
    this.list.classList.toggle("narrow", rowHeight === kNarrowRow);
    this.list.style.height = `${names.length * rowHeight}px`;
    if (by !== 0) this.#scrollBy(by);
    const { first, end } = windowOf({ count: names.length, rowHeight, ...this.#seen() });
    if (!this.#current || !names.includes(this.#current)) this.#current = names[first] ?? "";
    const indices = Array.from({ length: end - first }, (_, i) => first + i);
    // The row that has the focus stays, wherever it is, or the focus would be lost.
    const focused = this.#focused();
    const at = focused ? names.indexOf(focused.job) : -1;
    if (at >= 0 && (at < first || at >= end)) indices.push(at);
    this.#free(new Set(indices.map((index) => names[index])));
    for (const index of indices) this.#drawRow(index, rowHeight);
  }

  /** @param {Set<string>} wanted */
  #free(wanted) {
    for (const [name, row] of this.#rows) {
      if (wanted.has(name)) continue;
      this.#rows.delete(name);
      row.root.remove();
      this.#spare.push(row);
    }
  }

  /**
   * @param {number} index
   * @param {number} rowHeight
   */
  #drawRow(index, rowHeight) {
    const state = this.#jobs[index];
    let row = this.#rows.get(state.job);
    if (!row) {
      row = this.#spare.pop() ?? new JobRow();
      this.#rows.set(state.job, row);
    }
    const href = this.getAttribute("href")?.replaceAll("{job}", encodeURIComponent(state.job).replaceAll("%3A", ":"));
    row.update(state, now(), href);
    row.link.tabIndex = state.job === this.#current ? 0 : -1;
    row.root.setAttribute("aria-posinset", String(index + 1));
    row.root.setAttribute("aria-setsize", String(this.#jobs.length));
    const transform = `translateY(${index * rowHeight}px)`;
    if (row.root.style.transform !== transform) row.root.style.transform = transform;
    if (row.root.parentNode !== this.list) this.list.append(row.root);
  }

  /** @param {number} pixels */
  #scrollBy(pixels) {
    const own = this.scrollHeight > this.clientHeight + 1;
    (own ? this : document.scrollingElement ?? document.documentElement).scrollBy({ top: pixels, behavior: "instant" });
  }

  // ---- Keys and clicks --------------------------------------------------------------------------------------

  #focused() {
    const active = this.shadow.activeElement;
    return active ? [...this.#rows.values()].find((row) => row.link === active) : undefined;
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const focused = this.#focused();
    if (!focused || event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === "Enter" && !focused.link.href) return this.#select(focused.job, event);
    const page = Math.max(1, Math.floor(innerHeight / this.#rowHeight) - 2);
    /** @type {Record<string, number>} */
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    const step = steps[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const to = Math.max(0, Math.min(this.#jobs.length - 1, this.#names.indexOf(focused.job) + step));
    this.#focusRow(to);
  }

  /** @param {number} index */
  #focusRow(index) {
    const rowHeight = this.#rowHeight;
    const { top, bottom } = this.#seen();
    this.#current = this.#names[index];
    const margin = rowHeight; // So that the next row can be seen too.
    if (index * rowHeight - margin < top) this.#scrollBy(index * rowHeight - margin - top);
    if ((index + 1) * rowHeight + margin > bottom) this.#scrollBy((index + 1) * rowHeight + margin - bottom);
    this.drawNow();
    this.#rows.get(this.#current)?.link.focus({ preventScroll: true });
  }

  /** @param {MouseEvent} event */
  #selected(event) {
    const row = [...this.#rows.values()].find(({ root }) => event.composedPath().includes(root));
    if (row) this.#select(row.job, event);
  }

  /**
   * @param {string} job
   * @param {Event} event
   */
  #select(job, event) {
    const detail = { job };
    const wanted = this.dispatchEvent(new CustomEvent("milepost-select", { detail, bubbles: true, composed: true, cancelable: true }));
    if (!wanted) event.preventDefault();
  }
}
