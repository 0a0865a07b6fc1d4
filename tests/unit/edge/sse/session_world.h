// A small world around sessions: a log, a trunk that carries it, reads that answer late, sockets that take
// what they like. Every order of things is chosen by one random number generator, so that a seed is a history.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "edge/feed/feed_table.h"
#include "edge/sse/session.h"
#include "tests/support/stream_decoder.h"

namespace milepost::edge::sse {

class World {
 public:
  explicit World(uint32_t seed);
  ~World();

  // One thing happens.
  void Step();
  // Everything that is under way comes to rest; then every reader must have everything.
  void Settle();
  // What went wrong, or empty.
  const std::string& fault() const { return fault_; }
  uint64_t delivered() const { return delivered_; }
  uint64_t resets() const { return resets_; }
  uint64_t reads() const { return reads_made_; }

 private:
  struct Client;
  struct Read {
    Client* client;
    uint64_t ticket;
    feed::ReadSpec spec;
  };

  uint32_t Random(uint32_t below) { return std::uniform_int_distribution<uint32_t>(0, below - 1)(random_); }
  bool Chance(uint32_t percent) { return Random(100) < percent; }
  uint64_t head() const { return log_.size(); }
  const feed::FramePtr& FrameAt(uint64_t seq) const { return log_[seq - 1]; }
  bool Matches(uint64_t seq, const std::string& name) const;
  bool MatchesAny(uint64_t seq, const std::vector<std::string>& names) const;

  void Append();
  void TrunkBatch();
  void ApplyUpdate();
  void BreakTrunk();
  void OpenTrunk();
  void RestartService();
  void AddClient();
  void RemoveClient(size_t index);
  void Pump(Client& client, bool all);
  void AnswerRead(size_t index);
  feed::PagePtr Execute(const feed::ReadSpec& spec);
  v1::Reset::Reason Judge(const std::string& after, uint64_t& seq) const;
  void Check(Client& client);
  void CheckStreamFrame(Client& client, const test::SseFrame& frame, const std::string& type);
  void CheckEvent(Client& client, uint64_t seq);
  void CheckNothingMissed(Client& client, uint64_t through);
  void Fault(std::string what);

  std::mt19937 random_;
  std::string epoch_ = "aaaaaaaa";
  std::vector<feed::FramePtr> log_;  // seq i+1 at i
  uint64_t oldest_ = 1;
  feed::FeedTable table_;
  bool trunk_up_ = false;
  uint64_t trunk_at_ = 0;
  std::map<std::string, uint64_t> carried_;  // name → complete from
  std::optional<feed::FeedTable::Update> update_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::vector<Read> reads_;
  std::vector<std::string> old_cursors_;
  std::string fault_;
  uint64_t delivered_ = 0;
  uint64_t resets_ = 0;
  uint64_t reads_made_ = 0;
  int64_t now_ms_ = 0;
};

struct World::Client {
  StreamRequest request;
  std::unique_ptr<Session> session;
  test::StreamDecoder decoder;
  // What the client knows: every event of its names up to `position` was seen, or is void for it.
  bool placed = false;
  bool reset_due = false;  // its cursor is of another epoch than its stream
  uint64_t position = 0;
  std::map<std::string, uint64_t> snapshot_at;  // events of the name up to here came with its snapshot

  std::string Name() const {
    return absl::StrCat(absl::StrJoin(request.resources, ","), " cursor=", request.cursor,
                        " fresh=", absl::StrJoin(request.fresh, ","), " last=", request.last,
                        " types=", request.types.size(), " latest=", request.latest_progress);
  }
};

}  // namespace milepost::edge::sse
