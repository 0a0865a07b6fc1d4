// Small hands on the page. Text is only ever set as text; nothing here takes markup.

/**
 * A new element with a class, at the end of `parent`.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {string} [className]
 * @param {Node} [parent]
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function element(tag, className, parent) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  parent?.appendChild(node);
  return node;
}

/**
 * Sets the text if it is another one, so that selections and screen readers are left alone.
 * @param {Node} node
 * @param {string} text
 */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * Sets the text; without one the node is hidden.
 * @param {HTMLElement} node
 * @param {string} text
 */
export function showText(node, text) {
  setText(node, text);
  node.hidden = text === "";
}

/**
 * Sets an attribute, or takes it away if `value` is undefined.
 * @param {Element} node
 * @param {string} name
 * @param {string | undefined} value
 */
export function setAttribute(node, name, value) {
  if (value === undefined) {
    node.removeAttribute(name);
  } else if (node.getAttribute(name) !== value) {
    node.setAttribute(name, value);
  }
}

const kSvg = "http://www.w3.org/2000/svg";

/** What a look is drawn as: strokes on a grid of 16, inside a circle that the style sheet may fill. */
/** @type {Record<string, string>} */
const kStrokes = {
  unknown: "M5 8h.01M8 8h.01M11 8h.01",
  info: "M8 7.4v3.8M8 4.8h.01",
  queued: "M8 4.6V8l2.2 1.6",
  running: "M6.6 5.2 10.8 8l-4.2 2.8z",
  waiting: "M6.2 6.3a1.8 1.8 0 1 1 2.6 1.6c-.6.3-.8.6-.8 1.2M8 11.2h.01",
  paused: "M6.4 5.6v4.8M9.6 5.6v4.8",
  cancelling: "M5.6 8h4.8",
  stalled: "M8 4.8v3.8M8 11.2h.01",
  completed: "m5 8.2 2 2 4-4.2",
  skipped: "m4.8 5.6 2.6 2.4-2.6 2.4M8.4 5.6 11 8l-2.6 2.4",
  failed: "m5.8 5.8 4.4 4.4M10.2 5.8l-4.4 4.4",
  cancelled: "m4.9 11.1 6.2-6.2",
};

/** An icon that shows a look; `setIcon` changes it. */
export function newIcon() {
  const svg = document.createElementNS(kSvg, "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const circle = svg.appendChild(document.createElementNS(kSvg, "circle"));
  for (const [name, value] of [["cx", "8"], ["cy", "8"], ["r", "7"]]) circle.setAttribute(name, value);
  svg.appendChild(document.createElementNS(kSvg, "path"));
  return svg;
}

/**
 * @param {SVGSVGElement} svg
 * @param {string} look
 */
export function setIcon(svg, look) {
  const path = /** @type {SVGPathElement} */ (svg.lastChild);
  setAttribute(path, "d", kStrokes[look] ?? kStrokes.unknown);
}

/**
 * A style sheet for shadow roots, made once and shared by all of them.
 * @param {string} css
 */
export function newSheet(css) {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  return sheet;
}
