/* cmd_compare.c -- sdref compare A B: the comparison of compare.h as a table, the verdict in the last line and the exit code */
#include "ref/cli.h"
#include "ref/compare.h"
#include "tensor/text.h"
#include "weights/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *const examples[] = {
    "sdref compare ours.safetensors theirs.safetensors",
    "sdref compare --tol 1e-5 ours.safetensors theirs.safetensors",
    "sdref compare runs/mug runs/mug-again",
    NULL
};
static const Option options[] = {
    { "Options", "tol", OPT_REAL, OPT_RESULT, NULL, "X",
      "a tensor passes when |A - B| / max(|A|, |B|) (L2) is at most X, and nothing but tensors counts; without: every bit, and the metadata",
      0, 1e30, NULL },
};
static const Command command = {
    "compare", "two files, tensor by tensor; two runs, file by file", "sdref compare A B [--tol X]", examples,
    options, 1, 2, 2, "A B (two safetensors files, or two run folders)",
};

static void print_why(const CompareRow *r)
{
    char a[ST_SHAPE_ROOM], b[ST_SHAPE_ROOM];
    if (r->verdict == COMPARE_ONLY_A) printf("   only in A: %s", st_shape(a, r->a));
    else if (r->verdict == COMPARE_ONLY_B) printf("   only in B: %s", st_shape(b, r->b));
    else if (r->verdict == COMPARE_SHAPE || r->verdict == COMPARE_TYPE) printf("   %s against %s", st_shape(a, r->a), st_shape(b, r->b));
    else if (!compare_passes(r->verdict)) printf("   first bad index %" PRId64 " of %s", r->first, st_shape(a, r->a));
    if (r->nan_a > 0 || r->nan_b > 0) printf("   NaN: %" PRId64 " in A, %" PRId64 " in B", r->nan_a, r->nan_b);
}

static void print_row(const CompareRow *r, int width)
{
    static const char *const words[] = { "same", "close", "DIFFER", "NAN", "TYPE", "SHAPE", "ONLY A", "ONLY B" };
    char name[SHOW_ROOM], ulp[24];
    printf("%-6s %-*s", words[r->verdict], width, json_show(name, r->a != NULL ? r->a->name : r->b->name));
    if (r->max_ulp == ULP_NONE) snprintf(ulp, sizeof ulp, "none");
    else if (r->max_ulp >= UINT64_C(10000000000)) snprintf(ulp, sizeof ulp, "%.3e", (double)r->max_ulp);
    else snprintf(ulp, sizeof ulp, "%" PRIu64, r->max_ulp);
    if (r->measured) printf(" %10s %10.3e %10.3e %12.9f", ulp, text_shown(r->max_abs), text_shown(r->relative), text_shown(r->cosine));
    print_why(r);
    printf("\n");
}

static void print_tensors(const Comparison *c)
{
    int width = 6;
    for (int i = 0; i < c->rows; i++) {
        char name[SHOW_ROOM];
        const CompareRow *r = &c->row[i];
        const int n = (int)strlen(json_show(name, r->a != NULL ? r->a->name : r->b->name));
        if (n > width) width = n;
    }
    printf("       %-*s %10s %10s %10s %12s\n", width, "tensor", "max ulp", "max abs", "rel L2", "cosine");
    for (int i = 0; i < c->rows; i++) print_row(&c->row[i], width);
}

static void print_others(const Comparison *c)
{
    for (int i = 0; i < c->metas; i++) {
        char key[SHOW_ROOM], a[SHOW_ROOM], b[SHOW_ROOM];
        const CompareMeta *m = &c->meta[i];
        printf("metadata '%s': %s%s in A, %s%s in B\n", json_show(key, m->key), m->a == NULL ? "absent" : "found ",
               m->a == NULL ? "" : json_show(a, m->a), m->b == NULL ? "absent" : "found ", m->b == NULL ? "" : json_show(b, m->b));
    }
    for (int i = 0; i < c->files; i++) {
        const CompareFile *f = &c->file[i];
        char name[SHOW_ROOM];
        const int same = strcmp(f->a, f->b) == 0, one = f->a[0] == 0 || f->b[0] == 0;
        printf("%-6s %-20s", same ? "same" : f->a[0] == 0 ? "ONLY B" : one ? "ONLY A" : "DIFFER", json_show(name, f->name));
        if (same || one) printf(" sha256 %.16s\n", f->a[0] != 0 ? f->a : f->b);
        else printf(" sha256 %.16s in A, %.16s in B\n", f->a, f->b);
    }
}

static void print_verdict(const Comparison *c, double tolerance)
{
    int close = 0, at = -1;
    for (int i = c->rows - 1; i >= 0; i--) {
        close += c->row[i].verdict == COMPARE_CLOSE;
        if (!compare_passes(c->row[i].verdict)) at = i;
    }
    printf("%s: ", c->fine ? "fine" : "short");
    if (at >= 0) {
        char name[SHOW_ROOM];
        const StTensor *t = c->row[at].a != NULL ? c->row[at].a : c->row[at].b;
        printf("%d of %d tensors differ, the first is '%s'", c->tensors_bad, c->rows, json_show(name, t->name));
    } else if (tolerance >= 0) printf("%d tensors, %d the same bit for bit, %d within %g", c->rows, c->rows - close, close, tolerance);
    else printf("%d tensors the same, bit for bit", c->rows);
    if (c->metas > 0) printf("; metadata differs in %d place%s", c->metas, c->metas == 1 ? "" : "s");
    if (c->files > 0) printf("; %d of %d other files differ", c->files_bad, c->files);
    if (c->fine && (c->metas > 0 || c->files_bad > 0)) printf(", which --tol lets pass");
    printf("\n");
}

int cmd_compare(int argc, char *const *argv)
{
    int code;
    Options *o = cli_options(&command, argc, argv, &code);
    if (o == NULL) return code;
    Err err = { 0 };
    Comparison c = { 0 };
    const char *a = opt_arg(o, 0), *b = opt_arg(o, 1);
    const double tolerance = opt_has(o, "tol") ? opt_double(o, "tol") : -1.0;
    const int folders = is_folder(a) + is_folder(b);
    int status;
    if (folders == 1)
        status = err_set(&err, "%s: found a folder beside a file, expected two files or two run folders", is_folder(a) ? a : b);
    else
        status = folders == 2 ? compare_runs(&c, a, b, tolerance, &err) : compare_files(&c, a, b, tolerance, &err);
    if (status == 0) {
        printf("A %s\nB %s\n", a, b);
        print_tensors(&c);
        print_others(&c);
        print_verdict(&c, tolerance);
        code = c.fine ? EXIT_FINE : EXIT_SHORT;
    } else code = cli_trouble(&err);
    comparison_free(&c);
    opt_free(o);
    return code;
}
