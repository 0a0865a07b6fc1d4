// The examples, and the README's pages of React, as a browser shows them.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { bundle, bundleText } from "./bundle.mjs";
import { Browser, kOptions } from "./chromium.mjs";
import { PageServer } from "./page_server.mjs";
import { Server, publish } from "./servers.mjs";
import { kRoot } from "./tools.mjs";

const kExamples = path.join(kRoot, "clients/web/examples");
const read = (name) => readFileSync(path.join(kExamples, name), "utf8");

let eventd;
let edge;
let server;
let browser;
let page;
let faults;

before(async () => {
  server = await PageServer.start(() => edge.address);
  browser = await Browser.start();
});

after(async () => {
  await browser?.stop();
  await server?.stop();
});

beforeEach(async () => {
  eventd = await Server.start("milepost-eventd", "127.0.0.1:0");
  edge = await Server.start("milepost-edge", "127.0.0.1:0", `--eventd=${eventd.address}`);
  ({ page, faults } = await browser.newPage());
});

afterEach(async () => {
  await page.close();
  await edge.stop("SIGKILL");
  await eventd.stop("SIGKILL");
  assert.deepEqual(faults, []);
});

const plan = { job: "job:42", status: { state: "RUNNING", title: "Export", steps: [{ id: "render", weight: 1 }] } };
const progress = (fraction) => ({ job: "job:42", progress: { step: "render", fraction } });
const barAt = (value) => page.waitForFunction((value) => document.querySelector("progress")?.value === value, value);

/** What a page shows, from before its job to the job's end, with a break in the middle. */
async function follows(url) {
  await page.goto(url);
  await barAt(0);
  await page.evaluate(() => (window.loadedOnce = true));
  await publish(edge, plan, progress(0.25));
  await barAt(0.25);
  const { address } = edge;
  await edge.stop("SIGKILL");
  edge = await Server.start("milepost-edge", address, `--eventd=${eventd.address}`);
  await publish(edge, progress(0.5));
  await barAt(0.5);
  assert.equal(await page.evaluate(() => window.loadedOnce), true);
  await page.reload();
  await barAt(0.5);
  await publish(edge, { job: "job:42", completed: {} });
  await barAt(1);
}

/** The lines between a script's tags. */
const script = (html) => html.match(/<script.*?>\n(.*?)\n *<\/script>/s)[1].split("\n");

for (const name of ["plain.html", "event_source.html"]) {
  test(`${name} follows a job with three lines`, kOptions, async () => {
    const html = read(name);
    assert.ok(script(html).length <= 3, script(html).join("\n"));
    server.pages = { "/example": html };
    await follows(`${server.origin}/example`);
  });
}

test("native EventSource stops by itself when the job has ended", kOptions, async () => {
  server.pages = { "/example": read("event_source.html") };
  await publish(edge, plan, progress(0.5));
  await page.goto(`${server.origin}/example`);
  await barAt(0.5);
  await publish(edge, { job: "job:42", completed: {} });
  await page.waitForFunction("events.readyState === EventSource.CLOSED");
  await barAt(1);
});

for (const react of [18, 19]) {
  test(`react.jsx follows a job with three lines, React ${react}`, kOptions, async () => {
    const own = read("react.jsx").split("\n").filter((line) => /milepost|job/i.test(line));
    assert.ok(own.length <= 3, own.join("\n"));
    server.pages = { "/examples/react.html": read("react.html"), "/examples/react.js": await bundle(path.join(kExamples, "react.jsx"), { react }) };
    await follows(`${server.origin}/examples/react.html`);
  });
}

test("the README's components do what it says", kOptions, async () => {
  const readme = readFileSync(path.join(kRoot, "clients/web/README.md"), "utf8");
  const samples = [...readme.matchAll(/^```jsx\n(.*?)^```$/gms)].map(([, text]) => text);
  const start = 'import { createRoot } from "react-dom/client"; createRoot(document.getElementById("root")).render(<App />);';
  server.clear();
  server.pages = {
    "/readme": '<!doctype html><div id="root"></div><script type="module" src="/readme.js"></script>',
    "/readme.js": await bundleText([...samples, start].join("\n")),
    "/token": "a-token",
  };
  const resources = ["user:7"];
  await publish(edge, { ...plan, resources }, progress(0.25));
  await page.goto(`${server.origin}/readme`);
  await barAt(0.25);
  await page.getByText("1 jobs").waitFor();
  await publish(edge, { job: "job:43", resources, status: { state: "RUNNING", message: "second" } }, { job: "job:42", notice: { text: "a notice" } });
  await page.locator("output", { hasText: "a notice" }).waitFor();
  await page.getByText("second").waitFor();
  await page.getByText("2 jobs").waitFor();
  await page.locator("section[aria-busy=false]").waitFor();
  const dialog = page.waitForEvent("dialog");
  const asked = page.waitForResponse(/job:43:cancel$/);
  await page.locator("p", { hasText: "second" }).getByRole("button", { name: "Cancel" }).click();
  assert.equal((await asked).status(), 202);
  await publish(edge, { job: "job:43", failed: { code: "INTERNAL", message: "broken" } });
  const alert = await dialog;
  assert.equal(alert.message(), "broken");
  await alert.accept();
  assert.deepEqual(new Set(server.requests.map(({ authorization }) => authorization)), new Set(["Bearer a-token"]));
});
