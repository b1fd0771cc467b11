/* cmd_verify.c -- sdref verify FILE...: the report of verify.h as a table, the verdict in the last line and the exit code */
#include "ref/cli.h"
#include "ref/verify.h"
#include "tensor/text.h"

#include <stdio.h>
#include <string.h>

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

static void print_row(const Row *row, int width)
{
    static const char *const kinds[] = { "", "taken from the file", "not in the file: ours", "unknown: not checked" };
    if (row->kind != ROW_CHECKED) {
        printf("%-6s %-*s %-5s %s\n", row->ok ? "-" : "WRONG", width, row->name, row->kind == ROW_OURS ? "" : st_dtype_name(row->dtype), kinds[row->kind]);
        return;
    }
    printf("%-6s %-*s %-5s %12.3e %12.3e   %.0e %.0e", row->ok ? "ok" : "WRONG", width, row->name, st_dtype_name(row->dtype), text_shown(row->accumulated),
           text_shown(row->local), row->bar.accumulated, row->bar.local);
    if (row->rounding) printf("   rounding");
    if (!row->ok) printf("   worst at %lld of %s", (long long)row->worst, row->shape);
    printf("\n");
}

/* The last line: what is wrong first, and what was right until then. */
static void print_verdict(const Report *r)
{
    if (r->checked == 0 && r->failed == 0) {
        printf("short: the file has no result that could be recomputed\n");
        return;
    }
    if (r->failed == 0) {
        printf("fine: %d tensors recomputed, all within their bars", r->checked);
        if (r->rounding > 0) printf(", %d of them without what rounding is worth there", r->rounding);
        printf("\n");
        return;
    }
    if (r->culprit < 0) {
        printf("short: %d tensors of the file are unknown and were not checked\n", r->failed);
        return;
    }
    const Row *row = &r->rows[r->culprit], *nearest = &r->rows[r->nearest];
    if (!(row->local_beyond <= row->bar.local)) {
        printf("short: '%s' is the first that is wrong by itself (local error %.3e, bar %.0e)", row->name, text_shown(row->local), row->bar.local);
        if (r->before >= 0) printf("; all before it are right by themselves, up to '%s'", r->rows[r->before].name);
    } else
        printf("short: every step is right by itself, nearest to its bar '%s' (local error %.3e, bar %.0e); errors add up first in '%s' (%.3e, bar %.0e)",
               nearest->name, nearest->local, nearest->bar.local, row->name, text_shown(row->accumulated), row->bar.accumulated);
    printf("; %d of %d beyond their bars\n", r->failed, r->checked);
}

static void print_report(const char *path, const Report *r)
{
    int width = 16;
    for (int i = 0; i < r->count; i++)
        if ((int)strlen(r->rows[i].name) > width) width = (int)strlen(r->rows[i].name);
    printf("%s: %s\n       %-*s %-5s %12s %12s   bars\n", path, r->kind, width, "tensor", "type", "accumulated", "local");
    for (int i = 0; i < r->count; i++) print_row(&r->rows[i], width);
    if (r->unsaid > 0) printf("note: %d outputs of modules and gradients are not in the file\n", r->unsaid);
    if (r->notes[0] != 0) printf("note: %s\n", r->notes);
    print_verdict(r);
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
