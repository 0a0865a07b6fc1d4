// What an application's types see; checked by the compiler, never run.
import { connect } from "../../clients/web/milepost.js";
import { MilepostProvider, useEvents, useJob, useJobs } from "../../clients/web/react.js";
import type { ReactElement } from "react";

export function use(id: string | null): string | undefined {
  const { job, request, error, state, reconnectCount, retryNow, cancel } = useJob(id, { onCompleted: ({ artifacts }) => artifacts?.[0].uri, onFailed: ({ error }) => error?.code });
  const { jobs, counts, more, loading, loadMore } = useJobs({ resource: "user:7", state: "active" });
  useEvents(["user:7"], {
    "step-progress": ({ progress, overall }) => [progress.fraction, overall],
    "job-error": ({ notice }) => notice.text,
    snapshot: (snapshot) => snapshot.jobs.length,
    custom: ({ custom }) => custom.payload,
  });
  // @ts-expect-error There is no such event.
  useEvents("user:7", { "step-progres": () => {} });
  // @ts-expect-error A job's progress is a number.
  const text: string | undefined = job?.overall;
  cancel("asked").then(({ phase }) => phase, retryNow);
  if (state === "closed" && error?.code === "UNAUTHENTICATED") loadMore();
  return [text, request?.phase, reconnectCount, jobs[0].job, counts.total, more, loading].join();
}

export const pages: ReactElement[] = [
  MilepostProvider({ url: "https://edge.example", token: async () => "t", children: "x" }),
  MilepostProvider({ client: connect() }),
];
