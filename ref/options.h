/* options.h -- the command line of one command, as a table
 *
 * A command is a table of Option. opt_parse reads `--name value`, `--name=value`, flags (`--name`, `--name=true`,
 * `--name=false`), `-h`/`--help`, positional arguments, and `--`, after which everything is positional. A value that
 * begins with "--" needs the form with "=". An option is given at most once. Numbers are strict (tensor/text.h). A FILE or FOLDER
 * is not empty, unless that is its default.
 * Messages: one line, the option, what was found, what was expected; a mistyped name is answered with the nearest.
 */
#ifndef SDREF_OPTIONS_H
#define SDREF_OPTIONS_H

#include "sampler/ramp.h"
#include "tensor/err.h"
#include "tensor/real.h"

#include <stdio.h>

typedef enum { OPT_STRING, OPT_INT, OPT_UINT64, OPT_REAL, OPT_RAMP, OPT_CHOICE, OPT_FLAG } OptionKind;
typedef enum { OPT_RESULT, OPT_HOST } OptionScope;        /* can change a result (stored in run.json), or cannot */

typedef struct {
    const char *group;              /* heading in the help; options of one group stand together in the table */
    const char *name;               /* without "--" */
    OptionKind  kind;
    OptionScope scope;
    const char *fallback;           /* default, as text; NULL: none (a flag: false) */
    const char *value;              /* what the help calls the value, "N", "FILE"; NULL: from the kind */
    const char *help;
    double      min, max;           /* numbers, all values of a ramp: inclusive bounds; both 0: none but the type's */
    const char *const *choices;     /* OPT_CHOICE: names, then NULL */
} Option;

typedef struct {
    const char *name;               /* "distill" */
    const char *summary;            /* one line */
    const char *usage;              /* "sdref distill PROMPT [options]" */
    const char *const *examples;    /* lines, then NULL; may be NULL */
    const Option *options;
    int         noptions;
    int         min_args, max_args; /* positional arguments; max -1: any number */
    const char *args;               /* what the positional arguments are, for messages: "PROMPT" */
} Command;

typedef struct Options Options;     /* the values of one command */

/* Every option at its default. `c` must outlive the result. NULL: out of memory (a default that does not parse is
 * a bug). */
Options *opt_new(const Command *c, Err *err);
void     opt_free(Options *o);

/* Reads argv[0..argc): what follows the command's name. 0: fine; 1: help was asked for (nothing after it was looked
 * at); -1: err says what. Values are copied. */
int opt_parse(Options *o, int argc, char *const *argv, Err *err);

/* One stored setting, e.g. from run.json. Sets the value unless the command line gave it. -1: no such option, or not
 * a value for it; the message begins with `where` (a file's name). Either order of opt_parse and opt_load will do. */
int opt_load(Options *o, const char *name, const char *text, const char *where, Err *err);

/* Values by name. An unknown name or another kind is a bug; so is a number or choice without default that was
 * not given (ask opt_has). Pointers live as long as o. */
const char *opt_string(const Options *o, const char *name);       /* NULL: not given, no default */
int         opt_int(const Options *o, const char *name);
uint64_t    opt_uint64(const Options *o, const char *name);
real        opt_real(const Options *o, const char *name);         /* OPT_REAL, rounded to real */
double      opt_double(const Options *o, const char *name);       /* OPT_REAL, as read */
Ramp        opt_ramp(const Options *o, const char *name);
int         opt_choice(const Options *o, const char *name);       /* index in choices */
int         opt_flag(const Options *o, const char *name);         /* 0 or 1 */
int         opt_has(const Options *o, const char *name);          /* has a value: given, loaded or default */
int         opt_given(const Options *o, const char *name);        /* given on the command line */
int         opt_args(const Options *o);                           /* number of positional arguments */
const char *opt_arg(const Options *o, int i);

/* The i-th of the command's options (0..noptions) as canonical text: numbers in their shortest form, a choice's name,
 * "true" or "false". NULL: no value. opt_load of this text gives the same value. */
const char *opt_text(const Options *o, int i);

/* Help, 80 columns: examples, usage, options by group with bounds and defaults. */
void opt_help(FILE *out, const Command *c);

#endif
