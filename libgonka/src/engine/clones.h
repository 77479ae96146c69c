#pragma once

// GONKA_CLONES in front of a hot loop compiles it for several instruction sets, chosen when the
// program starts. Only for loops whose result cannot depend on that choice: integers, or floats
// with lanes that never mix (contraction is off in the whole build). Sanitizers run before such a
// choice can be made, so they get the plain version.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define GONKA_CLONES __attribute__((target_clones("default", "avx2", "avx512f")))
#else
#define GONKA_CLONES
#endif
