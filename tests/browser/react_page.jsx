// A page of React components for tests: `show` draws what is asked for, `log` says what happened.
import { StrictMode, useMemo } from "react";
import { createRoot } from "react-dom/client";
import { flushSync } from "react-dom";
import { connect } from "@milepost/client";
import { MilepostProvider, useEvents, useJob, useJobs } from "@milepost/client/react";

const log = (window.log = { states: [], ends: [], events: [], drawn: [], updates: 0 });
const tokens = (window.tokens = ["token-1"]); // The newest one is the last.

function note(list, value) {
  if (list.at(-1) !== value) list.push(value);
}

function Job({ id, name = "job" }) {
  const shown = useJob(id, {
    onCompleted: (job) => log.ends.push(`${name} ${job.state}`),
    onFailed: (job) => log.ends.push(`${name} ${job.state} ${job.error?.code}`),
  });
  const { job, error, state, request } = shown;
  note(log.states, state);
  log.drawn.push(document.timeline.currentTime);
  window.job = shown;
  return (
    <p id={name} data-link={state} data-state={job?.state} data-error={error?.code} data-request={request?.phase}>
      {job?.message}
    </p>
  );
}

function Jobs({ resource, state }) {
  const list = useJobs({ resource, state });
  window.list = list;
  return <ul data-link={list.state}>{list.jobs.map(({ job }) => <li key={job}>{job}</li>)}</ul>;
}

function Events({ resources, name = "events" }) {
  const { state, error, retryNow } = useEvents(resources && [...resources], {
    "step-progress": ({ progress }) => log.events.push(`${name} ${progress.fraction}`),
    "job-completed": ({ job }) => log.events.push(`${name} end of ${job}`),
    custom: ({ custom }) => log.events.push(`${name} ${custom.name}`),
  });
  window.retryEvents = retryNow;
  return <p id="events" data-link={state} data-error={error?.code} />;
}

const kParts = { Job, Jobs, Events };

/** `token`: a provider of its own, with the newest token of now; `shared`: the page's client. */
function Page({ strict, token, shared, parts = [] }) {
  const newest = tokens.at(-1);
  const client = useMemo(() => (shared ? (window.client = connect()) : undefined), [shared]);
  let page = parts.map(([kind, props], i) => {
    const Part = kParts[kind];
    return <Part key={i} {...props} />;
  });
  if (token) page = <MilepostProvider url={location.origin} token={() => newest}>{page}</MilepostProvider>;
  if (client) page = <MilepostProvider client={client}>{page}</MilepostProvider>;
  return strict ? <StrictMode>{page}</StrictMode> : page;
}

const root = createRoot(document.getElementById("root"));
window.show = (what) => flushSync(() => root.render(what && <Page {...what} />));
document.documentElement.dataset.ready = "";
