// The elements: <milepost-job>, <milepost-jobs> and <milepost-toasts>. Importing this file defines them.
import { setDefaultClient, useClient } from "./elements/clients.js";
import { MilepostJob } from "./elements/job_element.js";
import { MilepostJobs } from "./elements/jobs_element.js";
import { MilepostToasts } from "./elements/toasts_element.js";
import { connect } from "./milepost.js";

// A page that chooses no client gets one for where it came from, when its first element asks for it.
setDefaultClient(() => connect());

for (const [name, type] of /** @type {const} */ ([
  ["milepost-job", MilepostJob], ["milepost-jobs", MilepostJobs], ["milepost-toasts", MilepostToasts],
])) {
  // A page may come to import it twice, from two places.
  if (!customElements.get(name)) customElements.define(name, type);
}

export { MilepostJob, MilepostJobs, MilepostToasts, useClient };
