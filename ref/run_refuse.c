/* run_refuse.c -- options that were given though nothing will read them, each with the word that would make it count */
#include "ref/occupied.h"
#include "ref/run.h"

#include <string.h>

static int refuse(const Options *o, const char *const *names, const char *because, Err *err)
{
    for (; *names != NULL; names++)
        if (opt_given(o, *names)) return err_set(err, "--%s: %s", *names, because);
    return 0;
}

static int image_check(const Options *o, Err *err)
{
    static const char *const voxels[] = { "samples", "occupancy", "jitter", "normals", "blob", "blob-slope", "background", "background-lr", NULL }, *const cameras[] = { "view-mode", "render-resolution", "camera-jitter", "target-jitter", "up-jitter", NULL };
    static const char *const light[] = { "albedo-share", "diffuse-prob", "textureless-prob", NULL };
    if (opt_choice(o, "field") != 0) return 0;
    if (refuse(o, voxels, "found with --field image, which is pixels alone; expected --field voxel", err) != 0) return -1;
    if (refuse(o, cameras, "found with --field image, whose views are all the same; expected --field voxel", err) != 0) return -1;
    return refuse(o, light, "found with --field image, which no light falls on; expected --field voxel", err);
}

/* Which fields read an option, where not all do. */
enum { OF_VOXEL = 1 << FIELD_VOXEL, OF_HASHGRID = 1 << FIELD_HASHGRID, OF_MLP = 1 << FIELD_MLP, OF_SH = 1 << FIELD_SH };
static const struct { const char *option; int fields; const char *words; } of_field[] = {
    { "grid", OF_VOXEL | OF_SH, "voxel or sh" },   { "sh-degree", OF_SH, "sh" },        { "hash-levels", OF_HASHGRID, "hashgrid" },
    { "hash-table", OF_HASHGRID, "hashgrid" },     { "hash-start", OF_HASHGRID, "hashgrid" }, { "frequencies", OF_MLP, "mlp" },
    { "layers", OF_MLP, "mlp" },                   { "hidden", OF_HASHGRID | OF_MLP, "hashgrid or mlp" },
};

static int field_check(const Options *o, Err *err)
{
    const int kind = opt_choice(o, "field"), table = opt_int(o, "hash-table");
    for (size_t i = 0; i < sizeof of_field / sizeof of_field[0]; i++)
        if (opt_given(o, of_field[i].option) && (of_field[i].fields >> kind & 1) == 0)
            return err_set(err, "--%s: found with --field %s, expected --field %s", of_field[i].option, field_kind_names[kind], of_field[i].words);
    if (opt_choice(o, "normals") == NORMALS_ANALYTIC && !field_has_slope((FieldKind)kind))
        return err_set(err, "--normals: found analytic with --field %s, expected differences, or --field voxel or sh, whose density has a gradient written out",
                       field_kind_names[kind]);
    if (kind == FIELD_HASHGRID && opt_given(o, "hash-start") && opt_int(o, "hash-start") > opt_int(o, "hash-levels"))
        return err_set(err, "--hash-start: found %d, expected at most --hash-levels, %d", opt_int(o, "hash-start"), opt_int(o, "hash-levels"));
    if (kind == FIELD_HASHGRID && (table & (table - 1)) != 0) return err_set(err, "--hash-table: found %d, expected a power of two", table);
    return 0;
}

static int occupancy_check(const Options *o, Err *err)
{
    if (opt_int(o, "occupancy") == 0 || opt_int(o, "budget") > 0 || opt_int(o, "steps") > OCCUPIED_PERIOD) return 0;
    return err_set(err, "--occupancy: found %d with --steps %d, expected more than %d steps, or 0: the grid is first looked at after so many",
                   opt_int(o, "occupancy"), opt_int(o, "steps"), OCCUPIED_PERIOD);
}

static int shading_check(const Options *o, Err *err)
{
    static const char *const shaded[] = { "diffuse-prob", "textureless-prob", NULL };
    if (opt_double(o, "albedo-share") < 1) return 0;
    return refuse(o, shaded, "found with --albedo-share 1, expected one below 1: no step is shaded", err);
}

static int background_check(const Options *o, Err *err)
{
    static const char *const own[] = { "background-lr", NULL }, *const consensus[] = { "consensus", NULL };
    if (opt_choice(o, "background") == 0) return refuse(o, own, "found with --background fixed, expected colour or mlp: nothing of it is learnt", err);
    return refuse(o, consensus, "found with a --background that is learnt, expected fixed: views are weighted by the field's gradients alone", err);
}

static int sdi_check(const Options *o, Err *err)
{
    static const char *const papers[] = { "kappa", "tau-max", "inversion-steps", NULL };
    static const char *const inversion[] = { "guidance-inverse", "inversion-steps", "noise-scale", "tau-max", NULL };
    if (opt_choice(o, "form") == SDI_OFFICIAL)
        return refuse(o, papers, "found with --form official, which has its own; expected --form paper", err);
    if (opt_choice(o, "kappa") == KAPPA_INVERSION) return 0;
    return refuse(o, inversion, "found with a --kappa that inverts nothing, expected --kappa inversion", err);
}

int run_refuse(const Options *o, Err *err)
{
    static const char *const guidance[] = { "guidance", "cfg-convention", NULL };
    const Estimator *e = run_estimator(o);
    if (image_check(o, err) != 0 || field_check(o, err) != 0 || occupancy_check(o, err) != 0 || shading_check(o, err) != 0 || background_check(o, err) != 0) return -1;
    if (e->grad == sdi_grad && sdi_check(o, err) != 0) return -1;
    if (e->grad == csd_grad) return refuse(o, guidance, "found with --estimator csd, which has factors in its place; expected --w1 and --w2", err);
    return 0;
}
