/* options.c -- the command line of one command, as a table
 *
 * A value is kept as canonical text, from which it was read back; so what run.json stores, what a resumed run loads
 * and what was typed go through one function, read_value.
 */
#include "ref/options.h"

#include "tensor/mem.h"
#include "tensor/text.h"

#include <limits.h>
#include <string.h>

enum { NAMES_MAX = 128, SHOWN = 60, LINE = 80, INDENT = 26 };

typedef struct {
    char    *text;                                        /* canonical; NULL: no value */
    int      given;                                       /* on the command line */
    int64_t  whole;                                       /* OPT_INT, OPT_CHOICE (index), OPT_FLAG */
    uint64_t natural;                                     /* OPT_UINT64 */
    double   number;                                      /* OPT_REAL */
    Ramp     ramp;                                        /* OPT_RAMP */
} Value;

struct Options { const Command *command; Value *value; char **arg; int nargs; };

/* ---- what is expected, and words for it ---- */

/* One line of at most SHOWN bytes, fit for a message. */
static const char *show(char out[SHOWN + 4], const char *text)
{
    size_t n = strlen(text), shown = n <= SHOWN ? n : SHOWN;
    for (size_t i = 0; i < shown; i++) out[i] = (char)((unsigned char)text[i] < 32 || text[i] == 127 ? '?' : text[i]);
    strcpy(out + shown, n <= SHOWN ? "" : "...");
    return out;
}

/* The name of something that must be there or be made; where "" is the default it means none. */
static int is_path(const Option *d)
{
    if (d->kind != OPT_STRING || d->value == NULL || (d->fallback != NULL && d->fallback[0] == '\0')) return 0;
    return strcmp(d->value, "FILE") == 0 || strcmp(d->value, "FOLDER") == 0;
}

static int bounded(const Option *d) { return d->min != 0 || d->max != 0; }

static int choice_count(const Option *d)
{
    int n = 0;
    while (d->choices[n] != NULL) n++;
    return n;
}

static void bounds_text(char out[80], const Option *d)
{
    char min[TEXT_DOUBLE_MAX], max[TEXT_DOUBLE_MAX];
    text_from_double(min, d->min);
    text_from_double(max, d->max);
    snprintf(out, 80, "%s to %s", min, max);
}

/* "a, b or c" */
static void choices_text(char *out, size_t size, const Option *d)
{
    size_t used = 0;
    int n = choice_count(d);
    out[0] = '\0';
    for (int i = 0; i < n && used < size; i++) {
        int wrote = snprintf(out + used, size - used, "%s%s", i == 0 ? "" : i == n - 1 ? " or " : ", ", d->choices[i]);
        used += (size_t)wrote;
    }
}

static void expected_text(char *out, size_t size, const Option *d)
{
    char range[80] = "";
    if (bounded(d)) bounds_text(range, d);
    switch (d->kind) {
    case OPT_INT: case OPT_UINT64: case OPT_REAL:
        if (!bounded(d) && d->kind == OPT_INT) snprintf(range, sizeof range, "%d to %d", INT_MIN, INT_MAX);
        if (!bounded(d) && d->kind == OPT_UINT64) snprintf(range, sizeof range, "0 to 18446744073709551615");
        if (!bounded(d) && d->kind == OPT_REAL) snprintf(range, sizeof range, "the range of %s", REAL_NAME);
        snprintf(out, size, "a %snumber %s%s", d->kind == OPT_REAL ? "" : "whole ",
                 !bounded(d) && d->kind == OPT_REAL ? "in " : "from ", range);
        break;
    case OPT_RAMP:
        snprintf(out, size, "a number%s%s, or [STEP,]FROM,TO,STEP with steps that ascend", bounded(d) ? " from " : "", range);
        break;
    case OPT_CHOICE: choices_text(out, size, d); break;
    case OPT_FLAG:   snprintf(out, size, "true or false"); break;
    case OPT_STRING: snprintf(out, size, is_path(d) ? "a path" : "a text"); break;
    }
}

/* ---- values ---- */

