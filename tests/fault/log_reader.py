#!/usr/bin/python3
"""Asks services by gRPC for tests that have none. Needs grpcio.

Takes a line of JSON after the other and answers each with a line:
  {"address": HOST:PORT, "ways": [[resource…]…]}  reads from `earliest` to the end in each way:
      [{"events": [[seq, digest]…], "code": name or "", "message": text}…]
  {"address": HOST:PORT, "publish": event as JSON}
      {"seq": number or 0, "code": name or "", "message": text}
"""
import hashlib
import json
import sys

sys.dont_write_bytecode = True

import grpc  # noqa: E402
from google.protobuf import json_format  # noqa: E402

from producers import CHANNEL, Messages  # noqa: E402

PAGE_SECONDS = 20
CODES = {code.value[0]: code.name for code in grpc.StatusCode}


def read(ask, Request, resources):
    events, after, more = [], "earliest", True
    try:
        while more:
            page = ask(Request(resources=resources, after=after), timeout=PAGE_SECONDS, wait_for_ready=True)
            if page.HasField("reset"):
                return {"events": events, "code": "RESET", "message": str(page.reset)}
            events += [[event.seq, hashlib.blake2b(event.SerializeToString(), digest_size=6).hexdigest()]
                       for event in page.events]
            after, more = page.position, page.more
    except grpc.RpcError as error:
        return {"events": events, "code": error.code().name, "message": error.details()}
    return {"events": events, "code": "", "message": ""}


def publish(ask, Request, event):
    try:
        result = ask(json_format.ParseDict({"events": [event]}, Request()), timeout=PAGE_SECONDS, wait_for_ready=True).results[0]
    except grpc.RpcError as error:
        return {"seq": 0, "code": error.code().name, "message": error.details()}
    if result.HasField("error"):
        return {"seq": 0, "code": CODES[result.error.code], "message": result.error.message}
    return {"seq": result.seq, "code": "", "message": ""}


def main():
    messages = None
    for line in sys.stdin:
        question = json.loads(line)
        messages = messages or Messages(question["address"])
        with grpc.insecure_channel(question["address"], CHANNEL) as channel:
            method = "Publish" if "publish" in question else "Read"
            ask, Request = messages.call(channel, method), messages.request(method)
            answer = (publish(ask, Request, question["publish"]) if method == "Publish" else
                      [read(ask, Request, resources) for resources in question["ways"]])
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
