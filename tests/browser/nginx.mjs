// Debian's nginx in front of an edge, with what operators do to it.
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { inTime } from "./servers.mjs";
import { freePort } from "./loopback_server.mjs";

const kNginx = "/usr/sbin/nginx";
export const hasNginx = () => existsSync(kNginx);

export class Nginx {
  /** `how`: lines for the location; with `tls` it speaks HTTP/2 under a certificate of its own. */
  static async start(target, how, { tls = false } = {}) {
    const nginx = new Nginx();
    nginx.room = mkdtempSync(path.join(os.tmpdir(), "milepost-nginx-"));
    mkdirSync(path.join(nginx.room, "temp"));
    nginx.target = target;
    nginx.tls = tls;
    nginx.port = await freePort();
    nginx.url = `${tls ? "https" : "http"}://127.0.0.1:${nginx.port}`;
    if (tls) certify(nginx.room);
    nginx.#configure(how);
    const files = ["-p", nginx.room, "-c", "nginx.conf", "-e", "errors"];
    nginx.child = spawn(kNginx, files, { stdio: "ignore" });
    const ended = new Promise((_, reject) => {
      nginx.child.on("exit", (status) => reject(new Error(`nginx ended with ${status}: ${nginx.errors}`)));
    });
    await inTime(Promise.race([answering(nginx.port), ended]), "nginx");
    ended.catch(() => {});
    return nginx;
  }

  get errors() {
    const file = path.join(this.room, "errors");
    return existsSync(file) ? readFileSync(file, "utf8") : "";
  }

  /** Goes on in another way for what is asked from now on; what is under way ends as it began. */
  change(how) {
    this.#configure(how);
    this.child.kill("SIGHUP");
  }

  async stop() {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      const ended = once(this.child, "exit");
      this.child.kill("SIGTERM");
      await inTime(ended, "the end of nginx");
    }
    rmSync(this.room, { recursive: true, force: true });
  }

  #configure(how) {
    const temp = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `${name}_temp_path temp/${name};`).join(" ");
    writeFileSync(path.join(this.room, "nginx.conf"), `
      daemon off; worker_processes 1; pid nginx.pid; ${process.getuid() === 0 ? "user root;" : ""}
      events { worker_connections 512; }
      http {
        access_log off; ${temp}
        server {
          listen 127.0.0.1:${this.port}${this.tls ? " ssl http2" : ""};
          ${this.tls ? "ssl_certificate cert.pem; ssl_certificate_key key.pem;" : ""}
          location / { proxy_pass http://${this.target}; proxy_set_header Connection ""; ${how} }
        }
      }
    `);
  }
}

function certify(room) {
  execFileSync("openssl", [
    "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
    "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", path.join(room, "key.pem"), "-out", path.join(room, "cert.pem"),
  ], { stdio: "ignore" });
}

/** Resolves once somebody takes connections at `port`. */
function answering(port) {
  return new Promise((resolve) => {
    const socket = net.connect(port, "127.0.0.1", () => {
      socket.destroy();
      resolve();
    });
    socket.on("error", () => setTimeout(() => answering(port).then(resolve), 20));
  });
}
