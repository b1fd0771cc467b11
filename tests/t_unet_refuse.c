/* t_unet_refuse.c -- UNets that are refused, each in one line that names key, tensor or input, what was found, what was expected
 *
 * Every entry is tried beside the same thing left alone, which is accepted.
 */
#include "nn/unet.h"
#include "tests/harness.h"
#include "weights/file.h"

#include <unistd.h>

typedef struct { const char *key, *value; } Setting;
typedef struct { const char *key, *value, *found, *expected; } Refusal;

static const Setting conditional[] = {
    { "_class_name", "\"UNet2DConditionModel\"" }, { "in_channels", "4" }, { "out_channels", "4" }, { "block_out_channels", "[16, 32]" },
    { "down_block_types", "[\"CrossAttnDownBlock2D\", \"DownBlock2D\"]" }, { "up_block_types", "[\"UpBlock2D\", \"CrossAttnUpBlock2D\"]" },
    { "norm_num_groups", "8" }, { "attention_head_dim", "4" }, { "cross_attention_dim", "24" }, { "layers_per_block", "1" },
};
static const Setting plain[] = {
    { "_class_name", "\"UNet2DModel\"" }, { "block_out_channels", "[16, 32]" }, { "down_block_types", "[\"DownBlock2D\", \"AttnDownBlock2D\"]" },
    { "up_block_types", "[\"AttnUpBlock2D\", \"UpBlock2D\"]" }, { "norm_num_groups", "8" }, { "layers_per_block", "1" },
};
enum { CONDITIONAL = sizeof conditional / sizeof conditional[0], PLAIN = sizeof plain / sizeof plain[0] };

/* The UNet of these settings, with one of them changed or added (key NULL: none). */
static UNet *declare(const Setting *base, int count, const char *key, const char *value, Err *err)
{
    char text[2048] = "{";
    for (int i = 0; i < count; i++) {
        const size_t at = strlen(text);
        const int ours = key != NULL && strcmp(base[i].key, key) == 0;
        if (!ours) snprintf(text + at, sizeof text - at, "%s\"%s\": %s", at > 1 ? ", " : "", base[i].key, base[i].value);
    }
    const size_t at = strlen(text);
    snprintf(text + at, sizeof text - at, "%s%s%s%s%s}", key == NULL ? "" : ", \"", key == NULL ? "" : key, key == NULL ? "" : "\": ",
             key == NULL ? "" : value, "");
    Json *json = json_parse(text, strlen(text), "test", err);
    UNet *u = json == NULL ? NULL : unet_declare(json, "net/config.json", err);
    json_free(json);
    return u;
}

static void refused(const Setting *base, int count, const Refusal *list, int n)
{
    for (int i = 0; i < n; i++) {
        char start[160];
        Err err = { 0 };
        UNet *u = declare(base, count, list[i].key, list[i].value, &err);
        snprintf(start, sizeof start, "net/config.json: '%s' is %s", list[i].key, list[i].found);
        CHECK(u == NULL && strncmp(err.msg, start, strlen(start)) == 0 && strstr(err.msg, list[i].expected) != NULL && strchr(err.msg, '\n') == NULL,
              "%s: %s: \"%s\"", list[i].key, list[i].value, err.msg);
        unet_free(u);
    }
}

static void accepted(const Setting *base, int count, const char *key, const char *value)
{
    Err err = { 0 };
    UNet *u = declare(base, count, key, value, &err);
    CHECK(u != NULL && !err.set, "%s: %s: %s", key == NULL ? "as it is" : key, value == NULL ? "" : value, err.msg);
    unet_free(u);
}

