#!/usr/bin/python3
"""A small gRPC client by reflection, for machines where grpcurl cannot be built. It takes the part of grpcurl's
arguments that the README uses, and prints the same JSON:

  grpcurl.py -plaintext HOST:PORT list [SERVICE]
  grpcurl.py -plaintext HOST:PORT describe NAME
  grpcurl.py -plaintext [-d JSON] HOST:PORT SERVICE/METHOD
"""

import sys

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

REFLECTION = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
TIMEOUT = 60  # Seconds; a stream ends then.


def reflection_messages():
    """The request and response of the reflection service, as far as they are needed here."""
    file = descriptor_pb2.FileDescriptorProto(name="reflection.proto", package="reflection", syntax="proto3")
    string, data, nested = 9, 12, 11

    def message(name, *fields):
        made = file.message_type.add(name=name)
        for number, field, kind, repeated in fields:
            is_message = isinstance(kind, str)
            made.field.add(name=field, number=number, label=3 if repeated else 1, type=nested if is_message else kind,
                           type_name=f".reflection.{kind}" if is_message else None)

    message("Request", (4, "file_containing_symbol", string, False), (7, "list_services", string, False))
    message("Service", (1, "name", string, False))
    message("Services", (1, "service", "Service", True))
    message("Files", (1, "file_descriptor_proto", data, True))
    message("Error", (2, "error_message", string, False))
    message("Response", (4, "files", "Files", False), (6, "services", "Services", False), (7, "error", "Error", False))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return [message_factory.MessageFactory(pool).GetPrototype(pool.FindMessageTypeByName(f"reflection.{name}"))
            for name in ("Request", "Response")]


class Client:
    def __init__(self, address):
        self._channel = grpc.insecure_channel(address)
        self._pool = descriptor_pool.DescriptorPool()
        self._known = set()

    def _reflect(self, **question):
        request, response = reflection_messages()
        call = self._channel.stream_stream(REFLECTION, request.SerializeToString, response.FromString)
        answer = next(call(iter([request(**question)]), timeout=TIMEOUT))
        if answer.error.error_message:
            sys.exit(f"Error: {answer.error.error_message}")
        return answer

    def services(self):
        return sorted(service.name for service in self._reflect(list_services="*").services.service)

    def _load(self, symbol):
        files = [descriptor_pb2.FileDescriptorProto.FromString(data)
                 for data in self._reflect(file_containing_symbol=symbol).files.file_descriptor_proto]
        by_name = {file.name: file for file in files}

        def add(name):
            if name in by_name and name not in self._known:
                self._known.add(name)
                for dependency in by_name[name].dependency:
                    add(dependency)
                self._pool.Add(by_name[name])

        for file in files:
            add(file.name)

    def service(self, name):
        self._load(name)
        return self._pool.FindServiceByName(name)

    def describe(self, name):
        service = self.service(name)
        yield f"{name} is a service:"
        yield f"service {service.name} {{"
        for method in service.methods:
            proto = descriptor_pb2.MethodDescriptorProto()
            method.CopyToProto(proto)
            asks = "stream " * proto.client_streaming + proto.input_type
            answers = "stream " * proto.server_streaming + proto.output_type
            yield f"  rpc {method.name} ( {asks} ) returns ( {answers} );"
        yield "}"

    def call(self, path, text):
        service, name = path.split("/")
        method = self.service(service).methods_by_name[name]
        proto = descriptor_pb2.MethodDescriptorProto()
        method.CopyToProto(proto)
        factory = message_factory.MessageFactory(self._pool)
        request = json_format.Parse(text, factory.GetPrototype(method.input_type)(), descriptor_pool=self._pool)
        kind = self._channel.unary_stream if proto.server_streaming else self._channel.unary_unary
        call = kind(f"/{path}", type(request).SerializeToString, factory.GetPrototype(method.output_type).FromString)
        answer = call(request, timeout=TIMEOUT)
        yield from (answer if proto.server_streaming else [answer])


def run(arguments):
    words, data = [], "{}"
    rest = iter(arguments)
    for word in rest:
        if word == "-d":
            data = next(rest)
        elif word != "-plaintext":
            words.append(word)
    client = Client(words[0])
    if words[1] == "list":
        if len(words) == 2:
            yield from client.services()
        else:
            yield from (method.full_name for method in client.service(words[2]).methods)
    elif words[1] == "describe":
        yield from client.describe(words[2])
    else:
        for message in client.call(words[1], data):
            yield json_format.MessageToJson(message, preserving_proto_field_name=True)


if __name__ == "__main__":
    try:
        for text in run(sys.argv[1:]):
            print(text, flush=True)
    except grpc.RpcError as error:
        sys.exit(f"ERROR:\n  Code: {error.code().name}\n  Message: {error.details()}")
