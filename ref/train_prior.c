/* train_prior.c -- the configs of the shipped prior, and the loss of a slot of pictures */
#include "ref/train_prior.h"
#include "ref/compare.h"
#include "ref/dataset.h"
#include "ref/pipeline.h"
#include "ref/train_files.h"
#include "render/scene.h"
#include "tensor/rng.h"
#include "tensor/sum.h"
#include "weights/bpe.h"
#include "weights/file.h"

#include <stdio.h>
#include <string.h>

/* ---- the folder ---- */

enum { TOKENS = 16, MERGES = 480, WORDS = 128, WORD_BYTES = 32 };

static const char index_text[] =
    "{\n  \"_class_name\": \"DiffusionPipeline\",\n  \"_diffusers_version\": \"0.21.4\",\n"
    "  \"scheduler\": [\"diffusers\", \"DDIMScheduler\"],\n"
    "  \"text_encoder\": [\"transformers\", \"CLIPTextModel\"],\n"
    "  \"tokenizer\": [\"transformers\", \"CLIPTokenizer\"],\n"
    "  \"unet\": [\"diffusers\", \"UNet2DConditionModel\"]\n}\n";

static const char unet_text[] =
    "{\n  \"_class_name\": \"UNet2DConditionModel\",\n  \"_diffusers_version\": \"0.21.4\",\n  \"act_fn\": \"silu\",\n"
    "  \"addition_embed_type\": \"text\",\n  \"addition_embed_type_num_heads\": 4,\n  \"attention_head_dim\": 4,\n"
    "  \"block_out_channels\": [16, 32, 64, 112],\n  \"cross_attention_dim\": 64,\n"
    "  \"down_block_types\": [\"DownBlock2D\", \"DownBlock2D\", \"CrossAttnDownBlock2D\", \"CrossAttnDownBlock2D\"],\n"
    "  \"in_channels\": 3,\n  \"layers_per_block\": 1,\n  \"norm_num_groups\": 8,\n  \"out_channels\": 3,\n  \"sample_size\": 64,\n"
    "  \"up_block_types\": [\"CrossAttnUpBlock2D\", \"CrossAttnUpBlock2D\", \"UpBlock2D\", \"UpBlock2D\"]\n}\n";

static const char clip_format[] =
    "{\n  \"architectures\": [\"CLIPTextModel\"],\n  \"bos_token_id\": %d,\n  \"eos_token_id\": %d,\n  \"hidden_act\": \"quick_gelu\",\n"
    "  \"hidden_size\": 64,\n  \"intermediate_size\": 256,\n  \"layer_norm_eps\": 1e-05,\n  \"max_position_embeddings\": %d,\n"
    "  \"model_type\": \"clip_text_model\",\n  \"num_attention_heads\": 4,\n  \"num_hidden_layers\": 2,\n  \"pad_token_id\": %d,\n"
    "  \"projection_dim\": 64,\n  \"torch_dtype\": \"float16\",\n  \"vocab_size\": %d\n}\n";

static void add_word(char word[WORDS][WORD_BYTES], int *count, const char *text, size_t n)
{
    for (int i = 0; i < *count; i++)
        if (strlen(word[i]) == n && memcmp(word[i], text, n) == 0) return;
    BUG_IF(*count == WORDS || n >= WORD_BYTES, "the vocabulary of captions is larger than expected");
    memcpy(word[*count], text, n);
    word[(*count)++][n] = '\0';
}

/* The distinct words of "word word, word". */
static void add_words(char word[WORDS][WORD_BYTES], int *count, const char *text)
{
    while (*text != '\0') {
        const size_t n = strcspn(text, " ,");
        if (n > 0) add_word(word, count, text, n);
        if (text[n] == ',') add_word(word, count, ",", 1);
        text += n + (text[n] != '\0');
    }
}

/* A vocabulary in which every word of the captions is one token. */
static int write_tokenizer(const char *folder, Err *err)
{
    char path[PART_PATH], word[WORDS][WORD_BYTES], text[CAPTION_BYTES];
    const char *list[WORDS];
    int count = 0;
    for (int i = 0; i < scene_object_count(); i++) {
        dataset_prompt(text, i, -1);
        add_words(word, &count, text);
    }
    for (int i = 0; i < scene_colour_count(); i++) {
        dataset_prompt(text, -1, i);
        add_words(word, &count, text);
    }
    for (int label = VIEW_FRONT; label <= VIEW_RIGHT; label++) {
        if (view_prompt(text, sizeof text, "", (ViewLabel)label, err) != 0) return -1;
        add_words(word, &count, text);
    }
    for (int i = 0; i < count; i++) list[i] = word[i];
    snprintf(path, sizeof path, "%s/tokenizer", folder);
    if (dir_make(path, err) != 0) return -1;
    return bpe_write(path, list, count, MERGES, TOKENS, err);
}

