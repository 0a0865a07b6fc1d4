// An empty page of an origin of its own, with the client beside it.
import { createServer } from "node:http";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { kRoot } from "./tools.mjs";

const kScript = /^\/[a-z_]+\.js$/;

export class PageServer {
  static async start() {
    const server = new PageServer();
    server.http = createServer((request, response) => void server.#answer(request.url, response));
    server.http.listen(0, "127.0.0.1");
    await once(server.http, "listening");
    server.origin = `http://127.0.0.1:${server.http.address().port}`;
    return server;
  }

  async stop() {
    this.http.closeAllConnections();
    this.http.close();
    await once(this.http, "close");
  }

  async #answer(url, response) {
    const isScript = kScript.test(url);
    response.setHeader("Content-Type", isScript ? "text/javascript" : "text/html; charset=utf-8");
    response.end(isScript ? await readFile(path.join(kRoot, "clients/web", url)) : "<!doctype html><title>A page</title><link rel=icon href=data:,>");
  }
}
