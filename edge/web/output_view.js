// The newest lines of a job's output. They are followed until somebody scrolls up, and then stand still.
import { element } from "../../clients/web/elements/dom.js";

const kMaxLines = 2000; // In the page; while somebody reads, twice as many.
const kNearPx = 24; // So far from the end still counts as the end.

export class OutputView {
  /** @type {{text: string, stream: string}[]} */
  #waiting = [];
  #following = true;
  #missed = 0; // Lines that came while somebody read.
  #frame = 0;
  #empty = true;

  /**
   * @param {HTMLElement} root hidden while there is no line
   * @param {HTMLElement} lines
   * @param {HTMLElement} follow
   */
  constructor(root, lines, follow) {
    this.root = root;
    this.lines = lines;
    this.follow = follow;
    lines.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    // Where lines wrap otherwise, the end is elsewhere.
    new ResizeObserver(() => {
      if (this.#following) this.#toEnd();
    }).observe(lines);
    follow.addEventListener("click", () => {
      this.#setFollowing(true);
      this.#toEnd();
    });
  }

  /** @param {{text: string, stream: string}[]} lines */
  add(lines) {
    if (lines.length === 0) return;
    this.#empty = false;
    for (const line of lines) this.#waiting.push(line);
    if (this.#waiting.length > kMaxLines) this.#waiting.splice(0, this.#waiting.length - kMaxLines);
    this.#frame ||= requestAnimationFrame(() => this.#draw());
  }

  clear() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    this.#waiting = [];
    this.#empty = true;
    this.lines.replaceChildren();
    this.root.hidden = true;
    this.#setFollowing(true);
  }

  get isEmpty() {
    return this.#empty;
  }

  #draw() {
    this.#frame = 0;
    this.root.hidden = false;
    const added = document.createDocumentFragment();
    for (const { text, stream } of this.#waiting) {
      const line = element("div", "line", added);
      if (stream) line.dataset.stream = stream;
      line.textContent = text || "\u200b"; // An empty line has its height.
    }
    const count = this.#waiting.length;
    this.#waiting = [];
    this.lines.append(added);
    const limit = this.#following ? kMaxLines : 2 * kMaxLines;
    while (this.lines.children.length > limit) this.lines.firstChild?.remove();
    if (this.#following) return this.#toEnd();
    this.#missed += count;
    this.follow.textContent = `Follow: ${this.#missed} new ${this.#missed === 1 ? "line" : "lines"}`;
  }

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.lines;
    this.#setFollowing(scrollHeight - scrollTop - clientHeight < kNearPx);
  }

  /** @param {boolean} following */
  #setFollowing(following) {
    if (following === this.#following) return;
    this.#following = following;
    this.#missed = 0;
    this.follow.hidden = following;
    this.follow.textContent = "Follow";
  }

  #toEnd() {
    this.lines.scrollTop = this.lines.scrollHeight;
  }
}
