// Readers' streams and calls: resumption, resets, updates in quick turns, slow readers, the service's end.
#include <algorithm>
#include <atomic>
#include <future>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>

#include "tests/integration/service_test_support.h"

namespace milepost::testing {
namespace {

using ::testing::HasSubstr;

v1::SubscribeRequest Request(const std::vector<std::string>& names, const std::string& cursor = "") {
  v1::SubscribeRequest request;
  for (const auto& name : names) request.add_resources(name);
  if (!cursor.empty()) request.set_cursor(cursor);
  return request;
}

class ReaderTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(service_.ok()); }

  grpc::Status Update(const std::string& id, uint64_t revision, const std::vector<std::string>& add,
                      const std::vector<std::string>& remove = {}) {
    grpc::ClientContext context;
    SetDeadline(&context);
    v1::UpdateSubscriptionRequest request;
    request.set_subscription_id(id);
    request.set_revision(revision);
    for (const auto& name : add) request.add_add(name);
    for (const auto& name : remove) request.add_remove(name);
    v1::UpdateSubscriptionResponse response;
    return stub_->UpdateSubscription(&context, request, &response);
  }

  grpc::Status Read(const v1::ReadRequest& request, v1::ReadResponse* response) {
    grpc::ClientContext context;
    SetDeadline(&context);
    return stub_->Read(&context, request, response);
  }

  std::string Cursor(uint64_t seq) { return service_.hub().CursorAt(seq); }

  static eventd::Options Options() {
    eventd::Options options;
    options.retention_bytes = 1 << 20;
    return options;
  }

  Service service_{Options()};
  std::unique_ptr<v1::EventService::Stub> stub_ = service_.NewStub();
};

TEST_F(ReaderTest, ResumesAfterLastDeliveredEvent) {
  for (int i = 0; i < 10; ++i) Publish(*stub_, {Notice("job:1", "x")});
  Reader reader(*stub_, Request({"job:1"}, Cursor(7)));
  EXPECT_EQ(reader.first().position(), Cursor(7));
  const auto events = reader.Events(3);
  ASSERT_EQ(events.size(), 3u);
  EXPECT_EQ(events[0].seq(), 8u);
  EXPECT_EQ(reader.position(), Cursor(10));
}

