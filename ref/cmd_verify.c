/* cmd_verify.c -- sdref verify FILE...: the report of verify.h as a table, the verdict in the last line and the exit code */
#include "ref/cli.h"
#include "ref/verify.h"

#include <stdio.h>

static const char *const examples[] = {
    "sdref verify trace.safetensors",
    "sdref-f64 verify tests/golden/render/voxel.safetensors",
    NULL
};
static const Option options[] = {
    { "Options", "tol", OPT_REAL, OPT_RESULT, NULL, "X", "one bar for every tensor and both errors (relative L2)", 1e-300, 1e30, NULL },
};
static const Command command = {
    "verify", "recompute a trace and name the first tensor that is wrong", "sdref verify TRACE... [--tol X]", examples,
    options, 1, 1, -1, "TRACE (`sdref help trace` says what is in one)",
};

static void print_row(const Row *row)
{
    static const char *const kinds[] = { "", "taken from the file", "not in the file: ours", "unknown: not checked" };
    if (row->kind != ROW_CHECKED) {
        printf("%-6s %-16s %-5s %s\n", row->ok ? "-" : "WRONG", row->name, row->kind == ROW_OURS ? "" : st_dtype_name(row->dtype), kinds[row->kind]);
        return;
    }
    printf("%-6s %-16s %-5s %12.3e %12.3e   %.0e %.0e", row->ok ? "ok" : "WRONG", row->name, st_dtype_name(row->dtype), row->accumulated,
           row->local, row->bar.accumulated, row->bar.local);
    if (!row->ok) printf("   worst at %lld of %s", (long long)row->worst, row->shape);
    printf("\n");
}

static void print_report(const char *path, const Report *r)
{
    printf("%s: %s\n       %-16s %-5s %12s %12s   bars\n", path, r->kind, "tensor", "type", "accumulated", "local");
    for (int i = 0; i < r->count; i++) print_row(&r->rows[i]);
    if (r->notes[0] != 0) printf("note: %s\n", r->notes);
    if (r->failed == 0) {
        printf("fine: %d tensors recomputed, all within their bars\n", r->checked);
        return;
    }
    if (r->culprit < 0) {
        printf("short: %d tensors of the file are unknown and were not checked\n", r->failed);
        return;
    }
    const Row *row = &r->rows[r->culprit];
    if (!(row->local <= row->bar.local))
        printf("short: '%s' is the first that is wrong by itself (local error %.3e, bar %.0e); %d of %d beyond their bars\n", row->name,
               row->local, row->bar.local, r->failed, r->checked);
    else
        printf("short: every step is right by itself; errors add up first in '%s' (%.3e, bar %.0e); %d of %d beyond their bars\n", row->name,
               row->accumulated, row->bar.accumulated, r->failed, r->checked);
}

int cmd_verify(int argc, char *const *argv)
{
    int code;
    Options *o = cli_options(&command, argc, argv, &code);
    if (o == NULL) return code;
    const double tolerance = opt_has(o, "tol") ? opt_double(o, "tol") : 0.0;
    for (int i = 0; i < opt_args(o) && code != EXIT_TROUBLE; i++) {
        Err err = { 0 };
        Report report;
        if (verify_file(&report, opt_arg(o, i), tolerance, &err) != 0) {
            code = cli_trouble(&err);
            break;
        }
        print_report(opt_arg(o, i), &report);
        if (report.failed > 0 || report.checked == 0) code = EXIT_SHORT;
        report_free(&report);
    }
    opt_free(o);
    return code;
}
