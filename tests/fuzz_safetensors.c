/* fuzz_safetensors.c -- fuzz target for the safetensors reader; -DFUZZ_STANDALONE: runs the files and folders given
 * instead */
#include "tests/fuzz.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    Err err = { 0 };
    (void)fuzz_safetensors_one(bytes, n, &err);
    return 0;
}

#ifdef FUZZ_STANDALONE
int main(int argc, char **argv) { return corpus_main(fuzz_safetensors_one, argc, argv); }
#endif
