// Which rows of a long list are drawn, and where it stands when rows come and go.
import assert from "node:assert/strict";
import { test } from "node:test";
import { keepPlace, windowOf } from "../../clients/web/elements/window.js";

const windowAt = (top, members) => Object.values(windowOf({ count: 500, rowHeight: 60, top, bottom: top + 600, spare: 2, ...members }));

test("the rows that can be seen are drawn, and some beyond", () => {
  assert.deepEqual(windowAt(0), [0, 12]);
  assert.deepEqual(windowAt(30), [0, 13]);
  assert.deepEqual(windowAt(6000), [98, 112]);
  assert.deepEqual(windowAt(500 * 60 - 600), [488, 500]);
});

test("a list that cannot be seen draws nothing", () => {
  assert.deepEqual(windowAt(-900), [0, 0]);
  assert.deepEqual(windowAt(40_000), [0, 0]);
  assert.deepEqual(windowAt(0, { count: 0 }), [0, 0]);
  assert.deepEqual(windowAt(0, { rowHeight: 0 }), [0, 0]);
  assert.deepEqual(windowAt(0, { bottom: 0 }), [0, 0]);
});

test("every row that can be seen is in the window, whatever the list", () => {
  for (let count = 0; count < 40; count++) {
    for (let top = -300; top < 40 * 60; top += 37) {
      const { first, end } = windowOf({ count, rowHeight: 60, top, bottom: top + 250, spare: 0 });
      for (let row = 0; row < count; row++) {
        const seen = (row + 1) * 60 > top && row * 60 < top + 250;
        assert.equal(row >= first && row < end || !seen, true, `${count} rows, ${top}, row ${row}`);
      }
    }
  }
});

test("what is read stays where it is when rows come and go above it", () => {
  const before = ["a", "b", "c", "d"];
  const keep = (after, top) => keepPlace({ before, after, rowHeight: 60, top });
  assert.equal(keep(["x", "y", "a", "b", "c", "d"], 130), 120);
  assert.equal(keep(["b", "c", "d"], 130), -60);
  assert.equal(keep(["x", "a", "b", "d"], 130), 0); // "c" is gone; "d" stands where it stood.
  assert.equal(keep(["x", "a", "b", "c", "d"], 0), 0); // The top is in sight: what is new is to be seen.
  assert.equal(keep([], 130), 0);
});
