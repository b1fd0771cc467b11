/* cli.h -- the commands of the program; a thin layer over the library
 *
 * Exit codes as diff(1): 0 fine; 1 a comparison or verification fell short; 2 trouble, with one line on stderr that names
 * the file or flag, what was found and what was expected. Data goes to stdout, messages and progress to stderr.
 */
#ifndef SDREF_REF_CLI_H
#define SDREF_REF_CLI_H

#include "ref/options.h"
#include "tensor/err.h"

enum { EXIT_FINE = 0, EXIT_SHORT = 1, EXIT_TROUBLE = 2 };

/* argv[0..argc) is what follows the command's name. Each prints its own messages and returns an exit code. */
typedef int CommandMain(int argc, char *const *argv);
CommandMain cmd_distill, cmd_render, cmd_verify, cmd_compare, cmd_trace, cmd_inspect, cmd_selftest, cmd_sample, cmd_init, cmd_train, cmd_bench, cmd_estimators,
            cmd_export, cmd_presets;

/* The one line on stderr, "sdref: ..."; returns EXIT_TROUBLE. */
int cli_trouble(const Err *err);

/* Reads the command line of `c`: the options, or NULL when the command is over already (help shown or a mistake
 * reported), with *code set. */
Options *cli_options(const Command *c, int argc, char *const *argv, int *code);

/* A command that shows a table. one: the entry called `name`, -1 with err set when there is none. */
typedef struct TableShow { void (*all)(void), (*markdown)(void); int (*one)(const char *name, Err *err); } TableShow;
extern const Option cli_table_options[1];                /* --markdown */
/* The whole of such a command, c of these options and at most one NAME. Returns an exit code. */
int cli_table(const Command *c, const TableShow *show, int argc, char *const *argv);

#endif
