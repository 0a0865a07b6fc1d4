// A list of jobs, as a component shows it.
import { View } from "./view.js";

/** @typedef {import("../job_list.js").JobFilter} JobFilter */
/** @typedef {import("../job_list.js").JobListState} JobListState */

/** @type {JobListState} */
const kUnknown = { jobs: [], counts: { byState: {}, total: 0 }, more: false, loading: true };

/** @extends {View<JobListState>} */
export class JobsView extends View {
  /** @param {import("./home.js").Home} home @param {JobFilter} filter */
  constructor(home, filter) {
    super(home);
    this.filter = filter;
  }

  /** @override @param {import("./view.js").MilepostClient | undefined} client */
  facts(client) {
    try {
      return client?.jobs(this.filter).get() ?? kUnknown;
    } catch {
      return kUnknown; // `hold` tells why.
    }
  }

  /** @override @param {import("./view.js").MilepostClient} client @param {() => void} changed */
  hold(client, changed) {
    return client.jobs(this.filter).subscribe(changed);
  }

  /** Fetches the next older ones. */
  loadMore = async () => {
    await this.home.known()?.jobs(this.filter).loadMore();
  };
}
