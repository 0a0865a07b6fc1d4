"""Reads a stream with another program's decoder until its job-completed and prints [type, id, data] of each event.

usage: read_stream.py httpx-sse|sseclient-py URL, or our-decoder on what curl -N gives to standard input
"""
import json
import os
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "build", "tools", "python"))
sys.path.insert(0, os.path.join(ROOT, "tests", "support"))


def with_httpx_sse(url):
    import httpx
    import httpx_sse
    with httpx.Client(timeout=None) as client, httpx_sse.connect_sse(client, "GET", url) as source:
        for event in source.iter_sse():
            yield event.event, event.id, event.data


def with_sseclient(url):
    import httpx
    import sseclient
    with httpx.stream("GET", url, headers={"Accept": "text/event-stream"}, timeout=None) as response:
        for event in sseclient.SSEClient(response.iter_bytes()).events():
            yield event.event, event.id, event.data


def with_our_decoder(_):
    from sse import Decoder
    decoder = Decoder()
    while True:
        data = sys.stdin.buffer.read1(65536)
        if not data:
            return
        for frame in decoder.feed(data):
            if frame.dispatched:
                yield frame.type, frame.last_id, frame.data


READERS = {"httpx-sse": with_httpx_sse, "sseclient-py": with_sseclient, "our-decoder": with_our_decoder}

sys.stdout.reconfigure(encoding="utf-8")
for type_, id_, data in READERS[sys.argv[1]](sys.argv[2] if len(sys.argv) > 2 else ""):
    print(json.dumps([type_, id_, data]), flush=True)
    if type_ == "job-completed":
        os._exit(0)
