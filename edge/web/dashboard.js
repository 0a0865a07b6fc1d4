// The dashboard: every job whose name begins with "job:", live. A snapshot first, then what happens.
//
// This is the page as a whole: the list and its filter, the stream, the requests. What a job is: job_state.js; which
// jobs are known: job_table.js; how one is shown: job_card.js, in the words of job_words.js.
import { JobCard, setText } from "./job_card.js";
import { hasEnded } from "../../clients/web/job_state.js";
import { openStream } from "./job_stream.js";
import { JobTable } from "./job_table.js";
import { matches } from "./job_words.js";

const kResources = "job:*";
const kPageSize = 50; // Older jobs that are fetched at once.
const kSearchAfterMs = 300; // When nobody has typed for so long.

const byId = (id) => document.getElementById(id);

class Page {
  constructor() {
    this.table = new JobTable();
    this.cards = new Map();
    this.list = byId("jobs");
    this.text = byId("filter-text");
    this.kind = byId("filter-state");
    this.older = byId("older");
    this.moreOlder = false; // The service has jobs that the page does not.
    this.token = undefined; // Where the next page of older jobs begins.
    this.newest = 0; // No clock may be behind what has happened.
    this.waiting = false;
    setInterval(() => this.tick(), 1000);
    byId("filter").addEventListener("submit", (event) => event.preventDefault());
    byId("filter").addEventListener("input", () => this.filterChanged());
    this.older.addEventListener("click", () => this.fetchOlder());
  }

  now() {
    return Math.max(Date.now(), this.newest);
  }

  // ---- What happens ---------------------------------------------------------------------------------------

  event(event) {
    const entry = this.table.apply(event);
    if (!entry) return;
    this.newest = Math.max(this.newest, Date.parse(event.commitTime) || 0);
    if (event.completed || event.failed || event.cancelled || event.status?.state === "STALLED") {
      byId("announce").textContent = `${entry.state.title || entry.state.job}: ${entry.state.state.toLowerCase()}`;
    }
    this.changed();
  }

  connected() {
    setLink("live", "live");
  }

  snapshot({ jobs, cursor, more, counts }) {
    // A frame with the cursor of the one before goes on with it.
    this.told = { cursor, jobs: cursor === this.told?.cursor ? [...this.told.jobs, ...jobs] : jobs };
    this.table.replace(this.told.jobs);
    this.moreOlder = more || (counts.total ?? 0) > this.told.jobs.length;
    this.token = undefined;
    this.changed();
  }

  reset() {} // Its snapshot replaces everything.

  goodbye({ reason }) {
    setLink("waiting", `reconnecting (${reason})`);
  }

  broken() {
    setLink("waiting", "reconnecting");
  }

  // ---- Requests -------------------------------------------------------------------------------------------

  async ask(job, verb) {
    const action = verb.toUpperCase();
    const entry = this.table.jobs.get(job);
    if (!entry || (entry.request?.phase === "SENT" && entry.request.action === action)) return;
    entry.request = { seq: 0, action, phase: "SENT" };
    entry.changed = true;
    this.changed();
    this.table.asked(job, await this.post(`/v1/jobs/${encodeURIComponent(job)}:${verb}`, action));
    this.changed();
  }

  async post(path, action) {
    try {
      const answer = await fetch(path, { method: "POST" });
      const body = await answer.json();
      if (answer.status === 202) return { seq: Number(body.request), action, phase: body.phase };
      return { seq: 0, action, problem: body.detail ?? body.title };
    } catch {
      return { seq: 0, action, problem: "Milepost is out of reach" };
    }
  }

  // ---- Older jobs and the filter --------------------------------------------------------------------------

  filterChanged() {
    this.token = undefined;
    this.draw();
    clearTimeout(this.searching);
    if (this.text.value || this.kind.value) this.searching = setTimeout(() => this.fetchOlder(), kSearchAfterMs);
  }

  /** Fetches what the filter asks for and the page may not know, a page at a time. */
  async fetchOlder() {
    const query = new URLSearchParams({ resource: kResources, page_size: String(kPageSize) });
    if (this.text.value.trim()) query.set("query", this.text.value.trim().slice(0, 64));
    if (this.kind.value) query.set("state", this.kind.value);
    if (this.token) query.set("page_token", this.token);
    const asked = [this.text.value, this.kind.value].join("\n");
    try {
      // A query's '+' is no space here.
      const answer = await fetch(`/v1/jobs?${query.toString().replaceAll("+", "%20")}`);
      if (!answer.ok || asked !== [this.text.value, this.kind.value].join("\n")) return;
      const { jobs, nextPageToken } = await answer.json();
      for (const state of jobs) this.table.merge(state);
      this.token = nextPageToken;
      this.moreOlder = Boolean(nextPageToken);
      this.draw();
    } catch {
      // The stream tells that the edge is away.
    }
  }

  // ---- Drawing --------------------------------------------------------------------------------------------

  /** Draws at the next frame, however many events came since the last one. */
  changed() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.draw();
    });
  }

  draw() {
    this.table.trim();
    for (const [name, card] of this.cards) {
      if (this.table.jobs.has(name)) continue;
      card.root.remove();
      this.cards.delete(name);
    }
    let shown = 0;
    for (const [name, entry] of this.table.jobs) {
      const card = this.cards.get(name) ?? this.place(name, entry.state);
      if (entry.changed) card.update(entry, this.now());
      entry.changed = false;
      card.root.hidden = !matches(entry.state, this.text.value, this.kind.value);
      shown += card.root.hidden ? 0 : 1;
    }
    byId("empty").hidden = this.table.jobs.size > 0;
    byId("none").hidden = shown > 0 || this.table.jobs.size === 0;
    this.older.hidden = !this.moreOlder;
    this.drawCounts();
  }

  /** The newest job is on top. Cards that are there stay where they are, and so does the focus. */
  place(name, state) {
    const card = new JobCard(name, (verb) => this.ask(name, verb));
    const created = Date.parse(state.createTime);
    card.created = created;
    const next = [...this.list.children].find((other) => this.cards.get(other.dataset.job).created <= created);
    this.list.insertBefore(card.root, next ?? null);
    this.cards.set(name, card);
    return card;
  }

  drawCounts() {
    const counts = new Map();
    for (const { state } of this.table.jobs.values()) counts.set(state.state, (counts.get(state.state) ?? 0) + 1);
    const words = [...counts].map(([state, n]) => `${n} ${(state ?? "unknown").toLowerCase()}`);
    setText(byId("counts"), words.join(" · "));
    const active = [...this.table.jobs.values()].filter(({ state }) => !hasEnded(state)).length;
    document.title = active ? `(${active}) Milepost` : "Milepost";
  }

  tick() {
    for (const [name, { state }] of this.table.jobs) {
      if (!hasEnded(state)) this.cards.get(name)?.tick(state, this.now());
    }
  }
}

function setLink(state, text) {
  const link = byId("link");
  link.dataset.link = state;
  link.textContent = text;
}

openStream(kResources, new Page());
