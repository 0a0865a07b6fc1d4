// Passes bytes on from one file descriptor to another, unchanged, and shows them to somebody on the way.
#pragma once

#include <functional>

#include "absl/strings/string_view.h"

namespace milepost::tool {

// A wake-up that poll can wait for: once set it stays set until it is cleared. Safe from any thread.
class Event {
 public:
  Event();
  ~Event();
  Event(const Event&) = delete;
  void Set();
  void Clear();
  int fd() const { return fd_; }

 private:
  int fd_;
};

// Copies until the end of `from`, until nobody reads `to` any more, or, once `stop` is set, until `from` has been quiet
// for a moment. `seen` is called with every piece after it was passed on. Blocks; meant for a thread of its own.
void CopyOutput(int from, int to, const Event& stop, const std::function<void(absl::string_view)>& seen);

// Copies what is typed on `from` to the pseudo-terminal `to` until `stop`. `interrupt` is called when a piece holds a
// Ctrl-C that the terminal will turn into a signal.
void CopyInput(int from, int to, const Event& stop, const std::function<void()>& interrupt);

}  // namespace milepost::tool
