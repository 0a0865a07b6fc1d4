// Random streams in random pieces: the parser and npm's eventsource-parser tell the same.
//
// MILEPOST_CHUNKINGS is how many (default 20,000; the long form is 1,000,000), MILEPOST_SEED where they begin.
import assert from "node:assert/strict";
import { test } from "node:test";
import { SseParser } from "../../../../clients/web/sse_parser.js";
import { tool } from "../../../browser/tools.mjs";

const { createParser } = await tool("eventsource-parser");
const kChunkings = Number(process.env.MILEPOST_CHUNKINGS ?? 20_000);
const kSeed = Number(process.env.MILEPOST_SEED ?? 20261121);
const kChunkingsOfOne = 10; // Of each stream.

/** Numbers below `n` that look random and are the same in every run. */
function generator(seed) {
  let x = seed >>> 0;
  return (n) => {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    return Math.floor((x / 2 ** 32) * n);
  };
}

const kNames = ["data", "data", "data", "event", "id", "retry", "Data", "", "x", "data ", " id"];
const kValues = ["", "a", "job:42", "1", "12", "x\0y", "\ufeff", "é€😀", "\u2028", ":", ": b", "  ", "{\"a\":1}", "-", "1e3"];
const kEnds = ["\n", "\n", "\r\n", "\r"];

function randomStream(random) {
  let text = ""; // No byte order mark at its begin, which the other one takes for text.
  for (let lines = random(14); lines > 0; lines--) {
    const kind = random(6);
    if (kind === 0) text += `: ${kValues[random(kValues.length)]}`;
    if (kind > 1) text += kNames[random(kNames.length)] + [":", ": ", ""][random(3)] + kValues[random(kValues.length)];
    text += kEnds[random(kEnds.length)];
    if (random(3) === 0) text += kEnds[random(kEnds.length)];
  }
  return `${text}:\n`; // The other one waits for what follows a CR.
}

function randomPieces(random, text) {
  const pieces = [];
  const most = 1 + random(12);
  for (let at = 0; at < text.length; ) {
    const end = at + random(most + 1);
    pieces.push(text.slice(at, end)); // Now and then empty.
    at = end;
  }
  return pieces;
}

/** The other parser's events, but those of empty data, which a browser does not tell. */
function theirs(pieces) {
  const frames = [];
  let retry;
  const parser = createParser({
    onEvent: ({ event, data, id }) => data !== "" && frames.push({ type: event || "message", data, id }),
    onRetry: (ms) => (retry = ms),
  });
  for (const piece of pieces) parser.feed(piece);
  return { frames, retry };
}

function ours(pieces) {
  const parser = new SseParser();
  const frames = pieces.flatMap((piece) => parser.push(piece));
  return { frames, retry: parser.retry };
}

test(`${kChunkings} random chunkings are read alike`, () => {
  const random = generator(kSeed);
  let frames = 0;
  for (let n = 0; n < kChunkings; n += kChunkingsOfOne) {
    const text = randomStream(random);
    const whole = ours([text]);
    frames += whole.frames.length;
    for (let i = 0; i < kChunkingsOfOne; i++) {
      const pieces = randomPieces(random, text);
      const read = ours(pieces);
      assert.deepEqual(read, whole, JSON.stringify(pieces));
      const other = theirs(pieces);
      // It tells an id only with the event that brings it.
      other.frames.forEach((frame, k) => (frame.id ??= read.frames[k]?.id));
      assert.deepEqual(read, other, JSON.stringify(pieces));
    }
  }
  assert.ok(frames > kChunkings / 50, "the streams hold events");
});
