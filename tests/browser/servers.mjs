// Starts Milepost's servers for a test and ends them again.
import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import readline from "node:readline";

export const kDeadlineMs = 30_000; // Anything of a test may take so long.

/** Rejects if `promise` takes too long. */
export async function inTime(promise, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`still waiting for ${what}`)), kDeadlineMs);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** A server that is ready: `address` is "127.0.0.1:PORT". */
export class Server {
  static async start(name, listen, ...flags) {
    const server = new Server();
    const program = path.join(process.env.MILEPOST_BIN ?? "build/release/bin", name);
    server.child = spawn(program, [`--listen=${listen}`, ...(name === "milepost-eventd" ? ["--log=memory"] : []), ...flags], { stdio: ["ignore", "pipe", "pipe"] });
    server.errors = "";
    server.child.stderr.on("data", (text) => (server.errors += text));
    const lines = readline.createInterface({ input: server.child.stdout });
    const ready = new Promise((resolve, reject) => {
      lines.on("line", (line) => line.startsWith("listening on ") && resolve(line.slice("listening on ".length)));
      server.child.on("exit", (status) => reject(new Error(`${name} ended with ${status}: ${server.errors}`)));
      server.child.on("error", reject);
    });
    server.address = await inTime(ready, name);
    return server;
  }

  /** Ends it; SIGKILL is a crash, SIGTERM a clean stop. */
  async stop(signal = "SIGTERM") {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = once(this.child, "exit");
    this.child.kill(signal);
    await inTime(ended, `the end of ${this.child.spawnfile}`);
  }
}

/** Publishes events by HTTP; all must be accepted. While the service is away (503) it asks again, as a publisher does. */
export async function publish(edge, ...events) {
  const deadline = Date.now() + kDeadlineMs;
  let answer = await post(edge, events);
  while (answer.status === 503 && Date.now() < deadline) {
    await answer.arrayBuffer();
    answer = await post(edge, events);
  }
  const { results } = await answer.json();
  const bad = results?.find((result) => result.error);
  if (!answer.ok || bad) throw new Error(`publish: ${answer.status} ${JSON.stringify(bad)}`);
}

function post(edge, events) {
  return fetch(`http://${edge.address}/v1/events`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(events),
    signal: AbortSignal.timeout(kDeadlineMs),
  });
}
