#pragma once

// The devnet's processes: a network node and one or two ML nodes for each participant, all on
// loopback, each with its own key, data directory and port. One participant may cheat.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "devnet/process.h"
#include "gonka/crypto/sign.h"
#include "gonka/protocol/genesis.h"

namespace gonka::devnet {

enum class Cheat : uint8_t { kNone, kInt4, kSmall, kForge, kTamper };
std::optional<Cheat> ParseCheat(const std::string& name);
const char* CheatName(Cheat cheat);
// What it does, in a sentence.
const char* CheatStory(Cheat cheat);

struct NetworkOptions {
  std::string programs;  // Folder of gonkad, gonka-mlnode and the cheats.
  std::string data;      // Everything is written below it.
  std::string model;     // Path of the checkpoint.
  std::string model_name;
  std::string calibration;  // Path of the model's calibration record; empty for none.
  uint32_t participants = 6;
  uint32_t developers = 3;
  Cheat cheat = Cheat::kInt4;
  uint16_t port_base = 7100;
  uint32_t epoch_blocks = 360;
  bool sprint = false;  // Weight is earned, epoch by epoch.
  uint32_t settle_blocks = 200;
  uint32_t block_interval_ms = 250;
  uint32_t ml_threads = 1;
};

struct ParticipantPlan {
  std::string name;  // "participant-2"
  KeyPair key;
  uint64_t weight = 0;
  uint16_t port = 0;
  std::vector<uint16_t> ml_ports;
  Cheat cheat = Cheat::kNone;
  std::string directory;

  AccountId id() const { return AccountOf(key.public_key()); }
  std::string url() const;
};

struct DeveloperPlan {
  std::string name;
  KeyPair key;
  Amount balance;
  size_t ta = 0;         // Index of the participant that it asks.
  std::string key_path;  // Of its key file.

  AccountId id() const { return AccountOf(key.public_key()); }
};

class Network {
 public:
  // Makes keys, genesis and directories, or finds those of an earlier run in the same place.
  static absl::StatusOr<std::unique_ptr<Network>> Create(const NetworkOptions& options);

  ~Network();  // Stops all processes.

  absl::Status StartAll();

  const Genesis& genesis() const { return genesis_; }
  const std::string& genesis_path() const { return genesis_path_; }
  const std::vector<ParticipantPlan>& participants() const { return participants_; }
  const std::vector<DeveloperPlan>& developers() const { return developers_; }
  std::optional<size_t> cheater() const;
  std::vector<std::unique_ptr<Process>>& processes() { return processes_; }
  // OK while all processes run; otherwise names the first that ended, with the end of its log.
  absl::Status CheckAlive();

 private:
  explicit Network(NetworkOptions options) : options_(std::move(options)) {}
  absl::Status PlanParticipants();
  absl::Status PlanDevelopers();
  absl::Status WriteGenesis();
  absl::Status StartParticipant(const ParticipantPlan& plan);
  absl::Status StartMlNode(const ParticipantPlan& plan, size_t index);
  absl::Status StartNode(const ParticipantPlan& plan);
  absl::StatusOr<KeyPair> KeyAt(const std::string& path);

  const NetworkOptions options_;
  Genesis genesis_;
  std::string genesis_path_;
  std::vector<ParticipantPlan> participants_;
  std::vector<DeveloperPlan> developers_;
  std::vector<std::unique_ptr<Process>> processes_;
};

}  // namespace gonka::devnet
