#pragma once

// Tells what happens on the devnet, from its public endpoints, and remembers everything it said for
// the report. Each step is one chapter; a promise that was not kept is remembered too.

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/node_api.h"
#include "devnet/network.h"
#include "gonka/net/text_model.h"

namespace gonka::devnet {

using apps::ChatAnswer;
using apps::ChatRequest;
using apps::EventLog;
using apps::Json;
using apps::NodeApi;
using apps::NowMs;
using apps::Timing;

struct StoryOptions {
  std::string model_name;
  std::string model_path;
  Cheat cheat = Cheat::kInt4;
  uint32_t cheater_records_min = 16;
  uint32_t requests_max = 120;
  uint32_t requests_min = 12;
  uint32_t answer_tokens = 32;
  uint32_t measured_pairs = 8;
  std::function<bool()> interrupted;  // Asked often; true ends the story.
};

class Story {
 public:
  Story(Network& network, http::Client& client, StoryOptions options);
  ~Story();

  // All chapters. A status only where the story cannot go on; see also broken_promises.
  absl::Status Tell(double started_ms);
  const std::vector<std::string>& broken_promises() const { return broken_; }
  const Json& report() const { return report_; }

 private:
  struct Asked {
    size_t developer = 0;
    ChatRequest request;
    ChatAnswer answer;
    absl::Status status;
  };

  absl::Status WaitUntilReady();
  absl::Status FundDevelopers();
  void TellProcesses();
  absl::Status Ask();
  void TellAnswer(const Asked& asked);
  bool EnoughAsked(size_t asked) const;
  bool WasRemoved(const std::string& participant) const;
  absl::Status TellLives();
  void TellSpeed();
  absl::Status TellCheat();
  void TellCases(const std::string& cheater);
  std::string TellCaseEvent(const Json& event) const;  // "" for what is not told.
  absl::Status TellRefunds();
  absl::Status TellEpoch();
  absl::Status TellProofs();
  absl::Status Measure();
  absl::Status Prove(const std::string& what, const std::string& query);

  // Polls until done says true; names what it waited for where time runs out.
  absl::Status WaitFor(const std::string& what, double seconds,
                       const std::function<absl::StatusOr<bool>()>& done);
  void Promise(bool kept, const std::string& what);
  void Say(const std::string& line = "");
  void Chapter(const std::string& title);
  std::string NameOf(const std::string& id) const;
  NodeApi Api(size_t participant) const;
  NodeApi Sequencer() const { return Api(0); }
  double SecondsOf(uint64_t blocks) const;

  Network& network_;
  http::Client& client_;
  const StoryOptions options_;
  double started_ms_ = 0;
  Json report_;
  std::vector<std::string> broken_;
  std::map<std::string, std::string> names_;  // Account in hex -> name.
  std::vector<std::string> api_keys_;         // One a developer.
  std::unique_ptr<EventLog> events_;
  std::vector<std::unique_ptr<EventLog>> notices_;  // One a developer: what it is told.
  std::mutex asked_mutex_;
  std::vector<Asked> asked_;
  uint64_t epoch_ = 0;  // The one that the story is about.
};

}  // namespace gonka::devnet
