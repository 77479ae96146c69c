#pragma once

// Cuts text into the pieces within which byte pairs are merged.

#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "gonka/base/status.h"
#include "gonka/model/tokenizer.h"

namespace gonka::model {

// One or two regular expressions, applied one after another to the pieces of the one before: each
// match is a piece, and so is what lies between two matches. Immutable, shared by threads.
class Splitter {
 public:
  using Sink = std::function<void(std::string_view piece)>;

  static absl::StatusOr<std::unique_ptr<const Splitter>> Create(PreTokenizer pre_tokenizer);
  ~Splitter();

  // text is UTF-8. Calls sink for every piece, in order; together they are the text.
  absl::Status Split(std::string_view text, const Sink& sink) const;

 private:
  struct Stage;
  struct Matching;  // What one call of Split needs.
  Splitter();
  absl::Status SplitFrom(size_t stage, std::string_view text, Matching& matching,
                         const Sink& sink) const;

  std::vector<Stage> stages_;
};

}  // namespace gonka::model
