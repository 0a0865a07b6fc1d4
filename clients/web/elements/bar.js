// A progress bar: determinate, or moving where nobody knows how far.
import { element, setAttribute } from "./dom.js";
import { percentOf } from "./words.js";

/**
 * @param {Node} parent
 * @param {string} [className]
 */
export function newBar(parent, className = "") {
  const bar = element("div", `bar ${className}`.trim(), parent);
  bar.setAttribute("role", "progressbar");
  bar.setAttribute("aria-valuemin", "0");
  bar.setAttribute("aria-valuemax", "100");
  element("div", "fill", bar);
  return bar;
}

/**
 * `fraction` undefined: it moves, but nobody knows how far.
 * @param {HTMLElement} bar
 * @param {string} label
 * @param {number | undefined} fraction
 * @param {string} [valueText]
 */
export function setBar(bar, label, fraction, valueText) {
  const fill = /** @type {HTMLElement} */ (bar.firstChild);
  setAttribute(bar, "aria-label", label);
  setAttribute(bar, "aria-valuetext", valueText);
  setAttribute(bar, "aria-valuenow", fraction === undefined ? undefined : String(percentOf(fraction)));
  bar.classList.toggle("moves", fraction === undefined);
  // Moved and not made wider: that costs no layout.
  // At 0 it is a little further away, or its edge would show.
  const transform = fraction === undefined ? "" : `translateX(${fraction > 0 ? (Math.min(1, fraction) - 1) * 100 : -102}%)`;
  if (fill.style.transform !== transform) fill.style.transform = transform;
}