static int write_text_config(const char *folder, const Tokenizer *k, Err *err)
{
    char text[1024];
    const int end = tokenizer_size(k) - 1;                /* <|endoftext|> is the last token, <|startoftext|> stands before it */
    snprintf(text, sizeof text, clip_format, end - 1, end, TOKENS, end, end + 1);
    return train_write_text(folder, "text_encoder", "config.json", text, err);
}

static int write_configs(PriorTask *p, const char *folder, Prediction prediction, Err *err)
{
    char text[1024];
    if (dir_make(folder, err) != 0 || write_tokenizer(folder, err) != 0) return -1;
    snprintf(text, sizeof text, "%s/tokenizer", folder);
    if ((p->tokenizer = tokenizer_open(text, err)) == NULL) return -1;
    if (train_write_scheduler(folder, "scheduler", prediction == PREDICT_V ? "v_prediction" : "epsilon", err) != 0) return -1;
    if (train_write_text(folder, "unet", "config.json", unet_text, err) != 0) return -1;
    if (write_text_config(folder, p->tokenizer, err) != 0) return -1;
    return train_write_text(folder, ".", "model_index.json", index_text, err);
}

int prior_task_open(PriorTask *p, const char *folder, Prediction prediction, int batch, uint64_t seed, Err *err)
{
    char path[PART_PATH];
    *p = (PriorTask){ .batch = batch, .seed = seed, .high_from = PRIOR_HIGH_FROM, .high_every = PRIOR_HIGH_EVERY };
    int status = write_configs(p, folder, prediction, err);
    Json *unet = status == 0 ? train_read_config(path, sizeof path, folder, "unet", err) : NULL;
    if (unet != NULL) p->unet = unet_declare(unet, path, err);
    Json *text = p->unet != NULL ? train_read_config(path, sizeof path, folder, "text_encoder", err) : NULL;
    if (text != NULL) p->text = clip_declare(text, path, err);
    json_free(unet);
    json_free(text);
    if (p->text != NULL) {
        p->h = p->unet->config.sample_size[0];
        p->w = p->unet->config.sample_size[1];
        p->S = train_read_schedule(folder, "scheduler", err);
    }
    if (p->S != NULL) return 0;
    prior_task_close(p);
    return -1;
}

void prior_task_close(PriorTask *p)
{
    unet_free(p->unet);
    clip_free(p->text);
    tokenizer_free(p->tokenizer);
    schedule_free(p->S);
    *p = (PriorTask){ 0 };
}

/* ---- the loss ---- */

enum { UNET, TEXT };
enum { SLOT_MAX = 64 };

/* What a slot's pictures are made of. */
typedef struct Slot {
    int count, t[SLOT_MAX];
    double timestep[SLOT_MAX];
    int64_t ids[SLOT_MAX * TOKENS];   /* (count, TOKENS) */
    Tensor *xt;                       /* (count,3,h,w); in the tape, like target */
    real *target;                     /* (count,3,h,w) */
} Slot;

int prior_timestep(const PriorTask *p, long step, int place)
{
    const int T = p->S->T, low = (int)(PRIOR_HIGH * T), every = p->high_every, high = place / every;
    if (step < p->high_from) return train_timestep(p->seed, step, place, p->batch, T);
    if (place % every != every - 1) return train_timestep(p->seed, step, place - high, p->batch - p->batch / every, T);
    return low + train_timestep(p->seed, step, high, p->batch / every, T - low);
}

/* Picture number k of the slot, i of the stream. x0 (3,h,w), eps (3,h,w), shade (h,w): scratch. */
static int one_picture(Slot *slot, int k, const PriorTask *p, long step, uint64_t i, real *x0, real *eps, real *shade, Err *err)
{
    const size_t n = 3 * (size_t)p->h * (size_t)p->w;
    DatasetItem item;
    int count, dropped;
    dataset_item(&item, p->seed, i);
    dataset_picture(x0, shade, &item, p->seed, p->h, p->w);
    rng_normal(eps, (RngAt){ p->seed, 0, (uint32_t)i, RNG_NOISE }, n);
    if (tokenizer_encode(slot->ids + k * TOKENS, &count, &dropped, p->tokenizer, item.caption, TOKENS, err) != 0) return -1;
    BUG_IF(dropped > 0, "the caption \"%s\" is longer than %d tokens", item.caption, TOKENS);
    const int t = slot->t[k] = prior_timestep(p, step, (int)(i % (uint64_t)p->batch));
    slot->timestep[k] = t;
    const real alpha = sched_alpha(p->S, t), sigma = sched_sigma(p->S, t);
    real *xt = slot->xt->v + (size_t)k * n, *target = slot->target + (size_t)k * n;
    for (size_t j = 0; j < n; j++) xt[j] = r_fma(sigma, eps[j], alpha * x0[j]);
    if (p->S->config.prediction_type == PREDICT_EPSILON) memcpy(target, eps, n * sizeof *eps);
    else for (size_t j = 0; j < n; j++) target[j] = r_fma(alpha, eps[j], -(sigma * x0[j]));
    return 0;
}

