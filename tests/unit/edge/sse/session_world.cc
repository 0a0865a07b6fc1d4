#include "tests/unit/edge/sse/session_world.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/contract/cursor.h"
#include "proto/contract/resource.h"

namespace milepost::edge::sse {
namespace {

const std::vector<std::string> kNames = {"job:a", "job:b", "job:c", "user:1", "user:2", "job:*", "user:*"};
const std::vector<std::string> kJobs = {"job:a", "job:b", "job:c", "job:d"};

}  // namespace

World::World(uint32_t seed) : random_(seed), table_({.max_bytes = 6000, .linger_ms = 50}) {}

World::~World() {
  for (auto& client : clients_) table_.Leave(*client->session, now_ms_);
}

void World::Fault(std::string what) {
  if (fault_.empty()) fault_ = std::move(what);
}

bool World::Matches(uint64_t seq, const std::string& name) const {
  const auto& names = FrameAt(seq)->names();
  return std::any_of(names.begin(), names.end(), [&](const std::string& n) { return contract::Covers(name, n); });
}

bool World::MatchesAny(uint64_t seq, const std::vector<std::string>& names) const {
  return std::any_of(names.begin(), names.end(), [&](const std::string& name) { return Matches(seq, name); });
}

// --- The service ---

void World::Append() {
  v1::ProgressEvent event;
  event.set_seq(head() + 1);
  event.set_job(kJobs[Random(kJobs.size())]);
  if (Chance(40)) event.add_resources(absl::StrCat("user:", 1 + Random(2)));
  if (Chance(50)) {
    event.mutable_progress()->set_step(Chance(50) ? "s" : "t");
    event.mutable_progress()->set_message(std::string(Random(60), 'x'));
  } else {
    event.mutable_notice()->set_text("n");
  }
  log_.push_back(std::make_shared<const feed::Frame>(event, epoch_));
}

void World::TrunkBatch() {
  if (!trunk_up_ || trunk_at_ >= head()) return;
  const uint64_t through = std::min<uint64_t>(head(), trunk_at_ + 1 + Random(6));
  std::vector<feed::FramePtr> frames;
  for (uint64_t seq = trunk_at_ + 1; seq <= through; ++seq) {
    const bool wanted = std::any_of(carried_.begin(), carried_.end(), [&](const auto& entry) {
      return seq >= entry.second && Matches(seq, entry.first);
    });
    if (wanted) frames.push_back(FrameAt(seq));
  }
  trunk_at_ = through;
  table_.OnEvents(frames, {epoch_, through});
}

void World::ApplyUpdate() {
  if (!trunk_up_) return;
  if (!update_) {
    update_ = table_.NextUpdate(2);
    return;
  }
  const uint64_t from = head() + 1;
  for (const std::string& name : update_->add) carried_[name] = from;
  for (const std::string& name : update_->remove) carried_.erase(name);
  const uint64_t revision = update_->revision;
  update_.reset();
  table_.OnApplied(revision, from);
}

void World::BreakTrunk() {
  if (!trunk_up_) return;
  trunk_up_ = false;
  carried_.clear();
  update_.reset();
  table_.OnClosed();
}

void World::OpenTrunk() {
  if (trunk_up_) return;
  const auto names = table_.OpenTrunk(3);
  if (Chance(10)) {  // it breaks before it opens
    table_.OnClosed();
    return;
  }
  const auto known = table_.position();
  uint64_t at = head();
  const auto reason = known ? Judge(contract::FormatCursor(*known), at) : v1::Reset::REASON_UNSPECIFIED;
  trunk_at_ = at;
  if (reason != v1::Reset::REASON_UNSPECIFIED) {
    ++resets_;
    trunk_at_ = head();
    table_.OnReset(reason, contract::FormatCursor(epoch_, oldest_ - 1), {epoch_, trunk_at_});
  }
  trunk_up_ = true;
  for (const std::string& name : names) carried_[name] = trunk_at_ + 1;
  table_.OnOpened({epoch_, trunk_at_});
}

// A service with a log in memory: everything is gone, numbers begin again.
void World::RestartService() {
  BreakTrunk();
  ++epoch_.back();
  log_.clear();
  oldest_ = 1;
  for (Read& read : std::exchange(reads_, {})) {
    read.client->session->OnPage(read.ticket, absl::UnavailableError("restarted"));
    read.client->session->RetryRead();
  }
}

v1::Reset::Reason World::Judge(const std::string& after, uint64_t& seq) const {
  const auto cursor = contract::ParseCursor(after);
  if (after == contract::kEarliest) {
    seq = oldest_ - 1;
    return v1::Reset::REASON_UNSPECIFIED;
  }
  if (!cursor) return v1::Reset::MALFORMED;
  if (cursor->epoch != epoch_) return v1::Reset::EPOCH;
  if (cursor->seq > head()) return v1::Reset::FUTURE;
  if (cursor->seq + 1 < oldest_) return v1::Reset::EXPIRED;
  seq = cursor->seq;
  return v1::Reset::REASON_UNSPECIFIED;
}

// The answer of a replica that may lag, but not behind what the read asks for.
feed::PagePtr World::Execute(const feed::ReadSpec& spec) {
  auto page = std::make_shared<feed::Page>();
  uint64_t after = 0;
  const auto reason = spec.after.empty() ? v1::Reset::REASON_UNSPECIFIED : Judge(spec.after, after);
  if (reason != v1::Reset::REASON_UNSPECIFIED) {
    page->reset.emplace();
    page->reset->set_reason(reason);
    page->reset->set_oldest(contract::FormatCursor(epoch_, oldest_ - 1));
  }
  const uint64_t least = std::max({after, spec.at_least, oldest_ - 1});
  const uint64_t known = Chance(50) && !page->reset ? least + Random(head() - least + 1) : head();
  page->position = {epoch_, known};
  if (spec.snapshot || page->reset) {
    for (const std::string& name : spec.resources) {
      page->snapshots.push_back({name, std::make_shared<const std::string>(
                                           absl::StrCat(R"({"type":"snapshot","resource":")", name, R"(","cursor":")",
                                                        contract::FormatCursor(page->position), "\"}"))});
    }
  }
  if (page->reset || (spec.after.empty() && spec.last == 0)) return page;
  const uint64_t through = spec.through > 0 ? std::min(spec.through, known) : known;
  page->position.seq = std::max(through, after);
  for (uint64_t seq = std::max(after + 1, oldest_); seq <= through; ++seq) {
    const feed::FramePtr& frame = FrameAt(seq);
    const bool typed = spec.types.empty() || std::count(spec.types.begin(), spec.types.end(), frame->type()) > 0;
    if (!typed || !MatchesAny(seq, spec.resources)) continue;
    if (spec.last == 0 && page->frames.size() == 5) {  // small pages
      page->more = true;
      page->position.seq = page->frames.back()->seq();
      break;
    }
    page->frames.push_back(frame);
  }
  if (spec.last > 0 && page->frames.size() > spec.last) {
    page->frames.erase(page->frames.begin(), page->frames.end() - spec.last);
  }
  return page;
}

