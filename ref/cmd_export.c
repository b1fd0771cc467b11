/* cmd_export.c -- sdref export RUN: the surface of the run's field as a mesh that other programs open */
#include "ref/cli.h"
#include "ref/run.h"
#include "render/mesh.h"
#include "tensor/par.h"
#include "tensor/sha256.h"
#include "weights/file.h"

#include <stdio.h>
#include <string.h>

typedef enum { GLB, OBJ, PLY } Format;
static const char *const formats[] = { "glb", "obj", "ply", NULL };

static const char *const examples[] = {
    "sdref export runs/mug",
    "sdref export runs/mug --format ply",
    "sdref export runs/mug --resolution 256 --out mug.ply",
    NULL
};
static const Option options[] = {
    { "Options", "format", OPT_CHOICE, OPT_RESULT, NULL, NULL,
      "default: the ending of --out, else glb. glb: glTF 2.0, y up, with a texture; obj and ply: z up, with colours of vertices", 0, 0, formats },
    { "Options", "resolution", OPT_INT, OPT_RESULT, "128", "N", "samples of the density along each side of the cube", MESH_SIDE_MIN, MESH_SIDE_MAX, NULL },
    { "Options", "threshold", OPT_REAL, OPT_RESULT, "2.77", "X",
      "density at the surface. At 2.77 = ln 2 / 0.25 a quarter of a unit, an eighth of the cube's side, lets half the light through", 1e-6, 1e6, NULL },
    { "Options", "outliers", OPT_REAL, OPT_RESULT, "0.01", "X", "parts with fewer triangles than this share of the largest part's are left out; 0: none", 0, 1, NULL },
    { "Options", "out", OPT_STRING, OPT_HOST, NULL, "FILE", "FILE.glb, FILE.obj or FILE.ply; default: mesh.glb, mesh.obj or mesh.ply in RUN", 0, 0, NULL },
    { "Options", "threads", OPT_INT, OPT_HOST, NULL, "N", "default: all cores; changes no bit", 1, 1024, NULL },
};
static const Command command = {
    "export", "the surface of a run, of its first particle, as a mesh: GLB, OBJ, PLY", "sdref export RUN [options]", examples,
    options, sizeof options / sizeof options[0], 1, 1, "RUN (the folder of a run)",
};

/* What --format says, or the ending of --out, which must agree. */
static int format_read(Format *format, const Options *o, Err *err)
{
    const char *out = opt_string(o, "out"), *ending = out == NULL ? NULL : strrchr(out, '.');
    int named = 0;
    *format = opt_has(o, "format") ? (Format)opt_choice(o, "format") : GLB;
    if (out == NULL) return 0;
    while (formats[named] != NULL && (ending == NULL || strcmp(ending + 1, formats[named]) != 0)) named++;
    if (formats[named] == NULL || (opt_has(o, "format") && (Format)named != *format))
        return err_set(err, "--out: found %s, expected a name that ends in %s%s", out, opt_has(o, "format") ? "." : ".glb, .obj or .ply",
                       opt_has(o, "format") ? formats[*format] : "");
    *format = (Format)named;
    return 0;
}

static int field_mesh(Mesh *mesh, long *outliers, Bytes *file, const Options *o, Format format, const Field *f, Err *err)
{
    if (mesh_extract(mesh, f, opt_int(o, "resolution"), opt_real(o, "threshold"), err) != 0) return -1;
    *outliers = mesh_drop_outliers(mesh, opt_real(o, "outliers"), err);
    if (*outliers < 0) return -1;
    if (format == GLB) return mesh_glb(file, mesh, f, err);
    return format == OBJ ? mesh_obj(file, mesh, err) : mesh_ply(file, mesh, err);
}

static int run_mesh(Mesh *mesh, long *outliers, Bytes *file, const Options *o, Format format, const char *folder, Err *err)
{
    Run run = { 0 };
    char *prompt = NULL, state[PATH_BYTES];
    Options *settings = opt_new(&distill_command, err);
    int status = settings == NULL ? -1 : run_settings_read(settings, &prompt, folder, err);
    if (status == 0) status = run_open_field(&run, settings, prompt, folder, err);
    if (status == 0) {
        if (run.distill->config.field == FIELD_IMAGE) status = err_set(err, "%s: its field is an image, which has no surface; expected one of 3-D", folder);
        if (status == 0) status = run_path(state, folder, "state.safetensors", err);
        if (status == 0) status = distill_load(run.distill, state, err);
        if (status == 0) status = field_mesh(mesh, outliers, file, o, format, run.distill->field, err);
        run_close(&run);
    }
    mem_free(prompt);
    opt_free(settings);
    return status;
}

static int export(const Options *o, const char *folder, Err *err)
{
    Mesh mesh = { 0 };
    Bytes file = { 0 };
    unsigned char digest[32];
    char path[PATH_BYTES], name[16], hex[65];
    const char *out = opt_string(o, "out");
    Format format;
    long outliers = 0;
    int status = format_read(&format, o, err);
    if (status != 0) return -1;
    snprintf(name, sizeof name, "mesh.%s", formats[format]);
    if (out == NULL) status = run_path(path, folder, name, err);
    if (status == 0) status = run_mesh(&mesh, &outliers, &file, o, format, folder, err);
    if (status == 0) status = file_write(out != NULL ? out : path, file.p, file.n, err);
    if (status == 0) {
        sha256(digest, file.p, file.n);
        sha256_hex(hex, digest);
        printf("%s: %zu vertices, %zu triangles, %zu bytes", out != NULL ? out : path, mesh.vertices, mesh.triangles, file.n);
        if (outliers > 0) printf("; outliers left out: %ld", outliers);
        printf("\nsha256 %s\n", hex);
    }
    mesh_free(&mesh);
    bytes_free(&file);
    return status;
}

int cmd_export(int argc, char *const *argv)
{
    int code;
    Options *o = cli_options(&command, argc, argv, &code);
    if (o == NULL) return code;
    Err err = { 0 };
    if (opt_has(o, "threads")) par_threads_set(opt_int(o, "threads"));
    const int status = export(o, opt_arg(o, 0), &err);
    opt_free(o);
    return status == 0 ? EXIT_FINE : cli_trouble(&err);
}
