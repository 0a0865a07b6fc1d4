// A real, headless Chromium for tests, or exit status 77 ("skipped") where there is none.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { kDeadlineMs } from "./servers.mjs";
import { kRoot, skip, tool } from "./tools.mjs";

export const kPictures = path.join(kRoot, "build/browser");
export const kOptions = { timeout: 4 * kDeadlineMs };

const kChromium = "/usr/bin/chromium";
const kFlags = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--font-render-hinting=none", "--disable-lcd-text",
];

if (!existsSync(kChromium)) skip("there is no Chromium; run tools/setup browser");
const { chromium } = (await tool("playwright-core")).default;

/** The major version of what is installed: pictures by another one may differ. */
export const kChromiumVersion = execFileSync(kChromium, ["--version"], { encoding: "utf8" }).match(/\d+/)?.[0] ?? "unknown";

export class Browser {
  /** `options`: what else playwright's launchPersistentContext takes. */
  static async start(options = {}) {
    mkdirSync(kPictures, { recursive: true });
    const browser = new Browser();
    browser.profile = mkdtempSync(path.join(os.tmpdir(), "milepost-browser-"));
    browser.context = await chromium.launchPersistentContext(browser.profile, {
      executablePath: kChromium, headless: true, args: kFlags, locale: "en-GB", timezoneId: "UTC", ...options,
    });
    browser.context.setDefaultTimeout(kDeadlineMs);
    return browser;
  }

  async stop() {
    await this.context.close();
    rmSync(this.profile, { recursive: true, force: true });
  }

  /** A page whose complaints (exceptions, blocked resources) gather in `faults`. */
  async newPage() {
    const page = await this.context.newPage();
    const faults = [];
    page.on("pageerror", (error) => faults.push(error.message));
    page.on("console", (message) => {
      // A connection that was cut is told as an error too; that is what some tests do on purpose.
      if (message.type() === "error" && !message.text().includes("net::ERR_")) faults.push(message.text());
    });
    return { page, faults };
  }
}