void World::AnswerRead(size_t index) {
  const Read read = reads_[index];
  reads_.erase(reads_.begin() + index);
  const bool fails = Chance(5) || read.spec.at_least > head();
  read.client->session->OnPage(read.ticket, fails ? absl::StatusOr<feed::PagePtr>(absl::UnavailableError("lagging"))
                                                  : Execute(read.spec));
}

// --- The readers ---

void World::AddClient() {
  auto client = std::make_unique<Client>();
  StreamRequest& request = client->request;
  for (const std::string& name : kNames) {
    if (Chance(25)) request.resources.push_back(name);
  }
  if (request.resources.empty()) request.resources.push_back("job:a");
  std::shuffle(request.resources.begin(), request.resources.end(), random_);
  const uint32_t kind = Random(10);
  if (kind < 4) {
    request.cursor = contract::FormatCursor(epoch_, Random(head() + 3));
    if (kind < 2) {
      const size_t fresh = 1 + Random(request.resources.size());
      request.fresh.assign(request.resources.begin(), request.resources.begin() + fresh);
    }
  } else if (kind == 4) {
    request.last = 1 + Random(10);
  } else if (kind == 5) {
    request.cursor = "earliest";
  } else if (kind == 6) {
    request.cursor = old_cursors_.empty() ? "rubbish" : old_cursors_[Random(old_cursors_.size())];
  } else if (kind == 7) {
    request.snapshot = false;
  }
  if (Chance(20)) request.types = {"notice"};
  if (Chance(20)) request.latest_progress = true;
  request.names = !Chance(20);
  SessionOptions options;
  if (Chance(50)) options.max_waiting_snapshots = 60;  // about one
  client->session = std::make_unique<Session>(request, options, table_, [](bool) {});
  client->session->Start();
  clients_.push_back(std::move(client));
}

