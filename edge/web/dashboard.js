// The dashboard: all jobs or those of a resource, and a page for each of them, live.
//
// This is the page as a whole: which of its parts is shown, and what they are given. The address says what is shown
// (route.js); the elements of clients/web show it.
import { useClient } from "../../clients/web/elements.js";
import { connect } from "../../clients/web/milepost.js";
import { ConnectionView } from "./connection_view.js";
import { FilterView } from "./filter_view.js";
import { JobPage } from "./job_page.js";
import { Meter } from "./meters.js";
import { kAllJobs, listHash, parseRoute } from "./route.js";

/** @typedef {import("./route.js").Route} Route */
/** @typedef {import("../../clients/web/job_list.js").JobList} JobList */

/** @param {string} id */
const byId = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

class Page {
  #client = connect();
  #filter = new FilterView();
  #job = new JobPage(this.#client);
  #events = new Meter(byId("meter-events"), "Events per second");
  #running = new Meter(byId("meter-running"), "Running jobs");
  #seen = 0; // Events that were counted.
  #resource = "";
  /** @type {JobList | undefined} */
  #list;
  #release = () => {};
  #scrolled = 0; // Where the list stood when a job was opened.
  #frame = 0;
  /** @type {Route} */
  #route = parseRoute("");

  start() {
    useClient(this.#client);
    new ConnectionView(this.#client).draw();
    addEventListener("hashchange", () => this.#show());
    byId("jobs").addEventListener("milepost-list", () => this.#changed());
    // Before the page is left for a job, while the list still stands where it stood.
    byId("jobs").addEventListener("milepost-select", () => (this.#scrolled = scrollY));
    setInterval(() => this.#measure(), 1000);
    this.#show();
  }

  #show() {
    const before = this.#route;
    const route = (this.#route = parseRoute(location.hash));
    const isJob = route.page === "job";
    byId("job-page").hidden = !isJob;
    byId("list-page").hidden = isJob;
    if (route.page === "job") {
      if (!this.#resource) this.#hold(kAllJobs);
      this.#job.show(route.job);
      scrollTo(0, 0);
      if (before.page !== "job" || before.job !== route.job) byId("job-page").focus({ preventScroll: true });
    } else {
      this.#job.hide();
      this.#showList(route.filter);
      if (before.page === "job") scrollTo(0, this.#scrolled);
    }
    this.#changed();
  }

  /** @param {import("./route.js").Filter} filter */
  #showList(filter) {
    const resource = filter.resource || kAllJobs;
    this.#hold(resource);
    this.#filter.show(filter);
    byId("back").setAttribute("href", listHash(filter));
    for (const [name, value] of Object.entries({ resource, state: filter.state, kind: filter.kind, query: filter.query })) {
      byId("jobs").setAttribute(name, value);
    }
    const filtered = Boolean(filter.state || filter.kind || filter.query || filter.resource);
    byId("none").hidden = !filtered;
    byId("empty").hidden = filtered;
  }

  /** Holds all jobs of the resource, for counts and kinds, and tells what happens to them. @param {string} resource */
  #hold(resource) {
    if (resource === this.#resource) return;
    this.#resource = resource;
    const before = this.#release;
    this.#list = this.#client.jobs({ resource });
    this.#release = this.#list.subscribe(() => this.#changed());
    before();
    byId("toasts").setAttribute("resource", resource);
  }

  /** Draws at the next frame, however much happened until then. */
  #changed() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      const { jobs = [], counts = {} } = this.#list?.get() ?? {};
      this.#filter.setCounts(counts);
      this.#filter.setKinds(jobs.map(({ kind }) => kind ?? ""));
      const running = counts.byState?.RUNNING ?? 0;
      const title = this.#route.page === "job" ? this.#job.title : running ? `(${running}) Milepost` : "Milepost";
      if (document.title !== title) document.title = title;
    });
  }

  #measure() {
    const { events } = this.#client.stats();
    this.#events.add(events - this.#seen);
    this.#seen = events;
    this.#running.add(this.#list?.get().counts.byState?.RUNNING ?? 0);
    if (this.#route.page === "job") this.#changed(); // Its title tells how far it is.
  }
}

new Page().start();
