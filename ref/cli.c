/* cli.c -- what all commands share */
#include "ref/cli.h"

#include <stdio.h>

int cli_trouble(const Err *err)
{
    fprintf(stderr, "sdref: %s\n", err->set ? err->msg : "unknown trouble");
    return EXIT_TROUBLE;
}

Options *cli_options(const Command *c, int argc, char *const *argv, int *code)
{
    Err err = { 0 };
    Options *o = opt_new(c, &err);
    const int status = o == NULL ? -1 : opt_parse(o, argc, argv, &err);
    *code = EXIT_FINE;
    if (status == 0) return o;
    if (status > 0) opt_help(stdout, c);
    else *code = cli_trouble(&err);
    opt_free(o);
    return NULL;
}
