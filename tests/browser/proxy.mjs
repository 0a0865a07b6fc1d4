// A proxy in front of an edge: counts what is open, asks for a token, hears what streams tell, can end them.
import { once } from "node:events";
import http from "node:http";

export class Proxy {
  open = 0; // Streams.
  most = 0; // Of them at once.
  requests = []; // {path, authorization, method}
  authorize = () => 200; // What it says to a request for /v1/…: a status.
  mute = false; // Streams get their header and nothing more.
  heard = () => {}; // Told every piece of a stream, as text.
  /** Streams under way, with the token of each and whether a frame is under way. */
  #streams = new Map();

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

  /** Ends streams as a broken network does: all, or those whose Authorization is as `ends` says. */
  cut(ends = () => true) {
    for (const [stream, { authorization }] of this.#streams) if (ends(authorization)) stream.destroy();
  }

  /** Ends the streams whose Authorization is as `ends` says, as the edge does when it has a reason. How many they were. */
  dismiss(reason, ends) {
    let count = 0;
    for (const [stream, { authorization, between }] of this.#streams) {
      if (!between || !ends(authorization)) continue; // In the midst of a frame; asked again later.
      stream.end(`event: goodbye\ndata: ${JSON.stringify({ type: "goodbye", reason })}\n\n`);
      this.#streams.delete(stream);
      count++;
    }
    return count;
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
    const isStream = request.method !== "OPTIONS" && (path.startsWith("/v1/events?") || path.startsWith("/v1/events:watch"));
    const [host, port] = this.target.split(":");
    const onward = http.request({ host, port, path, method: request.method, headers: request.headers }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      response.flushHeaders();
      answer.on("error", () => response.destroy());
      if (isStream && this.mute && !path.startsWith("/v1/events:")) return;
      if (isStream) this.#relay(answer, response);
      else answer.pipe(response);
    });
    onward.on("error", () => (response.headersSent ? response.destroy() : response.writeHead(502).end()));
    request.pipe(onward);
    if (isStream) {
      this.#streams.set(response, { authorization: request.headers.authorization, between: false });
      this.most = Math.max(this.most, ++this.open);
      response.on("close", () => {
        this.open--;
        this.#streams.delete(response);
      });
    }
    response.on("close", () => onward.destroy());
  }

  #relay(answer, response) {
    answer.setEncoding("utf8");
    answer.on("data", (text) => {
      const stream = this.#streams.get(response);
      if (!stream || response.destroyed) return;
      this.heard(text);
      stream.between = text.endsWith("\n\n");
      response.write(text);
    });
    answer.on("end", () => response.end());
  }
}