static void conditional_configs(void)
{
    static const Refusal list[] = {
        { "surprise", "3", "3", "unknown" },
        { "_class_name", "\"UNet3DConditionModel\"", "\"UNet3DConditionModel\"", "UNet2DConditionModel or UNet2DModel" },
        { "down_block_types", "[\"KDownBlock2D\", \"DownBlock2D\"]", "\"KDownBlock2D\"", "CrossAttnDownBlock2D" },
        { "down_block_types", "[\"DownBlock2D\"]", "a list of another length", "block_out_channels" },
        { "up_block_types", "[\"UpBlock2D\", \"SkipUpBlock2D\"]", "\"SkipUpBlock2D\"", "SimpleCrossAttnUpBlock2D" },
        { "up_block_types", "[\"UpBlock2D\", 7]", "a list of other things", "block names" },
        { "mid_block_type", "\"MidBlockX\"", "\"MidBlockX\"", "UNetMidBlock2DCrossAttn" },
        { "block_out_channels", "16", "a number", "a list of 1 to 8" },
        { "block_out_channels", "[]", "a list of 0", "a list of 1 to 8" },
        { "block_out_channels", "[1,2,3,4,5,6,7,8,9]", "a list of 9", "a list of 1 to 8" },
        { "block_out_channels", "[16, 0]", "0", "whole number from 1" },
        { "layers_per_block", "[1, 2, 3]", "a list of 3", "one number or a list of 2" },
        { "layers_per_block", "0", "0", "whole number from 1" },
        { "transformer_layers_per_block", "[[1, 2], 1]", "an array", "whole number" },
        { "reverse_transformer_layers_per_block", "[1, 1]", "an array", "null" },
        { "attention_head_dim", "null", "null", "whole number" },
        { "attention_head_dim", "64", "64 for a block of 16 channels", "at most" },
        { "cross_attention_dim", "null", "null", "whole number" },
        { "cross_attention_dim", "[8, 24]", "8 in one block that attends to text, 24 in another", "one width" },
        { "cross_attention_norm", "\"batch_norm\"", "\"batch_norm\"", "layer_norm or group_norm" },
        { "dual_cross_attention", "true", "true", "false" },
        { "attention_type", "\"gated\"", "\"gated\"", "default" },
        { "only_cross_attention", "[true]", "a list of another length", "block_out_channels" },
        { "only_cross_attention", "[true, 1]", "a list of other things", "true or false" },
        { "only_cross_attention", "\"yes\"", "a string", "a list" },
        { "use_linear_projection", "1", "1", "true or false" },
        { "norm_num_groups", "null", "null", "whole number" },
        { "norm_eps", "0", "not above 0", "above 0" },
        { "act_fn", "\"tanh\"", "\"tanh\"", "silu" },
        { "time_embedding_act_fn", "\"x\"", "\"x\"", "silu" },
        { "timestep_post_act", "\"x\"", "\"x\"", "silu" },
        { "time_embedding_type", "\"learned\"", "\"learned\"", "positional or fourier" },
        { "freq_shift", "8", "half the channels", "another number" },
        { "flip_sin_to_cos", "\"no\"", "\"no\"", "true or false" },
        { "resnet_time_scale_shift", "\"ada_group\"", "\"ada_group\"", "default or scale_shift" },
        { "resnet_out_scale_factor", "0", "not above 0", "above 0" },
        { "mid_block_scale_factor", "-1", "not above 0", "above 0" },
        { "downsample_padding", "2", "2", "from 0 to 1" },
        { "conv_in_kernel", "4", "even", "odd" },
        { "conv_out_kernel", "2", "even", "odd" },
        { "class_embed_type", "\"label\"", "\"label\"", "simple_projection" },
        { "class_embeddings_concat", "true", "true", "false" },
        { "addition_embed_type", "\"image_hint\"", "\"image_hint\"", "text_time" },
        { "encoder_hid_dim_type", "\"ip_image_proj\"", "\"ip_image_proj\"", "text_proj" },
    };
    static const Setting fine[] = {
        { "_diffusers_version", "\"0.33.0\"" }, { "dropout", "0.1" }, { "attention_type", "\"default\"" }, { "dual_cross_attention", "false" },
        { "reverse_transformer_layers_per_block", "null" }, { "sample_size", "[8, 16]" }, { "upcast_attention", "true" },
        { "num_attention_heads", "[2, 4]" }, { "mid_block_type", "null" }, { "mid_block_type", "\"UNetMidBlock2D\"" },
        { "down_block_types", "[\"CrossAttnDownBlock2D\", \"UNetResDownBlock2D\"]" }, { "encoder_hid_dim", "12" }, { "num_class_embeds", "3" },
        { "act_fn", "\"swish\"" }, { "transformer_layers_per_block", "0" },
    };
    refused(conditional, CONDITIONAL, list, sizeof list / sizeof list[0]);
    accepted(conditional, CONDITIONAL, NULL, NULL);
    for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++) accepted(conditional, CONDITIONAL, fine[i].key, fine[i].value);
}

/* Keys that need another key. */
static void keys_that_need_others(void)
{
    static const Refusal list[] = {
        { "class_embed_type", "\"projection\"", "", "" }, { "addition_embed_type", "\"image\"", "", "" }, { "addition_embed_type", "\"text_time\"", "", "" },
        { "encoder_hid_dim_type", "\"text_proj\"", "", "" }, { "addition_embed_type", "\"text\"", "", "" },
    };
    static const char *const missing[] = {
        "'projection_class_embeddings_input_dim' is absent, expected a width", "'encoder_hid_dim' is absent, expected a width",
        "'addition_time_embed_dim' is absent, expected a width", "'encoder_hid_dim' is absent, expected a width",
        "'addition_embed_type_num_heads' is 64 for a width of 24, expected a divisor",
    };
    for (int i = 0; i < 5; i++) {
        Err err = { 0 };
        UNet *u = declare(conditional, CONDITIONAL, list[i].key, list[i].value, &err);
        CHECK(u == NULL && strstr(err.msg, missing[i]) != NULL, "%s: %s", list[i].value, err.msg);
        unet_free(u);
    }
}