/* -> *v without its text; *canonical: `text`, a choice's name, or `buffer`. -1: not a value for this option. */
static int read_value(Value *v, const char **canonical, char buffer[RAMP_TEXT], const Option *d, const char *text)
{
    *canonical = text;
    switch (d->kind) {
    case OPT_STRING:
        return is_path(d) && text[0] == '\0' ? -1 : 0;
    case OPT_INT:
        if (text_to_int64(&v->whole, text) != 0 || v->whole < INT_MIN || v->whole > INT_MAX) return -1;
        if (bounded(d) && !((double)v->whole >= d->min && (double)v->whole <= d->max)) return -1;
        snprintf(buffer, TEXT_DOUBLE_MAX, "%lld", (long long)v->whole);
        *canonical = buffer;
        return 0;
    case OPT_UINT64:
        if (text_to_uint64(&v->natural, text) != 0) return -1;
        if (bounded(d) && !((double)v->natural >= d->min && (double)v->natural <= d->max)) return -1;
        snprintf(buffer, TEXT_DOUBLE_MAX, "%llu", (unsigned long long)v->natural);
        *canonical = buffer;
        return 0;
    case OPT_REAL:
        if (text_to_double(&v->number, text) != 0 || !isfinite((real)v->number)) return -1;
        if (bounded(d) && !(v->number >= d->min && v->number <= d->max)) return -1;
        text_from_double(buffer, v->number);
        *canonical = buffer;
        return 0;
    case OPT_RAMP: {
        double least, most;
        if (ramp_parse(&v->ramp, text) != 0) return -1;
        ramp_range(&least, &most, &v->ramp);
        if (!isfinite((real)least) || !isfinite((real)most)) return -1;
        if (bounded(d) && !(least >= d->min && most <= d->max)) return -1;
        ramp_print(buffer, &v->ramp);
        *canonical = buffer;
        return 0;
    }
    case OPT_CHOICE:
        for (v->whole = 0; d->choices[v->whole] != NULL; v->whole++)
            if (strcmp(d->choices[v->whole], text) == 0) return 0;
        return -1;
    case OPT_FLAG:
        v->whole = strcmp(text, "true") == 0;
        return v->whole || strcmp(text, "false") == 0 ? 0 : -1;
    }
    return -1;
}

static char *copy_text(const char *text, Err *err)
{
    char *copy = mem_new(strlen(text) + 1, 1, "options", err);
    if (copy != NULL) strcpy(copy, text);
    return copy;
}

/* `prefix` and `suffix` stand around the name in messages: "--" and "", or "run.json: setting '" and "'". */
static int set_value(Value *v, const Option *d, const char *text, const char *prefix, const char *suffix, Err *err)
{
    char buffer[RAMP_TEXT], expected[400], found[SHOWN + 4];
    const char *canonical = NULL;
    Value next = {0};
    if (read_value(&next, &canonical, buffer, d, text) != 0) {
        const char *near = d->kind == OPT_CHOICE ? text_nearest(text, d->choices, choice_count(d)) : NULL;
        expected_text(expected, sizeof expected, d);
        return err_set(err, "%s%s%s: found '%s', expected %s%s%s%s", prefix, d->name, suffix, show(found, text), expected,
                       near == NULL ? "" : "; did you mean '", near == NULL ? "" : near, near == NULL ? "" : "'?");
    }
    next.text = copy_text(canonical, err);
    if (next.text == NULL) return -1;
    mem_free(v->text);
    *v = next;
    return 0;
}

/* ---- making and reading ---- */

static int find_option(const Command *c, const char *name, size_t length)
{
    for (int i = 0; i < c->noptions; i++)
        if (strlen(c->options[i].name) == length && strncmp(c->options[i].name, name, length) == 0) return i;
    return -1;
}

Options *opt_new(const Command *c, Err *err)
{
    Options *o = mem_new(1, sizeof *o, "options", err);
    if (o == NULL) return NULL;
    o->command = c;
    BUG_IF(c->noptions > NAMES_MAX - 1, "%s: %d options", c->name, c->noptions);
    o->value = mem_new((size_t)c->noptions + 1, sizeof *o->value, "options", err);
    for (int i = 0; o->value != NULL && i < c->noptions; i++) {
        const Option *d = &c->options[i];
        const char *fallback = d->fallback == NULL && d->kind == OPT_FLAG ? "false" : d->fallback, *canonical;
        char buffer[RAMP_TEXT];
        Value v;
        BUG_IF(find_option(c, d->name, strlen(d->name)) != i, "%s: option %s twice in the table", c->name, d->name);
        if (fallback == NULL) continue;
        BUG_IF(read_value(&v, &canonical, buffer, d, fallback) != 0, "%s: default '%s' of %s", c->name, fallback, d->name);
        if (set_value(&o->value[i], d, fallback, "--", "", err) != 0) {
            opt_free(o);
            return NULL;
        }
    }
    if (o->value != NULL) return o;
    opt_free(o);
    return NULL;
}

void opt_free(Options *o)
{
    if (o == NULL) return;
    for (int i = 0; o->value != NULL && i < o->command->noptions; i++) mem_free(o->value[i].text);
    for (int i = 0; i < o->nargs; i++) mem_free(o->arg[i]);
    mem_free(o->value);
    mem_free(o->arg);
    mem_free(o);
}

