// The text/event-stream format (WHATWG HTML, "Server-sent events"): text in, frames out. Pure.

/** Characters of one frame; a larger one is skipped. The edge sends at most 256 KiB. */
export const kMaxFrameChars = 1 << 20;

/** @typedef {{type: string, data: string, id: string}} SseFrame One dispatched frame; `id` is the newest so far. */

export class SseParser {
  /** The id to go on from: that of the last complete frame, also of one without data. */
  lastEventId = "";
  /** Milliseconds of the last `retry:`, if there was one. @type {number | undefined} */
  retry;
  /** Frames that were skipped as too large. */
  oversized = 0;

  #id = "";
  #type = "";
  /** @type {string[]} */
  #data = [];
  #line = ""; // Begun, not ended.
  #chars = 0; // Of the frame so far.
  #first = true;
  #afterCr = false;

  /**
   * The frames that `text`, cut anywhere, completes.
   * @param {string} text
   * @returns {SseFrame[]}
   */
  push(text) {
    /** @type {SseFrame[]} */
    const frames = [];
    let from = 0;
    if (text === "") return frames;
    if (this.#first && text[0] === "\ufeff") from = 1;
    if (this.#afterCr && text[0] === "\n") from = 1;
    this.#first = this.#afterCr = false;
    let lf = text.indexOf("\n", from);
    let cr = text.indexOf("\r", from);
    while (lf >= 0 || cr >= 0) {
      const end = lf < 0 || (cr >= 0 && cr < lf) ? cr : lf;
      this.#keep(text, from, end);
      this.#endLine(frames);
      from = end + 1;
      if (end === cr) {
        if (from === text.length) this.#afterCr = true;
        if (lf === from) from++;
        cr = text.indexOf("\r", from);
      }
      if (lf >= 0 && lf < from) lf = text.indexOf("\n", from);
    }
    this.#keep(text, from, text.length);
    return frames;
  }

  /** @param {string} text @param {number} from @param {number} end */
  #keep(text, from, end) {
    this.#chars += end - from;
    if (this.#chars <= kMaxFrameChars) {
      this.#line += text.slice(from, end);
    } else if (end > from) {
      this.#data = [];
      this.#line = ":"; // Not empty: the frame goes on.
    }
  }

  /** @param {SseFrame[]} frames */
  #endLine(frames) {
    const line = this.#line;
    this.#line = "";
    if (line === "") {
      this.#dispatch(frames);
      return;
    }
    const colon = line.indexOf(":");
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
    if (name === "data") {
      this.#data.push(value);
    } else if (name === "event") {
      this.#type = value;
    } else if (name === "id") {
      if (!value.includes("\0")) this.#id = value;
    } else if (name === "retry" && /^[0-9]+$/.test(value)) {
      this.retry = Number(value);
    }
  }

  /** @param {SseFrame[]} frames */
  #dispatch(frames) {
    this.lastEventId = this.#id;
    const data = this.#data.join("\n");
    if (this.#chars > kMaxFrameChars) {
      this.oversized++;
    } else if (data !== "") {
      frames.push({ type: this.#type || "message", data, id: this.#id });
    }
    this.#data = [];
    this.#type = "";
    this.#chars = 0;
  }
}