static void plain_configs(void)
{
    static const Refusal list[] = {
        { "down_block_types", "[\"DownBlock2D\", \"CrossAttnDownBlock2D\"]", "\"CrossAttnDownBlock2D\"", "AttnDownBlock2D" },
        { "down_block_types", "[\"SkipDownBlock2D\", \"DownBlock2D\"]", "\"SkipDownBlock2D\"", "ResnetDownsampleBlock2D" },
        { "mid_block_type", "\"UNetMidBlock2DCrossAttn\"", "\"UNetMidBlock2DCrossAttn\"", "UNetMidBlock2D" },
        { "attn_norm_num_groups", "4", "4", "null" }, { "downsample_type", "\"fir\"", "\"fir\"", "conv or resnet" },
        { "upsample_type", "\"fir\"", "\"fir\"", "conv or resnet" }, { "cross_attention_dim", "8", "8", "unknown" },
        { "class_embed_type", "\"projection\"", "\"projection\"", "timestep or identity" }, { "attention_head_dim", "64", "64 for a block of 32", "at most" },
        { "add_attention", "0", "0", "true or false" },
    };
    static const Setting fine[] = {
        { "attention_head_dim", "null" }, { "num_train_timesteps", "1000" }, { "attn_norm_num_groups", "null" }, { "mid_block_type", "\"UNetMidBlock2D\"" },
        { "downsample_type", "\"conv\"" }, { "upsample_type", "\"resnet\"" }, { "add_attention", "false" }, { "mid_block_type", "null" },
    };
    refused(plain, PLAIN, list, sizeof list / sizeof list[0]);
    accepted(plain, PLAIN, NULL, NULL);
    for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++) accepted(plain, PLAIN, fine[i].key, fine[i].value);
}

/* ---- weights ---- */

static char folder[] = "/tmp/sdref-unet-XXXXXX";

/* The network ddpm of the golden files, with the tensor `name` left out, of another type or shape, or one more. */
typedef enum { AS_IT_IS, LEFT_OUT, RESHAPED, MADE_WHOLE, ADDED, ADDED_WHOLE } Change;
static UNet *open_changed(const char *name, Change change, Err *err)
{
    static const char from[] = "tests/golden/nets/ddpm/unet";
    static const int64_t zero[4];
    char path[256];
    void *config = NULL;
    size_t n = 0;
    snprintf(path, sizeof path, "%s/config.json", from);
    if (file_read(&config, &n, path, 1 << 20, err) != 0) return NULL;
    snprintf(path, sizeof path, "%s/config.json", folder);
    file_write(path, config, n, err);
    mem_free(config);
    snprintf(path, sizeof path, "%s/diffusion_pytorch_model.safetensors", from);
    StFile *f = st_open(path, err);
    if (f == NULL) return NULL;
    StWriter *w = stw_new(err);
    for (int i = 0; i < st_count(f); i++) {
        const StTensor *t = st_at(f, i);
        int64_t dim[ST_DIMS];
        memcpy(dim, t->dim, sizeof dim);
        const int ours = strcmp(t->name, name) == 0;
        if (ours && change == RESHAPED) { dim[0] = t->dim[1]; dim[1] = t->dim[0]; }
        if (!ours || change != LEFT_OUT) stw_add(w, t->name, ours && change == MADE_WHOLE ? ST_I32 : t->dtype, t->ndim, dim, t->bytes);
    }
    if (change == ADDED || change == ADDED_WHOLE) stw_add(w, name, change == ADDED ? ST_F32 : ST_I64, 1, (int64_t[]){ 1 }, zero);
    snprintf(path, sizeof path, "%s/diffusion_pytorch_model.safetensors", folder);
    const int status = stw_write(w, path, err);
    stw_free(w);
    st_close(f);
    return status == 0 ? unet_open(folder, err) : NULL;
}

