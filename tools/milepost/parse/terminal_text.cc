#include "tools/milepost/parse/terminal_text.h"

#include <algorithm>

namespace milepost::tool {
namespace {

bool IsPlain(char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f; }

}  // namespace

void TerminalText::Feed(absl::string_view bytes, Sink sink) {
  size_t at = 0;
  while (at < bytes.size()) {
    if (state_ != State::kText) {
      FeedEscape(bytes[at++], sink);
      continue;
    }
    const size_t end = std::find_if_not(bytes.begin() + at, bytes.end(), IsPlain) - bytes.begin();
    if (end > at) {
      if (returned_) Redraw(sink);
      Append(bytes.substr(at, end - at));
      at = end;
    } else {
      FeedControl(bytes[at++], sink);
    }
  }
}

void TerminalText::Finish(Sink sink) {
  state_ = State::kText;
  if (!text_.empty()) sink({text_, true});
  text_.clear();
  returned_ = false;
}

void TerminalText::FeedControl(char c, Sink sink) {
  switch (c) {
    case '\n':
      sink({text_, true});
      text_.clear();
      returned_ = false;
      break;
    case '\r':
      returned_ = true;
      break;
    case '\t':
      if (returned_) Redraw(sink);
      Append("\t");
      break;
    case '\b':
      while (!text_.empty() && (text_.back() & 0xc0) == 0x80) text_.pop_back();
      if (!text_.empty()) text_.pop_back();
      break;
    case '\x1b':
      state_ = State::kEscape;
      break;
    default:
      break;
  }
}

// ECMA-48: ESC [ parameters final; ESC ] … BEL or ESC \ for titles and links.
void TerminalText::FeedEscape(char c, Sink sink) {
  switch (state_) {
    case State::kEscape:
      state_ = c == '[' ? State::kControlSequence
               : (c == ']' || c == 'P' || c == '_' || c == '^' || c == 'X') ? State::kString
               // Between ESC and its final byte there may be others, for example ESC ( B.
               : (c >= 0x20 && c <= 0x2f) ? State::kEscape
                                          : State::kText;
      break;
    case State::kControlSequence:
      if (c < 0x40 || c > 0x7e) {
        // A line end inside a sequence: it was no sequence.
        if (c == '\n') {
          state_ = State::kText;
          FeedControl(c, sink);
        }
        break;
      }
      state_ = State::kText;
      // The cursor went elsewhere: what is written next is not the rest of this text.
      if (std::string("ABEFGHJdf").find(c) != std::string::npos) Redraw(sink);
      break;
    case State::kString:
      if (c == '\x1b') state_ = State::kStringEscape;
      if (c == '\a') state_ = State::kText;
      break;
    case State::kStringEscape:
      state_ = c == '\\' ? State::kText : State::kString;
      break;
    case State::kText:
      break;
  }
}

void TerminalText::Append(absl::string_view bytes) {
  text_.append(bytes.data(), std::min(bytes.size(), kMaxPieceBytes - std::min(text_.size(), kMaxPieceBytes)));
}

void TerminalText::Redraw(Sink sink) {
  returned_ = false;
  if (text_.empty()) return;
  sink({text_, false});
  text_.clear();
}

}  // namespace milepost::tool
