// From the bytes that a program writes to a terminal to the lines that a person reads there.
#pragma once

#include <cstddef>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"

namespace milepost::tool {

// Longer pieces lose their end; a person would not read it either.
inline constexpr size_t kMaxPieceBytes = 16 * 1024;

// One line, or one state of a line that is drawn over again and again.
struct Piece {
  absl::string_view text;  // without escapes, control characters and line end; valid during the call only
  bool ends_line = false;  // false: a later piece is drawn over this one
};

// Takes escapes out and cuts at line ends, at carriage returns and where the cursor is moved. The pieces do not
// depend on how the bytes are cut into chunks. Not thread-safe.
class TerminalText {
 public:
  using Sink = absl::FunctionRef<void(const Piece&)>;

  void Feed(absl::string_view bytes, Sink sink);

  // The end of the output: a last line without an end counts as a line.
  void Finish(Sink sink);

  // What stands on the line that has not ended yet: tools that draw before they wait leave their newest word here.
  absl::string_view unfinished() const { return text_; }

 private:
  enum class State { kText, kEscape, kControlSequence, kString, kStringEscape };

  void FeedControl(char c, Sink sink);
  void FeedEscape(char c, Sink sink);
  void Append(absl::string_view bytes);
  void Redraw(Sink sink);

  State state_ = State::kText;
  bool returned_ = false;  // a carriage return came last: a line feed would end the line, anything else draws over it
  std::string text_;
};

}  // namespace milepost::tool
