// An empty page of an origin of its own, with the client beside it.
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { kRoot } from "./tools.mjs";
import { LoopbackServer } from "./loopback_server.mjs";

const kScript = /^\/[a-z_]+\.js$/;

export class PageServer extends LoopbackServer {
  static async start() {
    const server = new PageServer();
    await server.listen((request, response) => void server.#answer(request.url, response));
    return server;
  }

  async #answer(url, response) {
    const isScript = kScript.test(url);
    response.setHeader("Content-Type", isScript ? "text/javascript" : "text/html; charset=utf-8");
    response.end(isScript ? await readFile(path.join(kRoot, "clients/web", url)) : "<!doctype html><title>A page</title><link rel=icon href=data:,>");
  }
}
