/* fuzz_tokenizer.c -- fuzz target for prompts; -DFUZZ_STANDALONE: runs the files and folders given instead */
#include "tests/fuzz_tokenizer.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    Err err = { 0 };
    (void)fuzz_tokenizer_one(bytes, n, &err);
    return 0;
}

#ifdef FUZZ_STANDALONE
int main(int argc, char **argv) { return corpus_main(fuzz_tokenizer_one, argc, argv); }
#endif
