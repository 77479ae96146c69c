#pragma once

// The two kinds of run that need the model: answering all questions, scoring all answers.

#include "verification/records.h"
#include "verification/testbed.h"

namespace gonka::calibrate {

struct RunOptions {
  uint32_t tokens_max = 48;
  uint32_t k = verify::kTopKDefault;
  std::vector<uint32_t> stop_ids;
};

absl::StatusOr<AnswersRecord> RunAnswers(engine::Engine& engine, const Executor& executor,
                                         const std::vector<Question>& questions,
                                         const RunOptions& options);
// The artifact of engine's own forward pass over somebody else's answers.
absl::StatusOr<AnswersRecord> RunForgery(engine::Engine& engine, const Executor& executor,
                                         const std::vector<Question>& questions,
                                         const RunOptions& options, const AnswersRecord& written);
absl::StatusOr<ScoresRecord> RunScores(engine::Engine& engine, uint32_t in_flight,
                                       const std::vector<Question>& questions,
                                       const AnswersRecord& answers);

}  // namespace gonka::calibrate
