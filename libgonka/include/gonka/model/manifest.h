#pragma once

// What identifies a checkpoint on the ledger: the hash of a record of four hashes. A network node
// that holds only tokenizer and template can compare those two; an ML node compares all. The hash
// depends on what the checkpoint is, not on how its file is laid out, named or described.

#include <cstdint>
#include <functional>
#include <string>

#include "gonka/base/bytes.h"
#include "gonka/base/codec.h"
#include "gonka/base/status.h"
#include "gonka/model/checkpoint.h"
#include "gonka/model/tokenizer.h"

namespace gonka::model {

struct Manifest {
  Hash config;         // Everything in ModelConfig but the name.
  Hash tokenizer;      // TokenizerSpec.
  Hash chat_template;  // Its text.
  Hash tensors;        // Over the tensors' hashes, ascending by name.
  GONKA_FIELDS(Manifest, config, tokenizer, chat_template, tensors)
};

Hash ManifestHash(const Manifest& manifest);

struct ManifestOptions {
  unsigned threads = 2;
  // Bytes hashed so far and in all; called from several threads, one at a time.
  std::function<void(uint64_t done, uint64_t total)> progress = {};
  // A folder of remembered manifests, by path, size and time of change of the file; empty for none.
  // Created if missing. Whoever can write there can lie about a checkpoint: it belongs to the node.
  std::string cache_directory = {};
};

// Reads every tensor: about a tenth of a second per 100 MB and core once the file is in memory.
absl::StatusOr<Manifest> ComputeManifest(const Checkpoint& checkpoint,
                                         const ManifestOptions& options = {});
// ManifestHash(ComputeManifest(...)).
absl::StatusOr<Hash> ManifestHash(const Checkpoint& checkpoint,
                                  const ManifestOptions& options = {});

// The parts, for those who hold only some of a checkpoint.
Hash HashConfig(const ModelConfig& config);
Hash HashTokenizer(const TokenizerSpec& spec);
Hash HashChatTemplate(std::string_view chat_template);

}  // namespace gonka::model
