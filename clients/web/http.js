// Requests to the edge: address, token, and what went wrong as a MilepostError.
import { MilepostError } from "./errors.js";

export class Http {
  /**
   * @param {string} url @param {import("./token.js").TokenSource} token @param {typeof fetch} fetch
   * @param {import("./stats.js").Stats} stats
   */
  constructor(url, token, fetch, stats) {
    this.url = url.replace(/\/+$/, "");
    this.token = token;
    this.fetch = fetch;
    this.stats = stats;
  }

  /**
   * One request, with the token of now. Whatever the status is, it is an answer.
   * @param {string} path
   * @param {{signal?: AbortSignal, accept?: string, body?: unknown, headers?: {[name: string]: string}, kind?: "sse" | "poll"}} [options]
   * With a body it is a POST.
   */
  async send(path, { signal, accept = "application/json", body, headers, kind } = {}) {
    const token = await this.token.get();
    this.stats.requested(kind ?? "other");
    // Without a cache mode, which would have browsers ask other origins anew each time; the edge itself says no-store.
    return this.fetch.call(globalThis, this.url + path, {
      method: body === undefined ? "GET" : "POST",
      headers: {
        Accept: accept,
        ...(body === undefined ? {} : { "Content-Type": "application/json" }),
        ...(token ? { Authorization: `Bearer ${token}` } : {}),
        ...headers,
      },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal,
    });
  }

  /**
   * What is answered, if it is a success; asks for another token once if the one it has is refused.
   * @param {string} path @param {Parameters<Http["send"]>[1]} [options]
   * @returns {Promise<unknown>}
   */
  async json(path, options) {
    try {
      let answer = await this.send(path, options);
      if (answer.status === 401 && (await this.token.renew())) answer = await this.send(path, options);
      if (!answer.ok) throw await problemOf(answer);
      return await answer.json();
    } catch (error) {
      throw MilepostError.of(error);
    }
  }
}

/** @param {Response} answer One that is no success. */
export async function problemOf(answer) {
  const problem = await answer.json().catch(() => undefined);
  return MilepostError.ofStatus(answer.status, problem?.detail ?? problem?.title ?? `the answer is ${answer.status}`);
}
