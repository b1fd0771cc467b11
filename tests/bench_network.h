/* bench_network.h -- whole networks of random weights, each in a process of its own, so that its peak memory is its own
 *
 * The weights are made once by what `sdref init` runs, as binary16 in runs/bench/, and again when the config has changed.
 * They are read through a map: pages of the file that were touched count as memory.
 *
 * Work is counted on a walk without values, in multiply-adds: a module with a weight (O, ...) of n values takes n/O for
 * each value that it puts out, an attention 2 Tq Tk C. Norms, activations and exponentials count as nothing.
 */
#ifndef SDREF_TESTS_BENCH_NETWORK_H
#define SDREF_TESTS_BENCH_NETWORK_H

#include "nn/model.h"
#include "ref/cli.h"
#include "tensor/rng.h"
#include "tests/bench_report.h"
#include "weights/file.h"

#include <stdlib.h>
#include <string.h>

enum { TOKENS = 77, CONFIG_BYTES = 1 << 16 };
typedef struct Network { const char *name, *config; int side, back, full; } Network;
typedef struct NetworkTimes { double gflop, seconds, mbyte; } NetworkTimes;        /* seconds 0: too much work */

/* ---- the work ---- */

typedef struct Count { double multiply_adds; Params *params; Shape query; } Count;

static inline int ends_in(const char *path, const char *end)
{
    const size_t n = strlen(path), e = strlen(end);
    return n >= e && strcmp(path + n - e, end) == 0;
}

static inline int count_hear(void *self, const char *path, Tensor *y, Err *err)
{
    Count *c = self;
    char name[NET_PATH + 8];
    (void)err;
    snprintf(name, sizeof name, "%s.weight", path);
    const Weight *w = params_get(c->params, name);
    if (w != NULL && w->s.nd >= 2) c->multiply_adds += (double)y->n * (double)w->n / (double)w->s.d[0];
    if (ends_in(path, ".to_q")) c->query = y->s;
    if (ends_in(path, ".to_k")) c->multiply_adds += 2 * (double)shape_count(c->query) * (double)y->s.d[1];
    return 0;
}

/* ---- one call ---- */

static inline Tensor *normal(Tape *t, Shape s, int wants_gradient, uint32_t stream)
{
    Tensor *x = tensor_new(t, s, wants_gradient, "input");
    if (x != NULL && x->v != NULL) rng_normal(x->v, (RngAt){ 1, stream, 0, RNG_PROBE }, x->n);
    return x;
}

static inline Tensor *network_call(const Model *m, Tape *t, int side, int back, const NetTap *tap, Err *err)
{
    const double time = 500;
    Net n;
    net_begin(&n, t, m->params, err);
    n.tap = tap;
    const int channels = m->kind == MODEL_VAE ? m->vae->config.latent_channels : m->unet->config.in_channels;
    Tensor *x = normal(t, (Shape){ 4, { 1, channels, side, side } }, back, 0);
    if (m->kind == MODEL_VAE) return vae_decode(&n, m->vae, x);
    Tensor *text = normal(t, (Shape){ 3, { 1, TOKENS, m->unet->config.text_in } }, 0, 1);
    return unet_forward(&n, m->unet, &(UNetInput){ .sample = x, .timestep = &time, .encoder_hidden_states = text });
}

typedef struct Caller { const Model *m; Tape *tape; int side, back; Err *err; } Caller;

static inline void network_work(void *self)
{
    const Caller *c = self;
    const size_t mark = tape_mark(c->tape);
    Tensor *y = network_call(c->m, c->tape, c->side, c->back, NULL, c->err);
    if (y != NULL && c->back) {
        tape_seed(y, y->v);
        tape_backward(c->tape);
    }
    if (y != NULL) bench_sink = y->v[0];
    tape_rewind(c->tape, mark);
}

