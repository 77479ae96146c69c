#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "gonka/net/snapshots.h"

namespace gonka::net {
namespace {

namespace fs = std::filesystem;

constexpr size_t kOfferBytesMax = 32 << 20;
constexpr int kFailuresMax = 3;  // Of one source that is not caught lying.

struct Source {
  std::string url;
  store::SnapshotOffer offer;
  Hash root;
  int failures = 0;

  uint64_t height() const { return offer.manifest.block.header.height; }
};

absl::StatusOr<std::string> Get(http::Client& client, const std::string& url, size_t answer_max) {
  auto response = client.Send(
      {.url = url, .timeout_us = 60'000'000, .answer_max = answer_max, .repeatable = true});
  if (!response.ok()) return response.status();
  if (response->status == 200) return std::move(response->body);
  return absl::UnavailableError(fmt::format("answered {}", response->status));
}

absl::StatusOr<Source> AskForOffer(http::Client& client, const std::string& url,
                                   const Genesis& genesis) {
  GONKA_ASSIGN_OR_RETURN(const std::string body,
                         Get(client, url + "/gonka/v1/snapshot", kOfferBytesMax));
  GONKA_ASSIGN_OR_RETURN(auto offer, Decode<store::SnapshotOffer>(AsBytes(body)));
  GONKA_ASSIGN_OR_RETURN(const Hash root, store::CheckOffer(offer, genesis));
  return Source{.url = url, .offer = std::move(offer), .root = root};
}

std::string DirectoryOf(const std::string& directory, const Hash& root) {
  return fmt::format("{}/{}", directory, Hex(root));
}

// One snapshot and all who have it: that which was begun before, or else the newest.
std::vector<Source> Choose(std::vector<Source> sources, const std::string& directory) {
  std::error_code error;
  const auto rank = [&](const Source& source) {
    return std::pair(fs::exists(DirectoryOf(directory, source.root), error), source.height());
  };
  const Hash chosen = std::ranges::max_element(sources, {}, rank)->root;
  std::erase_if(sources, [&](const Source& source) { return source.root != chosen; });
  return sources;
}

class Fetch {
 public:
  Fetch(http::Client& client, std::vector<Source> sources, store::StateImport& import, Log& log)
      : client_(client), sources_(std::move(sources)), import_(import), log_(log) {}

  absl::Status Run() {
    for (const uint32_t index : import_.Missing()) GONKA_RETURN_IF_ERROR(FetchChunk(index));
    return absl::OkStatus();
  }

 private:
  // From one source after the other, so that all have the same share of the work.
  absl::Status FetchChunk(uint32_t index) {
    for (size_t turn = index; !sources_.empty(); ++turn) {
      Source& source = sources_[turn % sources_.size()];
      absl::Status added = Ask(source, index);
      if (added.ok()) return added;
      const bool forged = absl::IsInvalidArgument(added);
      log_.Write(LogLevel::kWarning,
                 fmt::format("chunk {} from {}: {}", index, source.url, gonka::Message(added)));
      if (!forged && ++source.failures < kFailuresMax) continue;
      sources_.erase(sources_.begin() + static_cast<std::ptrdiff_t>(turn % sources_.size()));
    }
    return absl::UnavailableError(fmt::format("nobody is left to ask for chunk {}; {} are missing",
                                              index, import_.Missing().size()));
  }

  absl::Status Ask(const Source& source, uint32_t index) {
    const std::string url =
        fmt::format("{}/gonka/v1/snapshot/{}/{}", source.url, Hex(source.root), index);
    GONKA_ASSIGN_OR_RETURN(const std::string chunk,
                           Get(client_, url, ledger::kStateChunkEncodedMax));
    return import_.Add(index, AsBytes(chunk));
  }

  http::Client& client_;
  std::vector<Source> sources_;
  store::StateImport& import_;
  Log& log_;
};

}  // namespace

absl::StatusOr<uint64_t> FetchSnapshot(http::Client& client, const std::vector<std::string>& urls,
                                       const Genesis& genesis, const std::string& directory,
                                       store::Database& database, Log& log) {
  std::vector<Source> sources;
  std::string refusals;
  for (const std::string& url : urls) {
    auto source = AskForOffer(client, url, genesis);
    if (source.ok()) {
      sources.push_back(*std::move(source));
      continue;
    }
    refusals += fmt::format("; {}: {}", url, gonka::Message(source.status()));
    log.Write(LogLevel::kWarning,
              fmt::format("no snapshot from {}: {}", url, gonka::Message(source.status())));
  }
  if (sources.empty()) {
    return absl::NotFoundError(
        fmt::format("none of {} nodes has a snapshot{}", urls.size(), refusals));
  }
  sources = Choose(std::move(sources), directory);
  const Hash root = sources.front().root;
  const uint64_t height = sources.front().height();
  const std::string own = DirectoryOf(directory, root);
  GONKA_ASSIGN_OR_RETURN(const auto import,
                         store::StateImport::Open(own, sources.front().offer.manifest, root));
  log.Write(LogLevel::kInfo,
            fmt::format("taking the state after block {}, root {}, from {} nodes: {} of {} chunks "
                        "are missing",
                        height, ShortHex(root), sources.size(), import->Missing().size(),
                        sources.front().offer.manifest.chunks.size()));
  GONKA_RETURN_IF_ERROR(Fetch(client, std::move(sources), *import, log).Run());
  GONKA_RETURN_IF_ERROR(import->Commit(database, genesis));
  std::error_code error;
  fs::remove_all(directory, error);
  return height;
}

absl::Status BeginWithSnapshot(http::Client& client, const std::vector<std::string>& sources,
                               const Genesis& genesis, const std::string& data_directory,
                               store::Database& database, Log& log) {
  GONKA_ASSIGN_OR_RETURN(const std::optional<store::Tip> tip, database.ReadTip());
  if (tip) return absl::OkStatus();
  const auto height =
      FetchSnapshot(client, sources, genesis, data_directory + "/snapshot-parts", database, log);
  if (absl::IsNotFound(height.status())) {
    log.Write(LogLevel::kWarning, gonka::Message(height.status()) + "; beginning with genesis");
    return absl::OkStatus();
  }
  GONKA_RETURN_IF_ERROR(height.status());
  log.Write(LogLevel::kInfo, fmt::format("the state after block {} is taken", *height));
  return absl::OkStatus();
}

std::vector<std::string> SnapshotSources(const std::vector<std::string>& given,
                                         const Genesis& genesis, const AccountId& self) {
  std::vector<std::string> sources = given;
  for (const GenesisParticipant& participant : genesis.participants) {
    const std::string endpoint = participant.endpoint;
    if (participant.id == self || std::ranges::count(sources, endpoint) > 0) continue;
    sources.push_back(endpoint);
  }
  return sources;
}

}  // namespace gonka::net
