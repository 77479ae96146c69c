#pragma once

// Remembers the manifest of a file by its path, size and time of change: one small file each.

#include <optional>
#include <string>

#include "gonka/model/manifest.h"

namespace gonka::model {

class ManifestCache {
 public:
  // Remembers nothing where directory is empty or path is no file on disk.
  ManifestCache(const std::string& directory, const std::string& path);

  // Nothing where there is no entry, or one of another file, or a damaged one.
  std::optional<Manifest> Find() const;
  absl::Status Put(const Manifest& manifest) const;

 private:
  struct Identity {
    Text<4096> path;
    uint64_t size = 0;
    uint64_t changed_ns = 0;
    uint64_t inode = 0;
    GONKA_FIELDS(Identity, path, size, changed_ns, inode)
  };
  // The identity is in the entry, too: what a crash left in its place is not taken for one.
  struct Entry {
    static constexpr RecordKind kKind{0x4D43, 1};
    Identity identity;
    Manifest manifest;
    GONKA_FIELDS(Entry, identity, manifest)
  };

  std::string directory_;
  std::optional<Identity> identity_;
  std::string file_;
};

}  // namespace gonka::model