static int pictures(Slot *slot, const PriorTask *p, Tape *tape, long step, uint64_t first, Err *err)
{
    const int64_t h = p->h, w = p->w;
    const size_t pixels = (size_t)(h * w), all = (size_t)slot->count * 3 * pixels;
    slot->xt = tensor_new(tape, (Shape){ 4, { slot->count, 3, h, w } }, 0, "x_t");
    slot->target = tape_raw(tape, all, "target");
    real *scratch = tape_raw(tape, 7 * pixels, "picture");
    if (slot->xt == NULL || slot->target == NULL || scratch == NULL) return err_set(err, "out of memory");
    for (int k = 0; k < slot->count; k++)
        if (one_picture(slot, k, p, step, first + (uint64_t)k, scratch, scratch + 3 * pixels, scratch + 6 * pixels, err) != 0) return -1;
    return 0;
}

static Tensor *forward(const Slot *slot, const PriorTask *p, Tape *tape, Params *const *twin, Err *err)
{
    const UNet unet = { p->unet->config, twin[UNET] };
    const Clip clip = { p->text->config, twin[TEXT] };
    ClipText text;
    Net net;
    net_begin(&net, tape, clip.params, err);
    if (clip_text(&text, &net, &clip, slot->ids, slot->count, TOKENS) != 0) return NULL;
    net_begin(&net, tape, unet.params, err);
    const UNetInput in = { .sample = slot->xt, .timestep = slot->timestep, .encoder_hidden_states = text.last_hidden_state };
    return unet_forward(&net, &unet, &in);
}

/* The losses' sum, and the gradient of the batch's mean with respect to y into y->g. */
static double losses(Tensor *y, const Slot *slot, const PriorTask *p)
{
    const double one = p->S->config.prediction_type == PREDICT_EPSILON ? 0 : 1;
    const size_t n = 3 * (size_t)p->h * (size_t)p->w;
    double sum = 0;
    for (int k = 0; k < slot->count; k++) {
        const double abar = sched_abar64(p->S, slot->t[k]), snr = abar / (1.0 - abar);
        const double w = (snr + one < 5 ? snr + one : 5) / (snr + one);
        const real *a = y->v + (size_t)k * n, *b = slot->target + (size_t)k * n;
        const real pull = (real)(2 * w / ((double)n * (double)p->batch));
        real *g = y->g + (size_t)k * n;
        sum += w * (double)sumsq_diff16(a, b, R(1.0), n) / (double)n;
        for (size_t j = 0; j < n; j++) g[j] = pull * (a[j] - b[j]);
    }
    return sum;
}

static int run_slot(const void *self, double *loss, Tape *tape, Params *const *twin, long step, uint64_t first, int count, Err *err)
{
    const PriorTask *p = self;
    Slot slot = { .count = count };
    BUG_IF(count > SLOT_MAX, "a slot of %d pictures, expected at most %d", count, SLOT_MAX);
    if (pictures(&slot, p, tape, step, first, err) != 0) return -1;
    Tensor *y = forward(&slot, p, tape, twin, err);
    if (y == NULL) return err_set(err, "out of memory");
    *loss = losses(y, &slot, p);
    return tape_backward(tape);
}

const TrainStart prior_task_start[] = {
    { "conv_out.weight", 0 }, { "conv2.weight", 0 }, { "proj_out.weight", 0 }, { "token_embedding.weight", PRIOR_WORDS }, { NULL, 0 },
};

TrainTask prior_task(const PriorTask *p)
{
    return (TrainTask){ 2, { "unet", "text_encoder" }, { p->unet->params, p->text->params }, { 1, PRIOR_TEXT_RATE }, run_slot, p };
}

/* ---- the weights ---- */

int prior_task_export(const PriorTask *p, const Trainer *t, const char *folder, Err *err)
{
    if (train_write_weights(folder, "unet", "diffusion_pytorch_model", p->unet->params, train_ema(t, UNET), err) != 0) return -1;
    return train_write_weights(folder, "text_encoder", "model", p->text->params, train_ema(t, TEXT), err);
}

int prior_task_begin(const PriorTask *p, Trainer *t, const char *folder, char digests[PRIOR_DIGESTS], Err *err)
{
    static const char *const files[] = { PRIOR_UNET_FILE, PRIOR_TEXT_FILE };
    char path[PART_PATH], *digest = digests;
    (void)p;
    for (int part = 0; part < 2; part++) {
        snprintf(path, sizeof path, "%s/%s", folder, files[part]);
        StFile *f = st_open(path, err);
        int status = f == NULL ? -1 : train_begin_from(t, part, f, err);
        if (status == 0) status = file_digest(digest, path, err);
        st_close(f);
        if (status != 0) return -1;
        digest[64] = part == 0 ? ' ' : '\0';
        digest += 65;
    }
    return 0;
}
