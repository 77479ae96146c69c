#include "gonka/node/messages.h"

namespace gonka::node {

Hash ScoresSigningHash(const InferenceId& inference, const Hash& scores_root) {
  return TaggedHash("gonka/scores/1", inference, scores_root);
}

}  // namespace gonka::node
