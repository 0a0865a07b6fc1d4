// Text that came from anywhere, made fit to send and to show. Pure functions; safe from any thread.
#pragma once

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace milepost::tool {

// `text` with every byte that is not part of valid UTF-8 replaced by U+FFFD.
std::string ReplaceInvalidUtf8(absl::string_view text);

// True if there is nothing to replace.
bool IsValidUtf8(absl::string_view text);

// `text`, valid UTF-8, cut between characters to at most `max_bytes`, which is at least 3; a cut text ends in "…".
std::string CutBytes(absl::string_view text, size_t max_bytes);

// How many columns of a terminal `text` takes: wide characters take two, combining ones none.
size_t Columns(absl::string_view text);

// `text` cut to at most `columns`; a cut text ends in "…". Control characters become spaces.
std::string CutColumns(absl::string_view text, size_t columns);

}  // namespace milepost::tool
