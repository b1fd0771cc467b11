/* verify_network.c -- traces of kinds unet, vae, taesd, clip: the network of the folder, run on the file's inputs */
#include "ref/network.h"
#include "ref/verify_internal.h"
#include "tensor/mem.h"

#include <stdio.h>
#include <string.h>

enum { INPUTS_MAX = 16 };

/* Gradient memory for the parameters whose gradients the file has. */
static int want_gradients(const Check *c, const Model *m, Err *err)
{
    static const char prefix[] = "out.grad.";
    for (int i = 0; i < st_count(c->file); i++) {
        const char *name = st_at(c->file, i)->name;
        if (strncmp(name, prefix, sizeof prefix - 1) != 0) continue;
        const char *parameter = name + sizeof prefix - 1;
        if (!params_has(m->params, parameter)) continue;              /* listed as unknown at the end */
        if (params_want_gradient(m->params, parameter, err) != 0) return -1;
    }
    return 0;
}

static int run(Check *c, const Model *m, Arena *arena, Err *err)
{
    NetInput at[INPUTS_MAX];
    NetInputs in = { at, 0 };
    const Trace trace = { check_put, c };
    if (strcmp(model_kind_name(m->kind), c->trace) != 0)
        return err_set(err, "%s: metadata 'kind' is %s, but its network is of kind %s", st_path(c->file), c->trace, model_kind_name(m->kind));
    for (const char *const *name = network_inputs(m->kind); *name != NULL; name++)
        if (check_has(c, *name)) {
            if (network_input_read(&at[in.count], c->file, *name, arena, err) != 0) return -1;
            in.count++;
        }
    if (want_gradients(c, m, err) != 0) return -1;
    Err why = { 0 };
    return network_run(m, &in, &trace, &why) == 0 ? 0 : err_set(err, "%s: %s", st_path(c->file), why.msg);
}

int verify_network(Check *c, Err *err)
{
    char folder[1024];
    Model m;
    if (check_network(folder, sizeof folder, c, err) != 0 || model_open(&m, folder, err) != 0) return -1;
    Arena *arena = arena_new(err);
    const int status = arena == NULL ? -1 : run(c, &m, arena, err);
    arena_free(arena);
    model_close(&m);
    return status;
}
