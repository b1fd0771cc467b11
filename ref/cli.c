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

const Option cli_table_options[1] = {
    { "Options", "markdown", OPT_FLAG, OPT_RESULT, NULL, NULL, "as a Markdown table", 0, 0, NULL },
};

int cli_table(const Command *c, const TableShow *show, int argc, char *const *argv)
{
    int code;
    Options *o = cli_options(c, argc, argv, &code);
    if (o == NULL) return code;
    Err err = { 0 };
    int status = 0;
    if (opt_args(o) > 0) status = show->one(opt_arg(o, 0), &err);
    else if (opt_flag(o, "markdown")) show->markdown();
    else show->all();
    opt_free(o);
    return status == 0 ? EXIT_FINE : cli_trouble(&err);
}
