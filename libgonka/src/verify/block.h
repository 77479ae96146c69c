#pragma once

#include "gonka/verify/artifact.h"

namespace gonka::verify::internal {

// Why a token cannot stand in an artifact, or nullptr. It has shape.k entries.
const char* TokenFault(const ArtifactShape& shape, const ArtifactToken& token);

}  // namespace gonka::verify::internal