/* Of this process, in MB; 0 where the system does not say. TRAP: ru_maxrss counts what the parent held at the fork. */
static inline double peak_memory(void)
{
    char line[256];
    double kbyte = 0;
    FILE *f = fopen("/proc/self/status", "r");
    while (f != NULL && fgets(line, sizeof line, f) != NULL)
        if (strncmp(line, "VmHWM:", 6) == 0) kbyte = strtod(line + 6, NULL);
    if (f != NULL) fclose(f);
    return kbyte * 1024 / 1e6;
}

/* The child: FOLDER SIDE BACK THREADS BUDGET LEAST MOST. One line: GFLOP, seconds of the best call, MB. More than MOST
 * GFLOP are counted and not done. */
static inline int network_child(char *const *argv)
{
    Err err = { 0 };
    Model m;
    const int side = atoi(argv[1]), back = atoi(argv[2]);
    if (model_open(&m, argv[0], &err) != 0) return cli_trouble(&err);
    Tape *tape = tape_new(&err);
    if (tape == NULL || (back && params_want_gradient(m.params, NULL, &err) != 0)) return cli_trouble(&err);
    par_threads_set(atoi(argv[3]));
    Count count = { .params = m.params };
    tape_shapes_only(tape, 1);
    network_call(&m, tape, side, 0, &(NetTap){ count_hear, &count }, &err);
    tape_rewind(tape, 0);
    tape_shapes_only(tape, 0);
    tape_recording(tape, back);
    Caller caller = { &m, tape, side, back, &err };
    NetworkTimes k = { .gflop = (back ? 6e-9 : 2e-9) * count.multiply_adds };
    const double budget = strtod(argv[4], NULL), most = strtod(argv[6], NULL);
    if (!err.set && k.gflop <= most) k.seconds = bench_seconds(network_work, &caller, budget, atoi(argv[5]));
    k.mbyte = peak_memory();
    printf("%.9g %.9g %.9g\n", k.gflop, k.seconds, k.mbyte);
    tape_free(tape);
    model_close(&m);
    return err.set ? cli_trouble(&err) : EXIT_FINE;
}

/* ---- the parent ---- */

/* runs/bench/NAME holds this config and weights to it: made now if it does not. */
static inline int network_prepare(const char *name, Err *err)
{
    char config[128], folder[128], path[192];
    void *wanted = NULL, *found = NULL;
    size_t n = 0, n_found = 0;
    Err none = { 0 };
    snprintf(config, sizeof config, "tests/configs/%s.json", name);
    snprintf(folder, sizeof folder, "runs/bench/%s", name);
    snprintf(path, sizeof path, "%s/config.json", folder);
    if (file_read(&wanted, &n, config, CONFIG_BYTES, err) != 0) return -1;
    int fresh = file_read(&found, &n_found, path, CONFIG_BYTES, &none) == 0;
    fresh = fresh && n == n_found && memcmp(wanted, found, n) == 0;
    snprintf(path, sizeof path, "%s/diffusion_pytorch_model.safetensors", folder);
    fresh = fresh && file_exists(path);
    mem_free(wanted);
    mem_free(found);
    char *argv[] = { config, "--dtype", "f16", "--out", folder, NULL };
    if (!fresh && cmd_init(5, argv) != EXIT_FINE) return err_set(err, "%s: no weights were made of %s", folder, config);
    return 0;
}

/* TRAP: with OMP_PROC_BIND set, the runtime binds this process to one core before main, and the child inherits that. */
static inline int network_run(NetworkTimes *out, const char *program, const Network *net, int threads, double budget,
                              int least, double most)
{
    char command[512];
    snprintf(command, sizeof command, "'%s' network runs/bench/%s %d %d %d %g %d %g", program, net->config, net->side,
             net->back, threads, budget, least, most);
    FILE *child = popen(command, "r");
    if (child == NULL) return -1;
    const int read = fscanf(child, "%lf %lf %lf", &out->gflop, &out->seconds, &out->mbyte);
    return pclose(child) == 0 && read == 3 ? 0 : -1;
}

#endif
