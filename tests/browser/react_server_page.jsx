// A page of hooks as a server writes it.
import { renderToString } from "react-dom/server";
import { MilepostProvider, useEvents, useJob, useJobs } from "@milepost/client/react";

function Page({ id }) {
  const { job, state } = useJob(id);
  const list = useJobs({ resource: "user:7" });
  const events = useEvents(["user:7"], {});
  return <p>{[job === null, state, list.loading, list.state, events.state].join(" ")}</p>;
}

export const write = (id) => renderToString(<MilepostProvider url="http://edge" token={() => "t"}><Page id={id} /></MilepostProvider>);
export const writeWithout = (id) => renderToString(<Page id={id} />);