static void weights(void)
{
    static const char conv[] = "down_blocks.0.resnets.1.conv1.bias", query[] = "mid_block.attentions.0.to_q.weight", first[] = "conv_in.weight";
    static const struct { const char *name; Change change; const char *found, *expected; } list[] = {
        { conv, LEFT_OUT, "no tensor 'down_blocks.0.resnets.1.conv1.bias'", "16" }, { query, LEFT_OUT, "no tensor 'mid_block.attentions.0.to_q.weight'", "32x32" },
        { first, RESHAPED, "'conv_in.weight' is 3x16x3x3", "16x3x3x3" }, { query, MADE_WHOLE, "'mid_block.attentions.0.to_q.weight' is I32", "F32" },
        { "conv_norm_in.weight", ADDED, "'conv_norm_in.weight'", "config.json" },
    };
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        Err err = { 0 };
        UNet *u = open_changed(list[i].name, list[i].change, &err);
        CHECK(u == NULL && strstr(err.msg, folder) != NULL && strstr(err.msg, list[i].found) != NULL && strstr(err.msg, list[i].expected) != NULL,
              "%s: %s", list[i].name, err.msg);
        unet_free(u);
    }
    for (int i = 0; i < 2; i++) {
        Err err = { 0 };
        UNet *u = open_changed("position_ids", i == 0 ? AS_IT_IS : ADDED_WHOLE, &err);
        CHECK(u != NULL, "%s", err.msg);
        unet_free(u);
    }
    Err err = { 0 };
    UNet *u = unet_open("tests/golden/nets", &err);
    CHECK(u == NULL && strstr(err.msg, "tests/golden/nets/config.json") != NULL, "%s", err.msg);
}

/* ---- inputs ---- */

typedef struct { Tape *t; UNet *u; UNetInput in; double time[2]; Err err; } Try;

static Tensor *zeros(Try *y, int nd, int64_t a, int64_t b, int64_t c, int64_t d)
{
    Tensor *x = tensor_new(y->t, (Shape){ nd, { a, b, c, d } }, 0, "input");
    memset(x->v, 0, x->n * sizeof(real));
    return x;
}

static void try_begin(Try *y, const Setting *base, int count, const char *key, const char *value)
{
    *y = (Try){ .time = { 10, 20 } };
    y->u = declare(base, count, key, value, &y->err);
    y->t = tape_new(&y->err);
    CHECK(y->u != NULL && y->t != NULL, "%s", y->err.msg);
    if (y->u == NULL || y->t == NULL) exit(1);
    CHECK_OK(params_own(y->u->params, NULL, &y->err), &y->err);
    tape_recording(y->t, 0);
    y->in.timestep = y->time;
    y->in.sample = zeros(y, 4, 2, base == plain ? 3 : 4, 8, 8);
    y->in.encoder_hidden_states = zeros(y, 3, 2, 5, 24, 0);
}

/* Runs; NULL: it must go well, else the message must hold this. */
static void try_end(Try *y, const char *message)
{
    Net n;
    net_begin(&n, y->t, y->u->params, &y->err);
    const Tensor *out = unet_forward(&n, y->u, &y->in);
    if (message == NULL) CHECK(out != NULL, "%s", y->err.msg);
    else CHECK(out == NULL && strstr(y->err.msg, message) != NULL && strncmp(y->err.msg, "net/config.json: input", 22) == 0, "expected \"%s\": %s",
               message, y->err.msg);
    tape_free(y->t);
    unet_free(y->u);
}

static void inputs(void)
{
    Try y;
    try_begin(&y, conditional, CONDITIONAL, NULL, NULL);
    try_end(&y, NULL);
    try_begin(&y, conditional, CONDITIONAL, NULL, NULL);
    y.in.sample = NULL;
    try_end(&y, "'sample' is absent, expected Bx4xHxW");
    try_begin(&y, conditional, CONDITIONAL, NULL, NULL);
    y.in.sample = zeros(&y, 4, 2, 3, 8, 8);
    try_end(&y, "'sample' is 2x3x8x8, expected Bx4xHxW");
    try_begin(&y, conditional, CONDITIONAL, NULL, NULL);
    y.in.encoder_hidden_states = NULL;
    try_end(&y, "'encoder_hidden_states' is absent, expected 2xLx24");
    try_begin(&y, conditional, CONDITIONAL, NULL, NULL);
    y.in.encoder_hidden_states = zeros(&y, 3, 2, 5, 16, 0);
    try_end(&y, "'encoder_hidden_states' is 2x5x16, expected 2xLx24");
    try_begin(&y, conditional, CONDITIONAL, NULL, NULL);
    y.in.encoder_hidden_states = zeros(&y, 3, 1, 5, 24, 0);
    try_end(&y, "'encoder_hidden_states' is 1x5x24, expected 2xLx24");
    try_begin(&y, conditional, CONDITIONAL, NULL, NULL);
    y.in.timestep = NULL;
    try_end(&y, "'timestep' is absent, expected 2 numbers");
    try_begin(&y, conditional, CONDITIONAL, NULL, NULL);
    y.time[1] = (double)NAN;
    try_end(&y, "'timestep' holds");
    try_begin(&y, conditional, CONDITIONAL, NULL, NULL);
    y.in.timestep_cond = zeros(&y, 2, 2, 7, 0, 0);
    try_end(&y, "'timestep_cond' is there, expected none");
    try_begin(&y, conditional, CONDITIONAL, "time_cond_proj_dim", "6");
    try_end(&y, NULL);                                    /* without one it is left out */
    try_begin(&y, conditional, CONDITIONAL, "time_cond_proj_dim", "6");
    y.in.timestep_cond = zeros(&y, 2, 2, 7, 0, 0);
    try_end(&y, "'timestep_cond' is 2x7, expected 2x6");
}

