// The small charts: events per second and running jobs over the last minute.
import { Samples } from "./samples.js";

const kSeconds = 60;
const kWidth = 240;
const kHeight = 40;
const kSvg = "http://www.w3.org/2000/svg";

export class Meter {
  #samples = new Samples(kSeconds);

  /**
   * @param {HTMLElement} root
   * @param {string} what for screen readers
   */
  constructor(root, what) {
    this.what = what;
    this.number = document.createElement("span");
    this.number.className = "number";
    this.number.textContent = "0";
    this.svg = document.createElementNS(kSvg, "svg");
    this.svg.setAttribute("viewBox", `0 -1 ${kWidth} ${kHeight + 2}`);
    this.svg.setAttribute("preserveAspectRatio", "none");
    this.svg.setAttribute("role", "img");
    this.area = this.svg.appendChild(document.createElementNS(kSvg, "path"));
    this.area.setAttribute("class", "area");
    this.line = this.svg.appendChild(document.createElementNS(kSvg, "path"));
    this.line.setAttribute("class", "line");
    root.append(this.number, this.svg);
    this.#draw(0);
  }

  /** @param {number} value */
  add(value) {
    this.#samples.add(value);
    this.#draw(value);
  }

  /** @param {number} value */
  #draw(value) {
    this.number.textContent = String(value);
    this.svg.setAttribute("aria-label", `${this.what} in the last minute: now ${value}, at most ${Math.max(0, ...this.#samples.values)}`);
    this.line.setAttribute("d", this.#samples.line(kWidth, kHeight));
    this.area.setAttribute("d", this.#samples.area(kWidth, kHeight));
  }
}
