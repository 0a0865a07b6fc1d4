// The elements on somebody's page, with the edge's own files and the client that they make for themselves.
import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { Browser, kOptions } from "./chromium.mjs";
import { Server, publish } from "./servers.mjs";

const kPage = `<!doctype html><html lang="en"><title>A page</title>
<script type="module" src="/milepost/elements.js"></script>
<milepost-job job="job:film"></milepost-job>
<milepost-jobs resource="user:7"></milepost-jobs>
<milepost-toasts></milepost-toasts>`;

let browser;
let eventd;
let edge;
let page;
let faults;

before(async () => {
  browser = await Browser.start();
  eventd = await Server.start("milepost-eventd", "127.0.0.1:0");
  edge = await Server.start("milepost-edge", "127.0.0.1:0", `--eventd=${eventd.address}`);
});

after(async () => {
  await browser?.stop();
  await edge?.stop("SIGKILL");
  await eventd?.stop("SIGKILL");
});

afterEach(async () => {
  await page?.close();
  assert.deepEqual(faults, []);
});

/** Opens the page as the edge's own would be served, policy and all. */
async function openPage() {
  ({ page, faults } = await browser.newPage());
  const policy = (await fetch(`http://${edge.address}/`)).headers.get("content-security-policy");
  await page.route("**/somebodys-page", (route) => route.fulfill({ contentType: "text/html", headers: { "Content-Security-Policy": policy }, body: kPage }));
  await page.goto(`http://${edge.address}/somebodys-page`);
}

test("a script and an element show a job, a list and what happens", kOptions, async () => {
  await openPage();
  await page.locator('milepost-job [data-look="unknown"]').waitFor();
  await publish(edge, { job: "job:film", resources: ["user:7"], status: { state: "RUNNING", title: "Trailer" } });
  await publish(edge, { job: "job:film", progress: { step: "render", fraction: 0.4, message: "frame 96" } });
  await page.locator('milepost-job .whole[aria-valuenow="40"]').waitFor();
  await page.locator('milepost-jobs .bar[aria-valuenow="40"]').waitFor();
  await page.getByRole("button", { name: "Cancel Trailer" }).click();
  await page.locator("milepost-job .request", { hasText: "Cancel: requested" }).waitFor();
  await publish(edge, { job: "job:film", completed: { message: "cut" } });
  await page.locator('milepost-job [data-look="completed"]').waitFor();
  await page.locator("milepost-toasts .toast", { hasText: "Trailer: completed" }).waitFor();
});

test("an element that shows another job lets go of the first, one that leaves lets go of all", kOptions, async () => {
  await publish(edge, { job: "job:a", status: { state: "RUNNING", title: "First" } }, { job: "job:b", status: { state: "RUNNING", title: "Second" } });
  await openPage();
  await page.evaluate(async () => {
    document.querySelectorAll("milepost-jobs, milepost-toasts").forEach((node) => node.remove());
    window.client = (await import("/milepost.js")).connect();
    document.querySelector("milepost-job").job = "job:a";
  });
  await page.getByRole("heading", { name: "First" }).waitFor();
  await page.evaluate(() => (document.querySelector("milepost-job").job = "job:b"));
  await page.getByRole("heading", { name: "Second" }).waitFor();
  assert.equal(await page.getByRole("heading").count(), 1);
  await page.evaluate(() => document.querySelector("milepost-job").remove());
  await page.waitForFunction(() => window.client.state === "closed" && window.client.reason === "idle");
});
