// Serves pages that a test made; all else comes from an edge. Writes down who asks with which token.
import { EventEmitter, once } from "node:events";
import http from "node:http";
import { LoopbackServer } from "./loopback_server.mjs";
import { inTime } from "./servers.mjs";

const kTypes = { html: "text/html; charset=utf-8", js: "text/javascript; charset=utf-8" };

export class PageServer extends LoopbackServer {
  pages = {}; // By path.
  requests = []; // For /v1/…: {path, authorization}
  open = 0; // Streams.
  mayPass = () => true; // Asked with the Authorization header of a request for /v1/….
  #changes = new EventEmitter();

  /** @param {() => string} target The edge's address. */
  static async start(target) {
    const server = new PageServer();
    server.target = target;
    await server.listen((request, response) => server.#answer(request, response));
    return server;
  }

  /** Forgets what was asked. */
  clear() {
    this.requests = [];
    this.mayPass = () => true;
  }

  get streams() {
    return this.requests.filter(({ path }) => path.startsWith("/v1/events?")).length;
  }

  /** Waits until so many streams are open. */
  async untilOpen(count) {
    const wait = async () => {
      while (this.open !== count) await once(this.#changes, "open");
    };
    await inTime(wait(), `${count} open streams; there are ${this.open}`);
  }

  #answer(request, response) {
    const { pathname } = new URL(request.url, this.origin);
    const page = this.pages[pathname];
    if (page !== undefined) {
      response.writeHead(200, { "Content-Type": kTypes[pathname.split(".").pop()] ?? kTypes.html });
      return void response.end(page);
    }
    if (pathname.startsWith("/v1/")) {
      const { authorization } = request.headers;
      this.requests.push({ path: request.url, authorization });
      if (!this.mayPass(authorization)) {
        response.writeHead(401, { "Content-Type": "application/problem+json" });
        return void response.end(JSON.stringify({ title: "Unauthorized", status: 401, detail: "this token is not taken" }));
      }
    }
    if (pathname === "/favicon.ico") return void response.writeHead(204).end();
    this.#pass(request, response, /^\/v1\/(events|jobs\/[^/]+\/events)$/.test(pathname) && request.method === "GET");
  }

  #pass(request, response, isStream) {
    const [host, port] = this.target().split(":");
    const onward = http.request({ host, port, path: request.url, method: request.method, headers: request.headers }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
      answer.on("error", () => response.destroy());
    });
    onward.on("error", () => (response.headersSent ? response.destroy() : response.writeHead(502).end()));
    if (isStream) this.#count(1);
    response.on("close", () => {
      if (isStream) this.#count(-1);
      onward.destroy();
    });
    request.pipe(onward);
  }

  #count(by) {
    this.open += by;
    this.#changes.emit("open");
  }
}