/* `typed`: "--stpes" or "--stpes=3" or "-s". */
static int no_such_option(const Command *c, const char *typed, Err *err)
{
    const char *names[NAMES_MAX], *word = typed + 1 + (typed[1] == '-');
    char found[SHOWN + 4], bare[SHOWN + 4];
    for (int i = 0; i < c->noptions; i++) names[i] = c->options[i].name;
    names[c->noptions] = "help";
    show(bare, word);
    bare[strcspn(bare, "=")] = '\0';
    show(found, typed);
    found[strcspn(found, "=")] = '\0';
    const char *near = text_nearest(bare, names, c->noptions + 1);
    if (near != NULL) return err_set(err, "%s: no such option of %s; did you mean --%s?", found, c->name, near);
    return err_set(err, "%s: no such option of %s; --help lists them", found, c->name);
}

/* argv[*i] begins with "--"; moves *i on when the value is the next word. */
static int parse_option(Options *o, int *i, int argc, char *const *argv, Err *err)
{
    const Command *c = o->command;
    const char *name = argv[*i] + 2, *equals = strchr(name, '='), *text = equals == NULL ? NULL : equals + 1;
    int k = find_option(c, name, equals == NULL ? strlen(name) : (size_t)(equals - name));
    if (k < 0) return no_such_option(c, argv[*i], err);
    const Option *d = &c->options[k];
    if (text == NULL && d->kind == OPT_FLAG) text = "true";
    if (text == NULL) {
        char expected[400], found[SHOWN + 4];
        expected_text(expected, sizeof expected, d);
        if (*i + 1 == argc) return err_set(err, "--%s: found no value, expected %s", d->name, expected);
        text = argv[++*i];
        if (strncmp(text, "--", 2) == 0)
            return err_set(err, "--%s: found the option '%s', expected %s (write --%s=VALUE if that is the value)",
                           d->name, show(found, text), expected, d->name);
    }
    if (o->value[k].given) {
        char first[SHOWN + 4], second[SHOWN + 4];
        return err_set(err, "--%s: found twice, '%s' and '%s', expected once", d->name,
                       show(first, o->value[k].text), show(second, text));
    }
    if (set_value(&o->value[k], d, text, "--", "", err) != 0) return -1;
    o->value[k].given = 1;
    return 0;
}

static int check_args(const Options *o, Err *err)
{
    const Command *c = o->command;
    const char *what = c->args == NULL ? c->name : c->args;
    char extra[SHOWN + 4];
    if (o->nargs < c->min_args)
        return err_set(err, "%s: found %d argument%s, expected %s%d", what, o->nargs, o->nargs == 1 ? "" : "s",
                       c->min_args == c->max_args ? "" : "at least ", c->min_args);
    if (c->max_args >= 0 && o->nargs > c->max_args)
        return err_set(err, "%s: found %d arguments, expected %s%d; '%s' is too many (a text with spaces needs quotes)", what,
                       o->nargs, c->min_args == c->max_args ? "" : "at most ", c->max_args, show(extra, o->arg[c->max_args]));
    return 0;
}

int opt_parse(Options *o, int argc, char *const *argv, Err *err)
{
    int options_end = 0;
    BUG_IF(o->arg != NULL, "%s: parsed twice", o->command->name);
    o->arg = mem_new((size_t)argc + 1, sizeof *o->arg, "options", err);
    if (o->arg == NULL) return -1;
    for (int i = 0; i < argc; i++) {
        const char *word = argv[i];
        if (!options_end && (strcmp(word, "-h") == 0 || strcmp(word, "--help") == 0)) return 1;
        if (!options_end && strcmp(word, "--") == 0) options_end = 1;
        else if (!options_end && strncmp(word, "--", 2) == 0) {
            if (parse_option(o, &i, argc, argv, err) != 0) return -1;
        } else if (!options_end && word[0] == '-' && word[1] != '\0') return no_such_option(o->command, word, err);
        else {
            o->arg[o->nargs] = copy_text(word, err);
            if (o->arg[o->nargs] == NULL) return -1;
            o->nargs++;
        }
    }
    return check_args(o, err);
}

int opt_load(Options *o, const char *name, const char *text, const char *where, Err *err)
{
    char prefix[400], shown[SHOWN + 4];
    int k = find_option(o->command, name, strlen(name));
    if (k < 0) return err_set(err, "%s: setting '%s': no such option of %s", where, show(shown, name), o->command->name);
    Value loaded = {0};
    snprintf(prefix, sizeof prefix, "%s: setting '", where);
    if (set_value(&loaded, &o->command->options[k], text, prefix, "'", err) != 0) return -1;
    if (o->value[k].given) mem_free(loaded.text);
    else {
        mem_free(o->value[k].text);
        o->value[k] = loaded;
    }
    return 0;
}

