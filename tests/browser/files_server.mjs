// Serves the dashboard, the elements and the page of all states as files, with the policy that the edge sends.
//
// In place of the edge's routes there are answers by hand: `routes` is by path. So a page can be seen at a fixed moment.
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { LoopbackServer } from "./loopback_server.mjs";

const kHere = path.dirname(fileURLToPath(import.meta.url));
const kRoot = path.join(kHere, "../..");
const kTypes = { ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml" };

/** The edge's policy, as its source has it. */
export const kPolicy = [...readFileSync(path.join(kRoot, "edge/web/assets.h"), "utf8")
  .match(/kContentSecurityPolicy =\s*([^;]|;(?! *\n))*?";\n/)[0].matchAll(/"([^"\n]*)"/g)].map(([, text]) => text).join("");

export class FilesServer extends LoopbackServer {
  /** By path: (request, response) => void. */
  routes = new Map();

  static async start() {
    const server = new FilesServer();
    await server.listen((request, response) => void server.#answer(request, response));
    return server;
  }

  async #answer(request, response) {
    const { pathname } = new URL(request.url, this.origin);
    if (pathname === "/favicon.ico") return void response.writeHead(204).end();
    const route = this.routes.get(pathname);
    if (route) return void route(request, response);
    const file = this.#fileOf(pathname);
    try {
      const body = await readFile(file);
      response.writeHead(200, { "Content-Type": kTypes[path.extname(file)] ?? "application/octet-stream", "Content-Security-Policy": kPolicy });
      response.end(body);
    } catch {
      response.writeHead(404, { "Content-Type": "text/plain" });
      response.end();
    }
  }

  #fileOf(pathname) {
    if (pathname.startsWith("/gallery/")) return path.join(kHere, pathname.slice("/gallery/".length));
    if (pathname.startsWith("/clients/web/")) return path.join(kRoot, pathname);
    return path.join(kRoot, "edge/web", pathname === "/" ? "index.html" : pathname);
  }
}
