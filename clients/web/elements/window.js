// Which rows of a long list are drawn. Pure.

const kSpare = 6; // Rows that are drawn beyond what can be seen, on either side, so that a fast scroll finds some.

/**
 * The rows from `first` up to, but without, `end` of `count` rows of `rowHeight` each. `top` and `bottom` say what can be
 * seen, measured from the list's own top; all in pixels.
 * @param {{count: number, rowHeight: number, top: number, bottom: number, spare?: number}} list
 */
export function windowOf({ count, rowHeight, top, bottom, spare = kSpare }) {
  if (count === 0 || rowHeight <= 0 || bottom <= top) return { first: 0, end: 0 };
  const first = Math.max(0, Math.min(count, Math.floor(top / rowHeight) - spare));
  const end = Math.min(count, Math.max(0, Math.ceil(bottom / rowHeight) + spare));
  return first < end ? { first, end } : { first: 0, end: 0 };
}

/**
 * How far to scroll so that the row that stood on top of what can be seen stays where it is, after `names` became
 * `after`: rows came and went above it. 0 while the list's own top can be seen.
 * @param {{before: string[], after: string[], rowHeight: number, top: number}} change
 */
export function keepPlace({ before, after, rowHeight, top }) {
  if (top <= 0 || rowHeight <= 0) return 0;
  const index = Math.floor(top / rowHeight);
  // If the row itself is gone, the next one that is still there.
  for (let i = index; i < before.length && i < index + 50; i++) {
    const at = after.indexOf(before[i]);
    if (at >= 0) return (at - i) * rowHeight;
  }
  return 0;
}
