"""The decoder that judges the streams is held to the table of cases itself, in every way to cut a case in two."""
import json
import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))

from sse import Chunks, Decoder, StreamError  # noqa: E402

with open(os.path.join(HERE, "sse_cases.json"), encoding="utf-8") as table:
    CASES = json.load(table)


def decode(pieces):
    decoder = Decoder()
    frames = [frame for piece in pieces for frame in decoder.feed(piece)]
    return [[frame.type, frame.data, frame.last_id] for frame in frames if frame.dispatched]


class DecoderTest(unittest.TestCase):
    def test_every_case_in_every_cut(self):
        for case in CASES:
            data = case["input"].encode()
            cuts = [[data], [data[n:n + 1] for n in range(len(data))]]
            cuts += [[data[:n], data[n:]] for n in range(1, len(data))]
            for pieces in cuts:
                with self.subTest(case=case["name"], pieces=pieces):
                    self.assertEqual(decode(pieces), case["events"])

    def test_retry(self):
        decoder = Decoder()
        decoder.feed(b"retry: 1x\n\n")
        self.assertIsNone(decoder.retry_ms)
        decoder.feed(b"retry: 700\n\n")
        self.assertEqual(decoder.retry_ms, 700)


class ChunksTest(unittest.TestCase):
    def test_every_cut(self):
        data = b"5\r\nhello\r\n1A\r\n" + b"x" * 26 + b"\r\n0\r\n\r\n"
        for n in range(len(data)):
            chunks = Chunks()
            self.assertEqual(chunks.feed(data[:n]) + chunks.feed(data[n:]), b"hello" + b"x" * 26)
            self.assertTrue(chunks.ended and chunks.clean)

    def test_what_is_not_allowed(self):
        for data in (b"5\nhello\r\n", b"\r\n", b"5\r\nhelloXX0\r\n", b"g\r\n", b"5;a=b\r\nhello\r\n", b" 5\r\nhello\r\n",
                     b"0\r\n\r\nx", b"11111111111111111111"):
            with self.subTest(data=data), self.assertRaises(StreamError):
                Chunks().feed(data)


if __name__ == "__main__":
    unittest.main()
