// EventServiceImpl: milepost.v1.EventService on gRPC's callback API.
#pragma once


#include "milepost/v1/event_service.grpc.pb.h"
#include "services/rpc/context.h"
#include "services/rpc/publish.h"
#include "services/rpc/publish_stream.h"
#include "services/rpc/read.h"
#include "services/rpc/subscribe.h"
#include "services/rpc/update_subscription.h"

namespace milepost::rpc {

// All methods are raw: events pass as the bytes that they are stored as, and a request that cannot be read gets
// INVALID_ARGUMENT with the field's name instead of gRPC's INTERNAL.
using RawEventService = v1::EventService::WithRawCallbackMethod_PublishStream<
    v1::EventService::WithRawCallbackMethod_Publish<v1::EventService::WithRawCallbackMethod_Subscribe<
        v1::EventService::WithRawCallbackMethod_UpdateSubscription<
            v1::EventService::WithRawCallbackMethod_Read<v1::EventService::Service>>>>>;

// Thread-safe: it holds nothing but the context.
class EventServiceImpl final : public RawEventService {
 public:
  // The context outlives it.
  explicit EventServiceImpl(const Context* context) : context_(context) {}

  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* PublishStream(
      grpc::CallbackServerContext* call) override {
    return PublishStreamReactor::Start(context_, call);
  }

  grpc::ServerUnaryReactor* Publish(grpc::CallbackServerContext* call, const grpc::ByteBuffer* request,
                                    grpc::ByteBuffer* response) override {
    return HandlePublish(context_, call, *request, response);
  }

  grpc::ServerWriteReactor<grpc::ByteBuffer>* Subscribe(grpc::CallbackServerContext* call,
                                                        const grpc::ByteBuffer* request) override {
    return SubscribeReactor::Start(context_, call, *request);
  }

  grpc::ServerUnaryReactor* UpdateSubscription(grpc::CallbackServerContext* call, const grpc::ByteBuffer* request,
                                               grpc::ByteBuffer* response) override {
    return HandleUpdateSubscription(context_, call, *request, response);
  }

  grpc::ServerUnaryReactor* Read(grpc::CallbackServerContext* call, const grpc::ByteBuffer* request,
                                 grpc::ByteBuffer* response) override {
    return HandleRead(context_, call, *request, response);
  }

 private:
  const Context* const context_;
};

}  // namespace milepost::rpc
