// <milepost-toasts resource="user:7">: notices and the ends of jobs, also of jobs that the page does not show.
import { MilepostElement } from "./base_element.js";
import { element, newIcon, setIcon } from "./dom.js";
import { toastsSheet } from "./toasts_styles.js";
import { kToastEvents, reaches, toastOf } from "./toast_words.js";
import { tokens } from "./tokens.js";

/** @typedef {import("./types.js").ElementsClient} ElementsClient */
/** @typedef {import("./types.js").JobList} JobList */
/** @typedef {import("./types.js").JobEvent} JobEvent */
/** @typedef {import("./toast_words.js").Toast} Toast */

const kGoneAfterMs = 4000;
const kMaxShown = 4; // More would hide the page; the oldest goes, those that stay last.

/** @type {Record<string, string>} */
const kIcons = { info: "info", good: "completed", warn: "stalled", bad: "failed" };

/**
 * Attributes: `resource`, whose jobs to tell of, a name or a pattern; without it, of all that the client hears of;
 * `href`, where a job's own page is, with {job} for its name; `previews`, which images to show: all, same-origin, none.
 *
 * Toasts are gone after 4 s; errors and cards stay until they are closed. While a toast has the pointer or the focus, none goes.
 */
export class MilepostToasts extends MilepostElement {
  static observedAttributes = ["resource", "href", "previews"];

  /** @type {JobList | undefined} */
  #list;
  /** @type {Map<HTMLElement, ReturnType<typeof setTimeout> | undefined>} */
  #shown = new Map();
  #held = false;

  constructor() {
    super([tokens, toastsSheet]);
    this.region = element("section", "toasts", this.shadow);
    this.region.setAttribute("aria-label", "Notifications");
    // Both are there from the start: a region that comes with its text is not told.
    this.urgent = element("div", "region", this.region);
    this.urgent.setAttribute("role", "alert");
    this.calm = element("div", "region", this.region);
    this.calm.setAttribute("role", "status");
    for (const type of ["pointerenter", "focusin"]) this.region.addEventListener(type, () => this.#stop());
    for (const type of ["pointerleave", "focusout"]) this.region.addEventListener(type, () => this.#goOn());
    this.region.addEventListener("keydown", (event) => {
      const toast = event.key === "Escape" && event.target instanceof Element ? event.target.closest(".toast") : null;
      if (toast instanceof HTMLElement) this.#close(toast);
    });
  }

  /** @param {ElementsClient} client */
  attach(client) {
    const resource = this.getAttribute("resource");
    this.#list = resource ? client.jobs({ resource }) : undefined;
    // Holding the list is what brings the events of its jobs.
    if (this.#list) this.hold(this.#list.subscribe(() => {}));
    const handler = (/** @type {JobEvent} */ event) => {
      if (!event?.job || (resource && !reaches(event, resource))) return;
      const known = client.job(event.job).get() ?? this.#list?.get().jobs.find(({ job }) => job === event.job);
      const toast = toastOf(event, known?.title || event.job);
      if (toast) this.show(toast);
    };
    for (const type of kToastEvents) {
      client.on(type, handler);
      this.hold(() => void client.off(type, handler));
    }
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    for (const toast of [...this.#shown.keys()]) this.#close(toast);
  }

  /** @param {Toast} toast */
  show(toast) {
    const node = this.#newToast(toast);
    (toast.tone === "bad" ? this.urgent : this.calm).append(node);
    this.#shown.set(node, undefined);
    if (!this.#held) this.#start(node);
    for (const old of [...this.#shown.keys()].sort(staysLast)) {
      if (this.#shown.size <= kMaxShown) break;
      this.#close(old);
    }
  }

  /** @param {Toast} toast */
  #newToast(toast) {
    const node = element("article", "toast");
    node.dataset.tone = toast.tone;
    node.dataset.job = toast.job;
    if (toast.stays) node.dataset.stays = "";
    setIcon(node.appendChild(newIcon()), kIcons[toast.tone] ?? "info");
    const body = element("div", "body", node);
    if (toast.label) element("p", "label", body).textContent = toast.label;
    const href = this.getAttribute("href")?.replaceAll("{job}", encodeURIComponent(toast.job).replaceAll("%3A", ":"));
    const title = element(href ? "a" : "p", "title", body);
    title.textContent = toast.title;
    if (href) title.setAttribute("href", href);
    if (toast.text) element("p", "text", body).textContent = toast.text;
    this.#addMore(toast, body);
    const close = element("button", "close", node);
    close.type = "button";
    close.textContent = "\u00d7";
    close.setAttribute("aria-label", `Close: ${toast.title}`);
    close.addEventListener("click", () => this.#close(node));
    return node;
  }

  /**
   * @param {Toast} toast
   * @param {HTMLElement} body
   */
  #addMore({ image, link }, body) {
    const previews = this.getAttribute("previews") ?? "all";
    if (image && (previews === "all" || (previews === "same-origin" && image.startsWith(`${location.origin}/`)))) {
      const picture = element("img", "", body);
      Object.assign(picture, { alt: "", decoding: "async", referrerPolicy: "no-referrer" });
      picture.addEventListener("error", () => picture.remove());
      picture.src = image;
    }
    if (!link) return;
    Object.assign(element("a", "link", body), { href: link.href, rel: "noopener noreferrer", target: "_blank", textContent: link.text });
  }

  /** @param {HTMLElement} node */
  #start(node) {
    if ("stays" in node.dataset) return;
    clearTimeout(this.#shown.get(node));
    this.#shown.set(node, setTimeout(() => this.#close(node), kGoneAfterMs));
  }

  #stop() {
    this.#held = true;
    for (const [node, timer] of this.#shown) {
      clearTimeout(timer);
      this.#shown.set(node, undefined);
    }
  }

  #goOn() {
    if (this.region.matches(":hover, :focus-within")) return;
    this.#held = false;
    for (const node of this.#shown.keys()) this.#start(node);
  }

  /** @param {HTMLElement} node */
  #close(node) {
    clearTimeout(this.#shown.get(node));
    this.#shown.delete(node);
    const focused = node.contains(this.shadow.activeElement ?? null);
    node.remove();
    // Whoever closes one by one keeps the focus here.
    const next = [...this.#shown.keys()].at(-1);
    if (focused && next) next.querySelector("button")?.focus();
    this.#goOn();
  }
}

/**
 * @param {HTMLElement} a
 * @param {HTMLElement} b
 */
function staysLast(a, b) {
  return Number("stays" in a.dataset) - Number("stays" in b.dataset);
}
