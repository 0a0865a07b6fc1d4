// A proxy in front of an edge: counts what is open, asks for a token, can cut everything.
import { once } from "node:events";
import http from "node:http";

export class Proxy {
  open = 0; // Streams.
  most = 0; // Of them at once.
  requests = []; // {path, authorization, method}
  authorize = () => 200; // What it says to a request for /v1/…: a status.
  mute = false; // Streams get their header and nothing more.
  #streams = new Set();

  static async start(address) {
    const proxy = new Proxy();
    proxy.target = address;
    proxy.server = http.createServer((request, response) => proxy.#pass(request, response));
    proxy.server.listen(0, "127.0.0.1");
    await once(proxy.server, "listening");
    proxy.url = `http://127.0.0.1:${proxy.server.address().port}`;
    return proxy;
  }

  count(prefix) {
    return this.requests.filter(({ path }) => path.startsWith(prefix)).length;
  }

  /** Ends all streams as a broken network does. */
  cut() {
    for (const stream of this.#streams) stream.destroy();
  }

  async stop() {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, "close");
  }

  #pass(request, response) {
    const path = request.url;
    this.requests.push({ path, authorization: request.headers.authorization, method: request.method });
    const status = path.startsWith("/v1/") ? this.authorize(request) : 200;
    if (status !== 200) {
      response.writeHead(status, { "Content-Type": "application/problem+json" });
      response.end(JSON.stringify({ title: "Refused", status, detail: "the stand-in refuses this token" }));
      return;
    }
    const [host, port] = this.target.split(":");
    const onward = http.request({ host, port, path, method: request.method, headers: request.headers }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      response.flushHeaders();
      if (!this.mute || !path.startsWith("/v1/events?")) answer.pipe(response);
      answer.on("error", () => response.destroy());
    });
    onward.on("error", () => (response.headersSent ? response.destroy() : response.writeHead(502).end()));
    request.pipe(onward);
    if (path.startsWith("/v1/events?") || path.startsWith("/v1/events:watch")) {
      this.#streams.add(response);
      this.most = Math.max(this.most, ++this.open);
      response.on("close", () => {
        this.open--;
        this.#streams.delete(response);
      });
    }
    response.on("close", () => onward.destroy());
  }
}