void World::RemoveClient(size_t index) {
  Client* const client = clients_[index].get();
  if (client->placed) old_cursors_.push_back(contract::FormatCursor(epoch_, client->position));
  table_.Leave(*client->session, now_ms_);
  reads_.erase(std::remove_if(reads_.begin(), reads_.end(), [&](const Read& read) { return read.client == client; }),
               reads_.end());
  clients_.erase(clients_.begin() + index);
}

// Sends what the socket takes: often not all.
void World::Pump(Client& client, bool all) {
  std::vector<Piece> pieces;
  for (int turn = 0; turn < (all ? 10'000 : 4); ++turn) {
    switch (client.session->Next()) {
      case Session::Step::kRead: {
        Read read{&client, 0, {}};
        read.spec = client.session->NextRead(read.ticket);
        reads_.push_back(std::move(read));
        ++reads_made_;
        break;
      }
      case Session::Step::kWrite: {
        client.session->Gather(pieces);
        std::string bytes;
        for (const Piece& piece : pieces) bytes.append(piece.bytes.data(), piece.bytes.size());
        const size_t taken = all || Chance(50) ? bytes.size() : Random(bytes.size() + 1);
        client.session->Sent(pieces, taken, taken < bytes.size());
        client.decoder.Feed(absl::string_view(bytes).substr(0, taken));
        Check(client);
        if (taken < bytes.size()) return;
        break;
      }
      case Session::Step::kIdle:
        if (client.session->read_failed()) client.session->RetryRead();
        return;
      case Session::Step::kEnd:
        return Fault("a stream ended that nobody ended");
    }
  }
  if (all) Fault("a session does not come to rest");
}

// --- Time ---

void World::Step() {
  ++now_ms_;
  const uint32_t what = Random(20);
  if (what < 5) return Append();
  if (what < 9) return TrunkBatch();
  if (what < 11) return ApplyUpdate();
  if (what == 11) return Chance(15) ? BreakTrunk() : void();
  if (what == 12) return OpenTrunk();
  if (what == 13) {
    if (Chance(10)) oldest_ = std::max<uint64_t>(oldest_, head() > 30 ? head() - 30 : 1);
    if (Chance(3)) RestartService();
  } else if (what == 14) {
    if (clients_.size() < 6) AddClient();
  } else if (what == 15) {
    if (!clients_.empty() && Chance(20)) RemoveClient(Random(clients_.size()));
    table_.Sweep(now_ms_);
  } else if (what == 16) {
    if (!reads_.empty()) AnswerRead(Random(reads_.size()));
  } else if (!clients_.empty()) {
    Client& client = *clients_[Random(clients_.size())];
    if (what == 17 && Chance(20)) client.session->Heartbeat(absl::UnixEpoch());
    if (what > 17) Pump(client, false);
  }
}

void World::Settle() {
  for (int round = 0; round < 200; ++round) {
    OpenTrunk();
    ApplyUpdate();
    while (trunk_up_ && trunk_at_ < head()) TrunkBatch();
    while (!reads_.empty()) AnswerRead(0);
    for (auto& client : clients_) Pump(*client, true);
  }
  for (auto& client : clients_) {
    client->session->Heartbeat(absl::UnixEpoch());
    Pump(*client, true);
    if (!client->placed) Fault("a stream was never placed");
    if (client->position != head()) {
      Fault(absl::StrCat("at ", client->position, " although the log is at ", head(), ": ", client->Name()));
    }
  }
}

}  // namespace milepost::edge::sse
