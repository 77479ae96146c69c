#include "manifest_cache.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "fmt/format.h"
#include "gonka/crypto/hash.h"

namespace gonka::model {

ManifestCache::ManifestCache(const std::string& directory, const std::string& path,
                             const std::vector<std::string>& files)
    : directory_(directory) {
  if (directory.empty()) return;
  std::error_code error;
  const std::string canonical = std::filesystem::canonical(path, error).string();
  if (error || canonical.size() > 4096) return;
  Writer all;
  for (const std::string& file : files) {
    struct stat info {};
    if (::stat(file.c_str(), &info) != 0) return;
    const std::string name = std::filesystem::path(file).filename().string();
    all.Int(static_cast<uint32_t>(name.size()));
    all.Raw(AsBytes(name));
    all.Int(static_cast<uint64_t>(info.st_size));
    all.Int(static_cast<uint64_t>(info.st_mtim.tv_sec) * 1'000'000'000 +
            static_cast<uint64_t>(info.st_mtim.tv_nsec));
    all.Int(static_cast<uint64_t>(info.st_ino));
  }
  identity_ = Identity{.path = canonical, .files = Blake2b(all.Take())};
  // By path alone: a checkpoint that changes replaces its own entry, so the folder does not grow.
  const Hash name = TaggedHash("gonka/model/manifest-cache/1", identity_->path);
  file_ = fmt::format("{}/{}.manifest", directory, Hex(name));
}

std::optional<Manifest> ManifestCache::Find() const {
  if (!identity_) return std::nullopt;
  std::ifstream in(file_, std::ios::binary);
  const Bytes bytes{std::istreambuf_iterator<char>(in), {}};
  const absl::StatusOr<Entry> entry = Decode<Entry>(bytes);
  if (!entry.ok() || !(entry->identity == *identity_)) return std::nullopt;
  return entry->manifest;
}

absl::Status ManifestCache::Put(const Manifest& manifest) const {
  if (!identity_) return absl::OkStatus();
  std::error_code error;
  std::filesystem::create_directories(directory_, error);
  const Bytes bytes = Encode(Entry{.identity = *identity_, .manifest = manifest});
  const std::string temporary = fmt::format("{}.{}", file_, ::getpid());
  std::ofstream out(temporary, std::ios::binary | std::ios::trunc);
  out.write(reinterpret_cast<const char*>(bytes.data()),
            static_cast<std::streamsize>(bytes.size()));
  out.close();
  if (out.good()) std::filesystem::rename(temporary, file_, error);
  if (!out.good() || error) {
    std::filesystem::remove(temporary, error);
    return absl::InternalError(
        fmt::format("cannot write the manifest of {} to {}", identity_->path.c_str(), file_));
  }
  return absl::OkStatus();
}

}  // namespace gonka::model
