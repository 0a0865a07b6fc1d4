// The page of all states. What is shown is chosen by the address: ?show=jobs&count=500 for a list, else cards.
import { useClient } from "/clients/web/elements.js";
import { FakeClient } from "/gallery/fake_client.js";
import { kStates, manyJobs } from "/gallery/gallery_states.js";

const client = new FakeClient();
useClient(client);
const gallery = document.getElementById("gallery");
const query = new URLSearchParams(location.search);
Object.assign(window, { client, kStates, manyJobs });

function add(tag, attributes) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return gallery.appendChild(node);
}

/** The address of a picture must be whole, and the server's port is another one every time. */
function withOrigin(state) {
  const artifacts = state?.artifacts?.map((artifact) => ({ ...artifact, uri: artifact.uri.replace(/^\//, `${location.origin}/`) }));
  return artifacts ? { ...state, artifacts } : state;
}

if (query.get("show") === "jobs") {
  gallery.style.display = "block";
  client.set(...manyJobs(Number(query.get("count") ?? 500)));
  add("milepost-jobs", { resource: "job:*", href: "#/job/{job}" });
} else if (query.get("show") !== "nothing") {
  for (const [name, state] of Object.entries(kStates)) {
    if (state) client.set(withOrigin(state));
    add("milepost-job", { job: state?.job ?? "job:42", id: name, heading: "2" });
  }
}
document.documentElement.dataset.ready = "";