/* ---- values by name ---- */

static const Value *value_of(const Options *o, const char *name, OptionKind kind)
{
    int k = find_option(o->command, name, strlen(name));
    BUG_IF(k < 0, "%s: no option %s", o->command->name, name);
    BUG_IF(o->command->options[k].kind != kind, "%s: option %s is of another kind", o->command->name, name);
    BUG_IF(o->value[k].text == NULL && kind != OPT_STRING, "%s: option %s has no value", o->command->name, name);
    return &o->value[k];
}

const char *opt_string(const Options *o, const char *name) { return value_of(o, name, OPT_STRING)->text; }
int      opt_int(const Options *o, const char *name) { return (int)value_of(o, name, OPT_INT)->whole; }
uint64_t opt_uint64(const Options *o, const char *name) { return value_of(o, name, OPT_UINT64)->natural; }
double   opt_double(const Options *o, const char *name) { return value_of(o, name, OPT_REAL)->number; }
real     opt_real(const Options *o, const char *name) { return (real)opt_double(o, name); }
Ramp     opt_ramp(const Options *o, const char *name) { return value_of(o, name, OPT_RAMP)->ramp; }
int      opt_choice(const Options *o, const char *name) { return (int)value_of(o, name, OPT_CHOICE)->whole; }
int      opt_flag(const Options *o, const char *name) { return (int)value_of(o, name, OPT_FLAG)->whole; }

static int index_of(const Options *o, const char *name)
{
    int k = find_option(o->command, name, strlen(name));
    BUG_IF(k < 0, "%s: no option %s", o->command->name, name);
    return k;
}

int opt_has(const Options *o, const char *name) { return o->value[index_of(o, name)].text != NULL; }
int opt_given(const Options *o, const char *name) { return o->value[index_of(o, name)].given; }
int opt_args(const Options *o) { return o->nargs; }

const char *opt_arg(const Options *o, int i)
{
    BUG_IF(i < 0 || i >= o->nargs, "%s: argument %d of %d", o->command->name, i, o->nargs);
    return o->arg[i];
}

const char *opt_text(const Options *o, int i)
{
    BUG_IF(i < 0 || i >= o->command->noptions, "%s: option %d of %d", o->command->name, i, o->command->noptions);
    return o->value[i].text;
}

/* ---- help ---- */

/* Words of `text` from column `at` on, wrapped to lines that begin at column INDENT. */
static int print_words(FILE *out, const char *text, int at)
{
    while (*text != '\0') {
        int n = (int)strcspn(text, " ");
        if (at > INDENT && at + 1 + n >= LINE) at = fprintf(out, "\n%*s", INDENT, "") - 1;
        at += fprintf(out, "%s%.*s", at > INDENT ? " " : "", n, text);
        text += n;
        text += strspn(text, " ");
    }
    return at;
}

static void print_option(FILE *out, const Option *d)
{
    static const char *const value[] = { "TEXT", "N", "N", "X", "RAMP", "NAME", "" };
    char range[512] = "", tail[640];
    const char *word = d->value != NULL ? d->value : value[d->kind];
    int at = fprintf(out, "  --%s%s%s", d->name, d->kind == OPT_FLAG ? "" : " ", d->kind == OPT_FLAG ? "" : word);
    if (at > INDENT - 2) at = fprintf(out, "\n") - 1;
    fprintf(out, "%*s", INDENT - at, "");
    if (d->kind == OPT_CHOICE) choices_text(range, sizeof range, d);
    else if (bounded(d)) bounds_text(range, d);
    at = print_words(out, d->help, INDENT);
    if (range[0] != '\0') {
        fputc(';', out);
        at = print_words(out, range, at + 1);
    }
    if (d->fallback != NULL) {
        snprintf(tail, sizeof tail, "[%s]", d->fallback);
        print_words(out, tail, at);
    }
    fputc('\n', out);
}

void opt_help(FILE *out, const Command *c)
{
    const char *group = NULL;
    for (int i = 0; c->examples != NULL && c->examples[i] != NULL; i++) {
        if (i == 0) fprintf(out, "Examples:\n");
        fprintf(out, "  %s\n", c->examples[i]);
    }
    fprintf(out, "%sUsage: %s\n%s\n", c->examples != NULL && c->examples[0] != NULL ? "\n" : "", c->usage, c->summary);
    for (int i = 0; i < c->noptions; i++) {
        if (group == NULL || strcmp(group, c->options[i].group) != 0) {
            group = c->options[i].group;
            fprintf(out, "\n%s:\n", group);
        }
        print_option(out, &c->options[i]);
    }
    fprintf(out, "\n  %-*sthis text\n", INDENT - 2, "-h, --help");
}
