/* selftest_unet.c -- a small UNet forward and backward: every kernel of tensor/ that networks are made of */
#include "nn/unet.h"
#include "ref/selftest.h"
#include "tensor/rng.h"

static const char config_text[] =
    "{ \"_class_name\": \"UNet2DConditionModel\", \"block_out_channels\": [8, 16], \"norm_num_groups\": 4, \"cross_attention_dim\": 12,"
    "  \"attention_head_dim\": 4, \"layers_per_block\": 1, \"down_block_types\": [\"CrossAttnDownBlock2D\", \"DownBlock2D\"],"
    "  \"up_block_types\": [\"UpBlock2D\", \"CrossAttnUpBlock2D\"] }";

/* Parameters as `sdref init` draws them, with a gradient each. */
static int fill(Params *p, Err *err)
{
    for (int i = 0; i < params_count(p); i++) {
        const Weight *w = params_at(p, i);
        const Init init = params_init(p, i);
        real *v = params_values(p, i, err);
        if (v == NULL) return -1;
        rng_uniform(v, (RngAt){ 1, (uint32_t)i, 0, RNG_INIT }, w->n);
        for (size_t k = 0; k < w->n; k++) v[k] = init.kind == INIT_ONE ? v[k] + R(0.5) : r_fma(R(2.0), v[k], R(-1.0)) * (real)init.scale;
    }
    return params_want_gradient(p, NULL, err);
}

static Tensor *drawn(Tape *t, Shape s, int wants_gradient, uint32_t number)
{
    Tensor *x = tensor_new(t, s, wants_gradient, "input");
    if (x != NULL) rng_normal(x->v, (RngAt){ 1, number, 0, RNG_PROBE }, x->n);
    return x;
}

static int run(Sha256 *s, const UNet *u, Tape *tape, Err *err)
{
    enum { SIDE = 9, TOKENS = 5 };                              /* odd: upsampling has to fit its skip connection */
    const double timestep = 417;
    Net n;
    net_begin(&n, tape, u->params, err);
    const UNetInput in = { .sample = drawn(tape, (Shape){ 4, { 1, 4, SIDE, SIDE } }, 1, 0), .timestep = &timestep,
                           .encoder_hidden_states = drawn(tape, (Shape){ 3, { 1, TOKENS, 12 } }, 0, 1) };
    Tensor *y = unet_forward(&n, u, &in);
    const Tensor *cotangent = y == NULL ? NULL : drawn(tape, y->s, 0, 2);
    if (cotangent == NULL) return -1;
    tape_seed(y, cotangent->v);
    if (tape_backward(tape) != 0) return -1;
    selftest_put(s, y->v, y->n);
    selftest_put(s, in.sample->g, in.sample->n);
    for (int i = 0; i < params_count(u->params); i++) selftest_put(s, params_at(u->params, i)->g, params_at(u->params, i)->n);
    return 0;
}

int selftest_unet(Sha256 *s, Err *err)
{
    Json *config = json_parse(config_text, sizeof config_text - 1, "selftest", err);
    UNet *u = config == NULL ? NULL : unet_declare(config, "selftest", err);
    Tape *tape = u == NULL || fill(u->params, err) != 0 ? NULL : tape_new(err);
    const int status = tape == NULL ? -1 : run(s, u, tape, err);
    tape_free(tape);
    unet_free(u);
    json_free(config);
    return status;
}