static void labels_and_sizes(void)
{
    Try y;
    for (int i = 0; i < 4; i++) {
        static const double label[4] = { 2, 3, -1, 0.5 };
        try_begin(&y, conditional, CONDITIONAL, "num_class_embeds", "3");
        y.in.class_labels = zeros(&y, 1, 2, 0, 0, 0);
        y.in.class_labels->v[1] = (real)label[i];
        try_end(&y, i == 0 ? NULL : "expected whole numbers from 0 to 2");
    }
    try_begin(&y, conditional, CONDITIONAL, "num_class_embeds", "3");
    try_end(&y, "'class_labels' is absent, expected 2");
    try_begin(&y, conditional, CONDITIONAL, NULL, NULL);
    y.in.sample = zeros(&y, 4, 2, 4, 7, 5);
    try_end(&y, NULL);                                    /* odd sides go */
    try_begin(&y, plain, PLAIN, NULL, NULL);
    try_end(&y, NULL);
    try_begin(&y, plain, PLAIN, NULL, NULL);
    y.in.sample = zeros(&y, 4, 2, 3, 8, 7);
    try_end(&y, "'sample' is 2x3x8x7, expected sides that are multiples of 2 (up_blocks.0 can only double)");
    try_begin(&y, plain, PLAIN, "downsample_padding", "0");
    y.in.sample = zeros(&y, 4, 2, 3, 8, 1);
    try_end(&y, "'sample' is 2x3x8x1, expected sides of at least 2");
    try_begin(&y, plain, PLAIN, "time_embedding_type", "\"fourier\"");
    y.time[0] = 0;
    try_end(&y, "'timestep' holds 0, expected times above 0");
}

/* Every allocation fails once, while a network is made and run: one message, nothing lost. */
static void memory_runs_out(void)
{
    long n = 1;
    for (int done = 0; !done; n++) {
        Err err = { 0 };
        mem_fail_at(n);
        UNet *u = declare(conditional, CONDITIONAL, "num_class_embeds", "3", &err);
        Tape *t = u == NULL || params_own(u->params, NULL, &err) != 0 ? NULL : tape_new(&err);
        const double time = 5;
        const Tensor *y = NULL;
        if (t != NULL) {
            UNetInput in = { .timestep = &time };
            in.sample = tensor_new(t, (Shape){ 4, { 1, 4, 8, 8 } }, 1, "sample");
            in.encoder_hidden_states = tensor_new(t, (Shape){ 3, { 1, 5, 24 } }, 0, "text");
            in.class_labels = tensor_new(t, (Shape){ 1, { 1 } }, 0, "labels");
            if (!err.set) in.class_labels->v[0] = 1;
            Net walk;
            net_begin(&walk, t, u->params, &err);
            y = unet_forward(&walk, u, &in);
        }
        done = y != NULL;
        if (!done) CHECK(strstr(err.msg, "out of memory") != NULL, "allocation %ld: \"%s\"", n, err.msg);
        tape_free(t);
        unet_free(u);
    }
    mem_fail_at(0);
    CHECK(n > 100, "%ld allocations", n);
}

int main(void)
{
    if (mkdtemp(folder) == NULL) return 1;
    TEST(conditional_configs);
    TEST(keys_that_need_others);
    TEST(plain_configs);
    TEST(weights);
    TEST(inputs);
    TEST(labels_and_sizes);
    TEST(memory_runs_out);
    char path[256];
    snprintf(path, sizeof path, "%s/config.json", folder);
    unlink(path);
    snprintf(path, sizeof path, "%s/diffusion_pytorch_model.safetensors", folder);
    unlink(path);
    rmdir(folder);
    return test_end();
}
