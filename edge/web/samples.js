// The newest values of something that is measured every second, and the line that shows them. Pure.

export class Samples {
  /** @type {number[]} */
  values = [];

  /** @param {number} size how many are kept */
  constructor(size) {
    this.size = size;
  }

  /** @param {number} value */
  add(value) {
    this.values.push(value);
    if (this.values.length > this.size) this.values.shift();
  }

  /**
   * The value on top of the scale: it fits all, is round, and changes seldom.
   * @param {number} [least]
   */
  top(least = 5) {
    const most = Math.max(least, ...this.values);
    const power = 10 ** Math.floor(Math.log10(most));
    return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= most) ?? most;
  }

  /**
   * The line as an SVG path in a box of `width` by `height`; the newest value is on the right.
   * @param {number} width
   * @param {number} height
   */
  line(width, height) {
    const top = this.top();
    const step = width / (this.size - 1);
    const begin = width - (this.values.length - 1) * step;
    return this.values.map((value, i) => {
      const y = height - (Math.min(value, top) / top) * height;
      return `${i === 0 ? "M" : "L"}${(begin + i * step).toFixed(1)} ${y.toFixed(1)}`;
    }).join("");
  }

  /**
   * The same, closed along the lower edge.
   * @param {number} width
   * @param {number} height
   */
  area(width, height) {
    const line = this.line(width, height);
    if (!line) return "";
    const begin = width - (this.values.length - 1) * (width / (this.size - 1));
    return `${line}L${width.toFixed(1)} ${height}L${begin.toFixed(1)} ${height}Z`;
  }
}
