/* cmd_selftest.c -- sdref selftest: probes and digests of this machine beside the published ones */
#include "ref/cli.h"
#include "ref/selftest.h"
#include "tensor/mem.h"
#include "tensor/par.h"

#include <stdio.h>

static const char *const examples[] = {
    "sdref selftest",
    "sdref-f64 selftest --threads 3",
    NULL
};
static const Option options[] = {
    { "Options", "threads", OPT_INT, OPT_HOST, NULL, "N", "default: all cores; changes no bit", 1, 1024, NULL },
    { "Options", "print-table", OPT_FLAG, OPT_HOST, NULL, NULL, "the table of published digests as C lines, with this machine's",
      0, 0, NULL },
};
static const Command command = {
    "selftest", "digests of this machine beside the published ones", "sdref selftest [options]", examples, options, 2, 0, 0, "",
};

#define DIGITS(x) #x
#define NUMBER(x) DIGITS(x)                               /* a macro's value as a string */

static const char *compiler(void)
{
#if defined(__clang__)
    return "clang " NUMBER(__clang_major__) "." NUMBER(__clang_minor__) "." NUMBER(__clang_patchlevel__);
#elif defined(__GNUC__)
    return "gcc " __VERSION__;
#else
    return "another compiler";
#endif
}

static const char *instructions(void)
{
#if defined(__AVX512F__)
    return "x86-64 with AVX-512";
#elif defined(__AVX2__) && defined(__FMA__)
    return "x86-64 with AVX2 and FMA";
#elif defined(__AVX2__)
    return "x86-64 with AVX2, without FMA";
#elif defined(__x86_64__)
    return "x86-64, SSE2";
#elif defined(__aarch64__)
    return "aarch64";
#elif defined(__riscv)
    return "riscv64";
#else
    return "another machine";
#endif
}

static void print_table(const Digest *digest, int n)
{
    for (int i = 0; i < n; i++) {
        const Digest *d = &digest[i];
        const char *binary32 = sizeof(real) == 4 ? d->found : d->binary32, *binary64 = sizeof(real) == 4 ? d->binary64 : d->found;
        printf("    { \"%s\", \"%s\", \"%s\" },\n", d->name, binary32, binary64);
    }
}

/* The exit code. */
static int print_report(const Digest *digest, int n)
{
    Probe probe[PROBES];
    const char *first = NULL;
    int bad_probes = 0, bad_digests = 0;
    printf("sdref %s, numerics %d, %s; %s, %s, %d threads\n\n", SDREF_VERSION, SDREF_NUMERICS, REAL_NAME, compiler(),
           instructions(), par_threads());
    selftest_probes(probe);
    for (int i = 0; i < PROBES; i++) {
        printf("%-6s %-20s %s\n", probe[i].ok ? "ok" : "WRONG", probe[i].name, probe[i].promise);
        if (!probe[i].ok && first == NULL) first = probe[i].name;
        bad_probes += !probe[i].ok;
    }
    printf("\n       %-20s %-*s %s\n", "sha256 of", DIGEST_DIGITS, "this machine", "published");
    for (int i = 0; i < n; i++) {
        const Digest *d = &digest[i];
        const char *known = sizeof(real) == 4 ? d->binary32 : d->binary64;
        printf("%-6s %-20s %s %s\n", d->ok ? "same" : "DIFFER", d->name, d->found, known[0] == 0 ? "(none)" : known);
        if (!d->ok && first == NULL) first = d->name;
        bad_digests += !d->ok;
    }
    if (first == NULL) printf("\nfine: %d probes hold, %d digests as published\n", PROBES, n);
    else printf("\nshort: %d of %d probes and %d of %d digests differ, the first is '%s'\n", bad_probes, PROBES, bad_digests, n, first);
    return first == NULL ? EXIT_FINE : EXIT_SHORT;
}

int cmd_selftest(int argc, char *const *argv)
{
    int code;
    Options *o = cli_options(&command, argc, argv, &code);
    if (o == NULL) return code;
    Err err = { 0 };
    if (opt_has(o, "threads")) par_threads_set(opt_int(o, "threads"));
    Digest *digest = mem_new((size_t)selftest_count(), sizeof *digest, "digests", &err);
    if (digest == NULL || selftest_digests(digest, &err) != 0) code = cli_trouble(&err);
    else if (opt_flag(o, "print-table")) print_table(digest, selftest_count());
    else code = print_report(digest, selftest_count());
    mem_free(digest);
    opt_free(o);
    return code;
}
