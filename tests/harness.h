/* harness.h -- checks that fail closed
 *
 * A test program is: #include "tests/harness.h", functions, and a main that calls TEST(function) for each and ends
 * with `return test_end();`. A check that does not hold prints file, line and values, and fails its test; a test
 * that makes no check at all fails too. Comparisons are written so that NaN fails: !(err <= tol).
 * The last line a program prints is "N passed, N failed", which tests/run.sh adds up.
 */
#ifndef SDREF_TESTS_HARNESS_H
#define SDREF_TESTS_HARNESS_H

#include "tensor/err.h"
#include "tensor/real.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int test_passed, test_failed, checks_made, checks_failed;
static const char *test_name = "?";

#define CHECK(ok, ...) do { checks_made++; if (!(ok)) { checks_failed++; \
    if (checks_failed <= 8) { printf("  %s:%d: %s: ", __FILE__, __LINE__, #ok); printf(__VA_ARGS__); printf("\n"); } } } while (0)
#define CHECK_LE(value, bound, ...) do { double check_v = (double)(value), check_b = (double)(bound); \
    checks_made++; if (!(check_v <= check_b)) { checks_failed++; \
    if (checks_failed <= 8) { printf("  %s:%d: %.9g is not <= %.9g: ", __FILE__, __LINE__, check_v, check_b); printf(__VA_ARGS__); printf("\n"); } } } while (0)
#define CHECK_OK(call, err) do { checks_made++; if ((call) != 0) { checks_failed++; \
    printf("  %s:%d: %s: %s\n", __FILE__, __LINE__, #call, (err)->msg); } } while (0)

static inline void test_run(const char *name, void (*f)(void))
{
    test_name = name;
    checks_made = checks_failed = 0;
    f();
    if (checks_made == 0) printf("  %s: made no check\n", name);
    if (checks_made == 0 || checks_failed > 0) { test_failed++; printf("FAIL %s (%d of %d checks)\n", name, checks_failed, checks_made); }
    else test_passed++;
}
#define TEST(f) test_run(#f, f)

static inline int test_end(void)
{
    printf("%d passed, %d failed\n", test_passed, test_failed);
    return test_failed > 0 || test_passed == 0;
}

#endif
