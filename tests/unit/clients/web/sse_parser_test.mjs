// The parser against the cases that every decoder of ours is held to, cut at every place, and its limit.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { SseParser, kMaxFrameChars } from "../../../../clients/web/sse_parser.js";

const kCases = JSON.parse(readFileSync(new URL("../../../conformance/sse_cases.json", import.meta.url)));

const parse = (...texts) => {
  const parser = new SseParser();
  return texts.flatMap((text) => parser.push(text)).map(({ type, data, id }) => [type, data, id]);
};

for (const { name, input, events } of kCases) {
  test(`format: ${name}`, () => {
    assert.deepEqual(parse(input), events);
    assert.deepEqual(parse(...input), events, "character by character");
    for (let i = 0; i <= input.length; i++) {
      for (let j = i; j <= input.length; j++) {
        assert.deepEqual(parse(input.slice(0, i), input.slice(i, j), input.slice(j)), events, `cut at ${i} and ${j}`);
      }
    }
  });
}

test("the id to go on from is that of the last complete frame", () => {
  const parser = new SseParser();
  parser.push("id: 1\ndata: a\n\nid: 2\ndata: b\n");
  assert.equal(parser.lastEventId, "1");
  parser.push("\n");
  assert.equal(parser.lastEventId, "2");
  assert.deepEqual(parser.push(": keepalive\nid: 3\n\n"), []);
  assert.equal(parser.lastEventId, "3");
});

test("retry is milliseconds, in digits only", () => {
  const parser = new SseParser();
  parser.push("retry: 1200\n");
  assert.equal(parser.retry, 1200);
  for (const bad of ["retry: 5s\n", "retry: -5\n", "retry:\n", "retry: 1.5\n"]) parser.push(bad);
  assert.equal(parser.retry, 1200);
});

test("a frame at the limit passes; a larger one is skipped, in one line or in many, and what follows is there", () => {
  const value = "x".repeat(kMaxFrameChars - "data: ".length);
  for (const cut of [1 << 12, kMaxFrameChars]) {
    const parser = new SseParser();
    const push = (text) => {
      const frames = [];
      for (let i = 0; i < text.length; i += cut) frames.push(...parser.push(text.slice(i, i + cut)));
      return frames.map(({ data }) => data);
    };
    assert.deepEqual(push(`data: ${value}\n\n`), [value]);
    assert.equal(parser.oversized, 0);
    assert.deepEqual(push(`data: ${value}y\n\ndata: next\n\n`), ["next"]);
    assert.equal(parser.oversized, 1);
    assert.deepEqual(push(`event: x\n${"data: 0123456789\n".repeat(kMaxFrameChars / 16)}id: 7\n\ndata: after\n\n`), ["after"]);
    assert.equal(parser.oversized, 2);
  }
});

test("a frame without an end is not kept", () => {
  const parser = new SseParser();
  const text = "x".repeat(1 << 16);
  parser.push("data: ");
  for (let i = 0; i < 3 * (kMaxFrameChars / text.length); i++) assert.deepEqual(parser.push(text), []);
  assert.deepEqual(parser.push("\n\ndata: a\n\n").map(({ data }) => data), ["a"]);
  assert.equal(parser.oversized, 1);
});
