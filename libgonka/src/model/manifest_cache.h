#pragma once

// Remembers the manifest of a checkpoint by its path and by the size, inode and time of change of
// all its files: one small file each.

#include <optional>
#include <string>
#include <vector>

#include "gonka/model/manifest.h"

namespace gonka::model {

class ManifestCache {
 public:
  // Remembers nothing where directory is empty or one of the files is not on disk.
  ManifestCache(const std::string& directory, const std::string& path,
                const std::vector<std::string>& files);

  // Nothing where there is no entry, or one of another file, or a damaged one.
  std::optional<Manifest> Find() const;
  absl::Status Put(const Manifest& manifest) const;

 private:
  struct Identity {
    Text<4096> path;
    Hash files;  // Over name, size, time of change and inode of each.
    GONKA_FIELDS(Identity, path, files)
  };
  // The identity is in the entry, too: what a crash left in its place is not taken for one.
  struct Entry {
    static constexpr RecordKind kKind{0x4D43, 2};
    Identity identity;
    Manifest manifest;
    GONKA_FIELDS(Entry, identity, manifest)
  };

  std::string directory_;
  std::optional<Identity> identity_;
  std::string file_;
};

}  // namespace gonka::model
