// What servers that a test writes itself have in common: a port of their own on the loopback, and an end.
import { once } from "node:events";
import http from "node:http";
import net from "node:net";

export class LoopbackServer {
  /** Listens; `origin` is "http://127.0.0.1:PORT". @param {(request, response) => void} answer */
  async listen(answer) {
    this.http = http.createServer(answer);
    this.http.listen(0, "127.0.0.1");
    await once(this.http, "listening");
    this.origin = `http://127.0.0.1:${this.http.address().port}`;
  }

  /** Ends it and all its connections. */
  async stop() {
    this.http.closeAllConnections();
    this.http.close();
    await once(this.http, "close");
  }
}

/** A port that nobody has, for a program that cannot pick one. */
export async function freePort() {
  const server = net.createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}
