// What all elements do alike: find their client, hold what they show while they are in the page, draw once a frame.
import { onClientChange, pageClient } from "./clients.js";
import { everySecond } from "./clock.js";

/** @typedef {import("./types.js").ElementsClient} ElementsClient */

/**
 * A class that extends this one says what to hold (`attach`) and how to draw (`draw`).
 */
export class MilepostElement extends HTMLElement {
  /** @type {ElementsClient | null} */
  #client = null;
  /** @type {(() => void)[]} */
  #held = [];
  #frame = 0;

  /** @param {CSSStyleSheet[]} sheets */
  constructor(sheets) {
    super();
    this.shadow = this.attachShadow({ mode: "open" });
    this.shadow.adoptedStyleSheets = sheets;
  }

  /** The element's own client; null: the page's. */
  get client() {
    return this.#client;
  }

  set client(client) {
    if (client === this.#client) return;
    this.#client = client;
    this.reattach();
  }

  connectedCallback() {
    this.#upgrade("client");
    this.reattach();
  }

  disconnectedCallback() {
    this.#release();
  }

  /**
   * @param {string} _name
   * @param {string | null} before
   * @param {string | null} after
   */
  attributeChangedCallback(_name, before, after) {
    if (before !== after) this.reattach();
  }

  /** Lets go of what is held and holds anew: another job, another client. */
  reattach() {
    this.#release();
    if (!this.isConnected) return;
    const clientChanged = () => {
      if (!this.#client) this.reattach();
    };
    this.#held.push(onClientChange(clientChanged), everySecond(() => this.tick()));
    const client = this.#client ?? pageClient();
    if (client) this.attach(client);
    this.drawNow();
  }

  /**
   * Takes hold of what is shown, each with `hold`.
   * @param {ElementsClient} _client
   */
  attach(_client) {}

  /** Draws what is known. */
  draw() {}

  /** What changes by the clock alone. */
  tick() {}

  /**
   * `release` is called when the element leaves the page or shows something else.
   * @param {() => void} release
   */
  hold(release) {
    this.#held.push(release);
  }

  /** Draws at the next frame, however often it is asked for until then. */
  changed() {
    if (this.#frame) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      this.draw();
    });
  }

  drawNow() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    this.draw();
  }

  #release() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    for (const release of this.#held.splice(0)) release();
  }

  /**
   * A property that was set before the element was defined hides the accessor; it is set again.
   * @param {"client"} name
   */
  #upgrade(name) {
    if (!Object.hasOwn(this, name)) return;
    const value = this[name];
    Reflect.deleteProperty(this, name);
    this[name] = value;
  }
}
