// From bytes to requests: a protocol without sockets or clock.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "edge/http/body_budget.h"
#include "edge/http/limits.h"
#include "edge/http/request.h"
#include "edge/http/response.h"

namespace milepost::edge::http {

// Reads one request after the other from a connection. Owned by the connection and used on its thread only.
// It is told what arrived and answers what to do next; after kRefuse it is of no more use.
class RequestReader {
 public:
  enum class Next {
    kRead,      // give it more bytes
    kContinue,  // write "100 Continue", then give it more bytes
    kRequest,   // a request is complete: TakeRequest, answer it, then call NextRequest
    kRefuse,    // answer refusal() and close
  };
  enum class Phase { kIdle, kHead, kBody };

  // `limits` and `budget` outlive the reader.
  RequestReader(const Limits& limits, BodyBudget& budget, std::string remote);
  ~RequestReader();

  // Where the next bytes go: `size` is at least 1. Valid until Commit.
  struct Space {
    char* data;
    size_t size;
  };
  Space Prepare();
  // `bytes` have been put there.
  Next Commit(size_t bytes);

  Request TakeRequest();
  // The request was answered: goes on with what is there already.
  Next NextRequest();

  Response& refusal() { return refusal_; }
  // Of the request that is being read or was read last. False as long as it is unknown.
  bool keep_alive() const { return keep_alive_; }
  bool http10() const { return request_.http10; }
  bool head_only() const { return head_only_; }
  // What is waited for after kRead.
  Phase phase() const;

 private:
  struct Parser;  // Beast's
  Next Proceed();
  Next ReadHead();
  Next ParseHead(size_t head_bytes);
  Next StartBody();
  Next ReadBody();
  Next Refuse(Response refusal);
  bool Reserve(size_t bytes);
  void ReleaseBody();
  void SkipEmptyLines();

  const Limits& limits_;
  BodyBudget& budget_;
  const std::string remote_;

  std::unique_ptr<char[]> buffer_;  // limits_.header_bytes long; none while idle
  size_t begin_ = 0;                // first byte not used up
  size_t end_ = 0;
  size_t scanned_ = 0;  // bytes from begin_ on that hold no end of a head and no bad line end

  std::unique_ptr<Parser> parser_;  // while a body is read
  Request request_;
  Response refusal_;
  size_t reserved_ = 0;  // bytes taken from budget_
  bool keep_alive_ = false;
  bool head_only_ = false;
};

}  // namespace milepost::edge::http
