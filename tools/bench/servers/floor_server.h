// The floor: what it costs to send ready bytes to many sockets, and nothing else.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/strings/string_view.h"
#include "tools/bench/wire/relay_records.h"

namespace milepost::bench {

// One epoll loop. Takes any HTTP request that names a job, answers the head of an event stream, and from then
// on gives every payload of that job (wire/relay_records.h, on standard input) to the socket by one send().
// It knows no resume, no heartbeat and no limits: it is the lower bound for those that do. Bytes that a
// socket does not take wait in a string of that reader.
//
// With a flush interval, a job that was sent less than the interval ago is sent again at its end, with all
// that has come in between in one send(): the rule that Milepost follows with 2 ms.
//
// One thread.
class FloorServer {
 public:
  // `flush_nanos` 0: every payload is sent by itself, at once.
  explicit FloorServer(int64_t flush_nanos);
  ~FloorServer();
  FloorServer(const FloorServer&) = delete;
  FloorServer& operator=(const FloorServer&) = delete;

  // Binds a port of 127.0.0.1 and prints the readiness line. False, with errno set, if that failed.
  bool Listen();
  // Serves until standard input ends.
  void Run();

 private:
  struct Reader {
    int fd = -1;
    bool live = false;
    uint32_t job = 0;     // once live
    std::string request;  // until the stream is live
    std::string backlog;  // what the socket did not take
  };
  struct Job {
    std::vector<Reader*> readers;
    std::string gathered;  // to be sent at due
    int64_t due = 0;       // not to be sent before
    bool waiting = false;  // is in waiting_
  };

  // Waits for sockets, or for the next flush. Returns how many are ready.
  int Wait(void* events, int capacity);
  void Accept();
  void Serve(Reader& reader, uint32_t events);
  void TakeRequest(Reader& reader);
  // False when standard input has ended.
  bool TakeRecords();
  void TakePayload(Job& job, absl::string_view payload);
  void FlushDue(int64_t now);
  static void SendToAll(Job& job, absl::string_view bytes, int epoll);
  static void Send(Reader& reader, absl::string_view bytes, int epoll);
  void Drop(Reader& reader);

  const int64_t flush_nanos_;
  const int epoll_;
  int listener_ = -1;
  std::vector<char> buffer_;
  RelayRecordReader records_;
  std::unordered_map<int, std::unique_ptr<Reader>> readers_;  // by descriptor
  std::unordered_map<uint32_t, Job> jobs_;
  std::vector<Job*> waiting_;  // in the order of their due times
};

}  // namespace milepost::bench