TEST_F(ReaderTest, ACursorThatCannotBeHonouredIsResetWithTheReasonAndSnapshots) {
  Publish(*stub_, {Notice("job:1", "x")});
  const std::string first = Cursor(1);
  std::vector<v1::ProgressEvent> large(20, Notice("job:2", std::string(60'000, 'x')));
  for (int i = 0; i < 2; ++i) Publish(*stub_, large);
  const std::string oldest = Cursor(service_.eventd().hub().history().bounds().floor);
  const struct {
    std::string cursor;
    v1::Reset::Reason reason;
  } cases[] = {{first, v1::Reset::EXPIRED},
               {"zzzzzzzz-1", v1::Reset::EPOCH},
               {Cursor(42), v1::Reset::FUTURE},
               {"no cursor\n", v1::Reset::MALFORMED}};
  for (const auto& c : cases) {
    Reader reader(*stub_, Request({"job:1", "user:*"}, c.cursor));
    EXPECT_EQ(reader.first().reset().reason(), c.reason);
    EXPECT_EQ(reader.first().reset().oldest(), oldest);
    ASSERT_EQ(reader.first().snapshots_size(), 2);
    EXPECT_EQ(reader.first().snapshots(0).cursor(), Cursor(41));
    EXPECT_EQ(reader.first().position(), Cursor(41));

    v1::ReadRequest request;
    request.add_resources("job:1");
    request.set_after(c.cursor);
    v1::ReadResponse page;
    ASSERT_TRUE(Read(request, &page).ok());
    EXPECT_EQ(page.reset().reason(), c.reason);
    EXPECT_EQ(page.events_size(), 0);
    EXPECT_EQ(page.snapshots_size(), 1);
    EXPECT_EQ(page.position(), Cursor(41));
  }
}

TEST_F(ReaderTest, SnapshotsOfManyResourcesComeInMessagesOfABoundedSizeAtOnePosition) {
  v1::SubscribeRequest request;
  for (int i = 0; i < 4096; ++i) request.add_resources("job:" + std::string(100, 'x') + std::to_string(i));
  request.set_snapshot(true);
  Reader reader(*stub_, request);
  int snapshots = reader.first().snapshots_size();
  v1::SubscribeResponse response;
  while (snapshots < 4096) {
    ASSERT_TRUE(reader.Next(&response));
    EXPECT_LE(response.ByteSizeLong(), 300u << 10);
    snapshots += response.snapshots_size();
    for (const auto& snapshot : response.snapshots()) ASSERT_EQ(snapshot.cursor(), Cursor(0));
  }
  EXPECT_EQ(snapshots, 4096);
}

TEST_F(ReaderTest, BadRequestsNameTheField) {
  v1::SubscribeRequest many;
  for (int i = 0; i < 4097; ++i) many.add_resources("job:" + std::to_string(i));
  v1::SubscribeRequest types = Request({"job:1"});
  types.add_types("Bad");
  v1::SubscribeRequest many_types = Request({"job:1"});
  for (int i = 0; i < 65; ++i) many_types.add_types("a");
  const std::vector<std::pair<v1::SubscribeRequest, const char*>> cases = {
      {many, "resources: 4097 names, at most 4096"}, {Request({"job"}), "resources: \"job\" is not"},
      {types, "types: \"Bad\""}, {many_types, "types: 65 names, at most 64"}};
  for (const auto& [request, message] : cases) {
    Reader reader(*stub_, request);
    const grpc::Status status = reader.Finish();
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_THAT(status.error_message(), HasSubstr(message));
  }
  EXPECT_EQ(Update("unknown", 1, {}).error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(Update("unknown", 0, {}).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(Update("unknown", 1, {"job"}).error_message(), HasSubstr("add: \"job\""));
  v1::ReadRequest read;
  v1::ReadResponse page;
  EXPECT_THAT(Read(read, &page).error_message(), HasSubstr("resources: is empty"));
  read.add_resources("job:1");
  for (const uint32_t bad : {0u, 1001u}) {
    read.set_limit(bad);
    EXPECT_THAT(Read(read, &page).error_message(), HasSubstr("limit: "));
  }
  read.set_limit(1000);
  read.set_last(1001);
  EXPECT_THAT(Read(read, &page).error_message(), HasSubstr("last: 1001 is out of range"));
}

TEST_F(ReaderTest, ARequestThatIsNotUtf8IsAnInvalidArgument) {
  grpc::GenericStub generic(service_.NewChannel());
  grpc::ClientContext context;
  SetDeadline(&context);
  const grpc::Slice slice(std::string("\x0A\x02\xFFx", 4));
  const grpc::ByteBuffer request(&slice, 1);
  grpc::ByteBuffer response;
  std::promise<grpc::Status> done;
  generic.UnaryCall(&context, "/milepost.v1.EventService/Read", {}, &request, &response,
                    [&](grpc::Status status) { done.set_value(std::move(status)); });
  const grpc::Status status = done.get_future().get();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(status.error_message(), "resources: is not valid UTF-8");
}

TEST_F(ReaderTest, AddsAndRemovesInQuickTurnsLoseAndRepeatNothing) {
  Reader reader(*stub_, Request({"job:0"}));
  const std::string id = reader.first().subscription_id();
  std::atomic<bool> updating = true;
  std::thread publisher([&] {
    auto stub = service_.NewStub();
    while (updating) Publish(*stub, {Notice("job:0", "x"), Notice("job:1", "x")});
    Publish(*stub, {Notice("job:0", "end")});
  });
  constexpr uint64_t kRevisions = 150;
  for (uint64_t revision = 1; revision <= kRevisions; ++revision) {
    const std::vector<std::string> name = {"job:1"}, none;
    ASSERT_TRUE(Update(id, revision, revision % 2 ? name : none, revision % 2 ? none : name).ok());
  }
  updating = false;
  std::vector<uint64_t> froms;
  std::map<uint64_t, std::string> got;
  v1::SubscribeResponse response;
  for (bool end = false; !end;) {
    ASSERT_TRUE(reader.Next(&response));
    for (const auto& applied : response.applied()) {
      EXPECT_EQ(applied.revision(), froms.size() + 1);
      froms.push_back(applied.from());
    }
    for (const auto& event : response.events()) {
      ASSERT_TRUE(got.empty() || event.seq() > got.rbegin()->first) << "in order and once";
      got[event.seq()] = event.job();
      end |= event.notice().text() == "end";
    }
  }
  publisher.join();
  ASSERT_EQ(froms.size(), kRevisions);
  // Odd numbers are job:0, even ones job:1.
  for (uint64_t seq = 1; seq <= got.rbegin()->first; ++seq) {
    const auto applied = std::upper_bound(froms.begin(), froms.end(), seq) - froms.begin();
    const bool carried = seq % 2 == 1 || applied % 2 == 1;
    ASSERT_EQ(got.contains(seq), carried) << seq;
  }
}

TEST_F(ReaderTest, ASlowReaderDisturbsNobodyAndCatchesUpOrIsToldWhatItLost) {
  Reader slow(*stub_, Request({"job:*"}));
  Reader healthy(*service_.NewStub(), Request({"job:*"}));
  // 6 MB, more than the connection, the list and the retention hold.
  const std::vector<v1::ProgressEvent> chunk(10, Notice("job:1", std::string(20'000, 'x')));
  uint64_t healthy_count = 0;
  for (int i = 0; i < 30; ++i) {
    Publish(*stub_, chunk);
    healthy_count += healthy.Events(10).size();
  }
  EXPECT_EQ(healthy_count, 300u);
  uint64_t newest = 0;
  int resets = 0;
  v1::SubscribeResponse response;
  while (newest < 300) {
    ASSERT_TRUE(slow.Next(&response));
    uint64_t expected = newest + 1;
    if (response.has_reset()) {
      ++resets;
      EXPECT_EQ(response.reset().reason(), v1::Reset::EXPIRED);
      EXPECT_EQ(response.snapshots_size(), 1);
      newest = std::stoull(response.position().substr(9));
      expected = newest + 1;
    }
    for (const auto& event : response.events()) {
      ASSERT_EQ(event.seq(), expected++);
      newest = event.seq();
    }
  }
  EXPECT_LE(resets, 1);
}

TEST_F(ReaderTest, PositionOfAnIdleStreamIsRefreshed) {
  Reader reader(*stub_, Request({"job:1"}));
  Publish(*stub_, {Notice("job:2", "x")});
  v1::SubscribeResponse response;
  do {
    ASSERT_TRUE(reader.Next(&response));
    EXPECT_EQ(response.events_size(), 0);
  } while (response.position() != Cursor(1));
}

TEST_F(ReaderTest, ReadWaitsForAPlaceInTheLog) {
  v1::ReadRequest request;
  request.add_resources("job:1");
  request.set_after("earliest");
  request.set_at_least(2);
  auto answer = std::async(std::launch::async, [&] {
    v1::ReadResponse page;
    EXPECT_TRUE(Read(request, &page).ok());
    return page.events_size();
  });
  Publish(*stub_, {Notice("job:1", "x")});
  Publish(*stub_, {Notice("job:1", "x")});
  EXPECT_EQ(answer.get(), 2);
  request.set_at_least(100);
  v1::ReadResponse page;
  EXPECT_EQ(Read(request, &page).error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(ReaderTest, PagesGoThroughEverythingOnce) {
  for (int i = 0; i < 25; ++i) Publish(*stub_, {Notice("job:1", "x"), Notice("job:2", "x")});
  v1::ReadRequest request;
  request.add_resources("job:1");
  request.set_after("earliest");
  request.set_limit(10);
  request.set_through(41);
  std::vector<uint64_t> seqs;
  v1::ReadResponse page;
  do {
    ASSERT_TRUE(Read(request, &page).ok());
    EXPECT_LE(page.events_size(), 10);
    for (const auto& event : page.events()) seqs.push_back(event.seq());
    request.set_after(page.position());
  } while (page.more());
  ASSERT_EQ(seqs.size(), 21u);
  EXPECT_EQ(seqs.back(), 41u);
  EXPECT_EQ(page.position(), Cursor(41));
}

TEST_F(ReaderTest, ReadersThatVanishLeaveNothingBehind) {
  for (int i = 0; i < 50; ++i) {
    auto stub = service_.NewStub();
    Reader reader(*stub, Request({"job:1"}));
    Publish(*stub_, {Notice("job:1", "x")});
  }
  const auto deadline = std::chrono::steady_clock::now() + kTimeout;
  while (service_.hub().subscriptions() > 0 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  EXPECT_EQ(service_.hub().subscriptions(), 0u);
}

TEST(PacedReaderTest, EventsThatComeWithinThePaceLeaveTogetherAndInOrder) {
  eventd::Options options;
  options.pace = std::chrono::milliseconds(10);
  Service service(options);
  ASSERT_TRUE(service.ok());
  auto stub = service.NewStub();
  Reader reader(*stub, Request({"job:1"}));
  constexpr uint64_t kEvents = 300;
  for (uint64_t i = 0; i < kEvents; ++i) Publish(*stub, {Notice("job:1", "x")});
  uint64_t seq = 0, messages = 0;
  v1::SubscribeResponse response;
  while (seq < kEvents) {
    ASSERT_TRUE(reader.Next(&response));
    ++messages;
    for (const auto& event : response.events()) ASSERT_EQ(event.seq(), ++seq);
  }
  EXPECT_LT(messages, kEvents);
}

TEST_F(ReaderTest, StopUnderLoadEndsEveryStreamInTime) {
  std::atomic<int> unavailable = 0;
  std::vector<std::thread> clients;
  std::atomic<int> running = 0;
  for (int i = 0; i < 8; ++i) {
    clients.emplace_back([&, i] {
      auto stub = service_.NewStub();
      grpc::Status status;
      if (i % 2) {
        Reader reader(*stub, Request({"job:*"}));
        ++running;
        v1::SubscribeResponse response;
        while (reader.Next(&response)) {
        }
        status = reader.Finish();
      } else {
        Producer producer(*stub, "stop-under-load-" + std::to_string(i));
        ++running;
        for (uint64_t n = 1; producer.Send(n, {Notice("job:1", "x")}) && producer.WaitAcked(n); ++n) {
        }
        status = producer.Finish();
      }
      if (status.error_code() == grpc::StatusCode::UNAVAILABLE) ++unavailable;
    });
  }
  while (running < 8) std::this_thread::yield();
  const auto start = std::chrono::steady_clock::now();
  service_.Stop();
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
  for (auto& client : clients) client.join();
  EXPECT_EQ(unavailable, 8);
}

TEST_F(ReaderTest, StopEndsAReadThatWaits) {
  v1::ReadRequest request;
  request.add_resources("job:1");
  request.set_at_least(100);
  auto answer = std::async(std::launch::async, [&] {
    v1::ReadResponse page;
    return Read(request, &page).error_code();
  });
  const auto deadline = std::chrono::steady_clock::now() + kTimeout;
  while (service_.hub().waits() == 0 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  service_.Stop();
  EXPECT_EQ(answer.get(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(ReaderTest, HealthAndReflectionAnswer) {
  grpc::GenericStub generic(service_.NewChannel());
  const auto call = [&](const std::string& method, const std::string& bytes) {
    grpc::ClientContext context;
    SetDeadline(&context);
    const grpc::Slice slice(bytes);
    const grpc::ByteBuffer request(&slice, 1);
    grpc::ByteBuffer response;
    std::promise<grpc::Status> done;
    generic.UnaryCall(&context, method, {}, &request, &response, [&](grpc::Status status) { done.set_value(std::move(status)); });
    EXPECT_TRUE(done.get_future().get().ok()) << method;
    grpc::Slice flat;
    EXPECT_TRUE(response.DumpToSingleSlice(&flat).ok());
    return std::string(reinterpret_cast<const char*>(flat.begin()), flat.size());
  };
  const std::string serving("\x08\x01", 2);  // status: SERVING
  EXPECT_EQ(call("/grpc.health.v1.Health/Check", ""), serving);
  EXPECT_EQ(call("/grpc.health.v1.Health/Check", std::string("\x0A\x18") + "milepost.v1.EventService"), serving);
  // A stream of one request whose list_services (field 7) is "*"; unary in form is enough for one answer.
  EXPECT_THAT(call("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", std::string("\x3A\x01*", 3)),
              HasSubstr("milepost.v1.EventService"));
}

TEST(ReaderDeadlineTest, AReaderThatTakesNoByteForAMinuteIsLetGo) {
  std::atomic<int64_t> now{int64_t{1'800'000'000} * 1'000'000'000};
  eventd::Options options;
  options.clock = [&now] { return now.load(); };
  Service service(options);
  ASSERT_TRUE(service.ok());
  const auto stub = service.NewStub(), publisher = service.NewStub();
  Reader slow(*stub, Request({"job:1"})), healthy(*publisher, Request({"job:1"}));
  const std::vector<v1::ProgressEvent> batch(15, Notice("job:1", std::string(60'000, 'x')));
  for (int n = 0; n < 10; ++n) {  // 9 MB: more than the slow one's windows take
    Publish(*publisher, batch);
    EXPECT_EQ(healthy.Events(batch.size()).size(), batch.size());
  }
  const auto known = [&] {
    grpc::ClientContext context;
    SetDeadline(&context);
    v1::UpdateSubscriptionRequest request;
    request.set_subscription_id(slow.first().subscription_id());
    request.set_revision(1);
    v1::UpdateSubscriptionResponse response;
    return publisher->UpdateSubscription(&context, request, &response).error_code() != grpc::StatusCode::NOT_FOUND;
  };
  now += int64_t{59} * 1'000'000'000;
  EXPECT_TRUE(known());
  now += int64_t{2} * 1'000'000'000;
  const auto deadline = std::chrono::steady_clock::now() + kTimeout;
  while (known() && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  EXPECT_FALSE(known());
  EXPECT_LT(slow.Events(20 * batch.size()).size(), 10 * batch.size());
  EXPECT_EQ(slow.Finish().error_code(), grpc::StatusCode::CANCELLED);
  // Who reads is let alone.
  Publish(*publisher, {Notice("job:1", "x")});
  EXPECT_EQ(healthy.Events(1).size(), 1u);
}

}  // namespace
}  // namespace milepost::testing
