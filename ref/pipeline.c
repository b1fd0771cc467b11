/* pipeline.c -- opening a diffusers folder: parts by model_index.json, and whether they fit */
#include "ref/pipeline.h"
#include "ref/scheduler.h"
#include "tensor/mem.h"
#include "weights/file.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- what was found, for people ---- */

static void say(Pipeline *p, const char *format, ...)
{
    const size_t at = strlen(p->found);
    va_list args;
    va_start(args, format);
    vsnprintf(p->found + at, sizeof p->found - at, format, args);
    va_end(args);
}

static void say_model(Pipeline *p, const char *part, const char *class, const Params *params)
{
    double values = 0, bytes = 0;
    for (int i = 0; i < params_count(params); i++) {
        const Weight *w = params_at(params, i);
        values += (double)w->n;
        bytes += (double)w->n * (double)store_bytes(w->store);
    }
    say(p, "  %-15s %s, %.2f M parameters, %s (%.1f MB)\n", part, class, values / 1e6, params_variant(params), bytes / 1e6);
}

/* ---- model_index.json ---- */

/* The class of a part: NULL when it is not there, or [null, null]. */
static const char *class_of(const Json *index, const char *part)
{
    return json_string(json_at(json_get(index, part), 1));
}

/* `expected` says which classes would do. */
static int refuse_class(const Pipeline *p, const char *part, const char *class, const char *expected, Err *err)
{
    char show[SHOW_ROOM];
    return err_set(err, "%s/model_index.json: '%s' is %s, expected %s", p->folder, part, class == NULL ? "absent" : json_show(show, class),
                   expected);
}

/* No part but those that are used here and those that images can do without. */
static int check_index(Pipeline *p, const Json *index, Err *err)
{
    static const char *const known[] = {
        "unet", "text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2", "vae", "scheduler",
        "safety_checker", "feature_extractor", "watermarker", "image_encoder",
    };
    static const char no_other[] = "no such part: only a UNet with its text encoders, VAE and scheduler";
    char show[SHOW_ROOM];
    int flag = 0;
    if (json_type(index) != JSON_OBJECT)
        return err_set(err, "%s/model_index.json: is %s, expected an object", p->folder, json_type_name(index));
    for (const Json *v = json_first(index); v != NULL; v = json_next(v)) {
        const char *part = json_key(v);
        int found = class_of(index, part) == NULL;
        for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) found |= strcmp(part, known[i]) == 0;
        if (!found) return refuse_class(p, json_show(show, part), class_of(index, part), no_other, err);
    }
    if (json_bool(&flag, json_get(index, "requires_aesthetics_score")) == 0 && flag)
        return err_set(err, "%s/model_index.json: 'requires_aesthetics_score' is true, expected false (a model that refines images)",
                       p->folder);
    if (json_bool(&flag, json_get(index, "force_zeros_for_empty_prompt")) == 0) p->zero_empty = flag;
    const char *class = json_string(json_get(index, "_class_name"));
    snprintf(p->class, sizeof p->class, "%.60s", class == NULL ? "of no class" : json_show(show, class));
    return 0;
}

/* ---- parts ---- */

int part_path(char path[PART_PATH], const char *folder, const char *part, const char *file)
{
    char below[PART_PATH + 64], beside[PART_PATH + 64];
    const int wrote = snprintf(path, PART_PATH, "%s/%s", folder, part);
    if (wrote < 0 || wrote >= PART_PATH) return -1;
    snprintf(below, sizeof below, "%s/%s", path, file);
    snprintf(beside, sizeof beside, "%s/%s", folder, file);
    if (!file_exists(below) && file_exists(beside)) snprintf(path, PART_PATH, "%s", folder);
    return 0;
}

static int open_text(Pipeline *p, int i, const Json *index, Err *err)
{
    static const char *const encoders[2] = { "text_encoder", "text_encoder_2" }, *const tokenizers[2] = { "tokenizer", "tokenizer_2" };
    static const char clip[] = "CLIPTextModel or CLIPTextModelWithProjection; the states of others can be given as a file (sdref sample --embeddings)";
    char path[PART_PATH];
    const char *class = class_of(index, encoders[i]), *tokens = class_of(index, tokenizers[i]);
    if (class == NULL) return 0;
    if (p->embeddings != NULL) {
        say(p, "  %-15s %.60s, not used: states come from %.200s\n", encoders[i], class, st_path(p->embeddings));
        return 0;
    }
    if (strcmp(class, "CLIPTextModel") != 0 && strcmp(class, "CLIPTextModelWithProjection") != 0)
        return refuse_class(p, encoders[i], class, clip, err);
    if (tokens == NULL || (strcmp(tokens, "CLIPTokenizer") != 0 && strcmp(tokens, "CLIPTokenizerFast") != 0))
        return refuse_class(p, tokenizers[i], tokens, "CLIPTokenizer", err);
    snprintf(path, sizeof path, "%s/%s", p->folder, encoders[i]);
    p->text[i] = clip_open(path, err);
    if (p->text[i] == NULL) return -1;
    if (!p->text[i]->config.text.present) return err_set(err, "%s/config.json: has no text tower, expected %s", path, class);
    snprintf(path, sizeof path, "%s/%s", p->folder, tokenizers[i]);
    p->tokenizer[i] = tokenizer_open(path, err);
    if (p->tokenizer[i] == NULL) return -1;
    say_model(p, encoders[i], class, p->text[i]->params);
    say(p, "  %-15s %s, %d tokens\n", tokenizers[i], tokens, tokenizer_size(p->tokenizer[i]));
    return 0;
}

static int open_vae(Pipeline *p, const Json *index, Err *err)
{
    char path[PART_PATH];
    const char *class = class_of(index, "vae");
    if (class == NULL) return 0;
    snprintf(path, sizeof path, "%s/vae", p->folder);
    if (strcmp(class, "AutoencoderKL") == 0) p->vae = vae_open(path, err);
    else if (strcmp(class, "AutoencoderTiny") == 0) p->taesd = taesd_open(path, err);
    else refuse_class(p, "vae", class, "AutoencoderKL or AutoencoderTiny", err);
    if (err->set) return -1;
    say_model(p, "vae", class, p->vae != NULL ? p->vae->params : p->taesd->params);
    return 0;
}

static int open_unet(Pipeline *p, const Json *index, Err *err)
{
    const char *class = class_of(index, "unet");
    if (class == NULL || (strcmp(class, "UNet2DConditionModel") != 0 && strcmp(class, "UNet2DModel") != 0))
        return refuse_class(p, "unet", class, "UNet2DConditionModel or UNet2DModel", err);
    part_path(p->unet_folder, p->folder, "unet", "config.json");
    p->unet = unet_open(p->unet_folder, err);
    if (p->unet == NULL) return -1;
    say_model(p, "unet", class, p->unet->params);
    return 0;
}

static int open_parts(Pipeline *p, const Json *index, Err *err)
{
    char path[PART_PATH], shown[SCHEDULER_TEXT];
    ScheduleConfig schedule;
    const char *class = class_of(index, "scheduler");
    if (class == NULL) return refuse_class(p, "scheduler", class, "one", err);
    part_path(path, p->folder, "scheduler", "scheduler_config.json");
    if (scheduler_read(&schedule, path, err) != 0 || open_unet(p, index, err) != 0) return -1;
    for (int i = 0; i < 2; i++)
        if (open_text(p, i, index, err) != 0) return -1;
    if (open_vae(p, index, err) != 0) return -1;
    if (p->vae != NULL || p->taesd != NULL) schedule.clip_sample = 0;
    p->S = schedule_new(&schedule, err);
    if (p->S == NULL) return -1;
    say(p, "  %-15s %.60s: %s\n", "scheduler", class, scheduler_text(shown, &schedule));
    return 0;
}

/* ---- do the parts fit? ---- */

static int check_image(const Pipeline *p, Err *err)
{
    const UNetConfig *u = &p->unet->config;
    const int latents = p->vae != NULL || p->taesd != NULL;
    const int coded = p->vae != NULL ? p->vae->config.latent_channels : p->taesd != NULL ? p->taesd->config.latent_channels : 3;
    const int coloured = p->vae != NULL ? p->vae->config.out_channels : p->taesd != NULL ? p->taesd->config.out_channels : 3;
    const double factor = p->vae != NULL ? p->vae->config.scaling_factor : p->taesd != NULL ? p->taesd->config.scaling_factor : 1;
    if (!(factor > 0)) return err_set(err, "%s/vae/config.json: 'scaling_factor' is %g, expected a number above 0", p->folder, factor);
    if (coloured != 3) return err_set(err, "%s/vae/config.json: 'out_channels' is %d, expected 3, as an image has", p->folder, coloured);
    if (u->in_channels != coded)
        return err_set(err, "%s/config.json: 'in_channels' is %d, expected %d, as %s", p->unet_folder, u->in_channels, coded,
                       latents ? "the latents of vae/config.json have" : "an image has");
    if (u->out_channels != u->in_channels && u->out_channels != 2 * u->in_channels)
        return err_set(err, "%s/config.json: 'out_channels' is %d, expected %d, or %d with a learned variance", p->unet_folder,
                       u->out_channels, u->in_channels, 2 * u->in_channels);
    return 0;
}

/* Nothing that a prompt does not say: a class, an image. */
static int check_conditions(const Pipeline *p, Err *err)
{
    static const char *const classes[] = { "null", "null", "\"timestep\"", "\"identity\"", "\"projection\"", "\"simple_projection\"" };
    static const char *const adds[] = { "null", "\"text\"", "\"text_time\"", "\"text_image\"", "\"image\"" };
    static const char *const hids[] = { "null", "\"text_proj\"", "\"text_image_proj\"", "\"image_proj\"" };
    const UNetConfig *u = &p->unet->config;
    if (u->class_kind == CLASS_TABLE)
        return err_set(err, "%s/config.json: 'num_class_embeds' is %d, expected null: no class is known here", p->unet_folder,
                       u->class_count);
    if (u->class_kind != CLASS_NONE)
        return err_set(err, "%s/config.json: 'class_embed_type' is %s, expected null: no class is known here", p->unet_folder,
                       classes[u->class_kind]);
    if (u->add == ADD_TEXT_IMAGE || u->add == ADD_IMAGE)
        return err_set(err, "%s/config.json: 'addition_embed_type' is %s, expected null, \"text\" or \"text_time\"", p->unet_folder,
                       adds[u->add]);
    if (u->hid == HID_TEXT_IMAGE || u->hid == HID_IMAGE)
        return err_set(err, "%s/config.json: 'encoder_hid_dim_type' is %s, expected null or \"text_proj\"", p->unet_folder, hids[u->hid]);
    if (u->add == ADD_TEXT_TIME && !u->uses_text)
        return err_set(err, "%s/config.json: 'addition_embed_type' is \"text_time\", expected null: no block attends to text",
                       p->unet_folder);
    if (u->time_cond > 0)
        return err_set(err, "%s/config.json: 'time_cond_proj_dim' is %d, expected null", p->unet_folder, u->time_cond);
    return 0;
}

/* Widths of the states and of the pooled text, of the encoders or of the file. */
static int check_text(const Pipeline *p, Err *err)
{
    const UNetConfig *u = &p->unet->config;
    int width = 0, pooled = 0;
    for (int i = 0; i < 2; i++) {
        width += p->text[i] == NULL ? 0 : p->text[i]->config.text.hidden_size;
        if (p->text[i] != NULL) pooled = p->text[i]->config.projection_dim;
    }
    if (!u->uses_text && width > 0)
        return err_set(err, "%s/model_index.json: 'text_encoder' is there, expected none: the UNet of unet/config.json takes no text",
                       p->folder);
    if (!u->uses_text || p->embeddings != NULL) return 0;
    if (width == 0)
        return err_set(err, "%s/model_index.json: 'text_encoder' is absent, expected one for text %d wide, or its states as a file with "
                       "--embeddings", p->folder, u->text_in);
    if (width != u->text_in)
        return err_set(err, "%s/%s/config.json: 'hidden_size' is %d%s, expected %d, the text that unet/config.json attends to", p->folder,
                       p->text[0] == NULL ? "text_encoder_2" : "text_encoder", width,
                       p->text[0] != NULL && p->text[1] != NULL ? " together with text_encoder_2/config.json" : "", u->text_in);
    if (u->add == ADD_TEXT_TIME && pooled != u->projection_in - 6 * u->add_time_width)
        return err_set(err, "%s/%s/config.json: 'projection_dim' is %d, expected %d, the pooled text that unet/config.json takes besides "
                       "six sizes", p->folder, p->text[1] == NULL ? "text_encoder" : "text_encoder_2", pooled,
                       u->projection_in - 6 * u->add_time_width);
    return 0;
}

/* As many tokens for both encoders, none beyond a vocabulary. */
static int check_tokens(Pipeline *p, Err *err)
{
    for (int i = 0; i < 2; i++) {
        const char *suffix = i == 0 ? "" : "_2";
        if (p->text[i] == NULL) continue;
        const ClipConfig *k = &p->text[i]->config;
        const int longest = tokenizer_length(p->tokenizer[i]), size = tokenizer_size(p->tokenizer[i]);
        const int tokens = longest < k->max_position_embeddings ? longest : k->max_position_embeddings;
        if (size > k->vocab_size)
            return err_set(err, "%s/tokenizer%s/vocab.json: has %d tokens, expected at most %d, the 'vocab_size' of "
                           "text_encoder%s/config.json", p->folder, suffix, size, k->vocab_size, suffix);
        if (p->tokens != 0 && tokens != p->tokens)
            return err_set(err, "%s/text_encoder_2/config.json: takes %d tokens ('max_position_embeddings', or the tokenizer's "
                           "'model_max_length'), expected %d, as text_encoder does", p->folder, tokens, p->tokens);
        p->tokens = tokens;
    }
    return 0;
}

/* A tensor of the embeddings file: 1 x L x width with its first side optional, or 1 x width. */
static int check_embedding(const Pipeline *p, const char *name, int matrix, int width, Err *err)
{
    char shape[ST_SHAPE_ROOM];
    const StTensor *t = st_find(p->embeddings, name);
    if (t == NULL) return err_set(err, "%s: no tensor '%s', expected %s %d]", st_path(p->embeddings), name, matrix ? "[L," : "[", width);
    const int one = t->ndim == matrix + 2 && t->dim[0] == 1;
    if (t->ndim - one != matrix + 1 || t->dim[t->ndim - 1] != width || t->count == 0 || t->count > 1 << 28 || !st_dtype_is_float(t->dtype))
        return err_set(err, "%s: tensor '%s' is %s, expected floating [%s%d], the width of the text that %s/config.json takes",
                       st_path(p->embeddings), name, st_shape(shape, t), matrix ? "L, " : "", width, p->unet_folder);
    return 0;
}

static int check_embeddings(const Pipeline *p, Err *err)
{
    static const char *const names[2][2] = {
        { "prompt_embeds", "pooled_prompt_embeds" }, { "negative_prompt_embeds", "negative_pooled_prompt_embeds" },
    };
    const UNetConfig *u = &p->unet->config;
    if (p->embeddings == NULL) return 0;
    if (!u->uses_text)
        return err_set(err, "--embeddings: found %s, expected none: the UNet of %s takes no text", st_path(p->embeddings), p->folder);
    for (int i = 0; i < 2; i++) {
        if (i == 1 && p->zero_empty && st_find(p->embeddings, names[1][0]) == NULL) continue;      /* zeros */
        if (check_embedding(p, names[i][0], 1, u->text_in, err) != 0) return -1;
        if (u->add == ADD_TEXT_TIME && check_embedding(p, names[i][1], 0, u->projection_in - 6 * u->add_time_width, err) != 0) return -1;
    }
    return 0;
}

static int check(Pipeline *p, Err *err)
{
    if (check_conditions(p, err) != 0 || check_image(p, err) != 0) return -1;
    if (check_text(p, err) != 0 || check_tokens(p, err) != 0) return -1;
    return check_embeddings(p, err);
}

/* ---- the folder ---- */

static int open_all(Pipeline *p, const Json *index, const char *embeddings, Err *err)
{
    if (check_index(p, index, err) != 0) return -1;
    if (embeddings != NULL) {
        p->embeddings = st_open(embeddings, err);
        if (p->embeddings == NULL) return -1;
    }
    if (open_parts(p, index, err) != 0) return -1;
    return check(p, err);
}

Pipeline *pipeline_open(const char *folder, const char *embeddings, Err *err)
{
    char path[PART_PATH];
    Pipeline *p = mem_new(1, sizeof *p, "pipeline", err);
    if (p == NULL) return NULL;
    const int wrote = snprintf(p->folder, sizeof p->folder - 64, "%s", folder);      /* 64: the names of files below it */
    if (wrote < 0 || (size_t)wrote >= sizeof p->folder - 64) {
        err_set(err, "%.80s...: the path has %d bytes, expected fewer than %zu", folder, wrote, sizeof p->folder - 64);
        mem_free(p);
        return NULL;
    }
    snprintf(path, sizeof path, "%s/model_index.json", p->folder);
    Json *index = json_read(path, err);
    const int status = index == NULL ? -1 : open_all(p, index, embeddings, err);
    json_free(index);
    if (status == 0) return p;
    pipeline_free(p);
    return NULL;
}

void pipeline_free(Pipeline *p)
{
    if (p == NULL) return;
    unet_free(p->unet);
    for (int i = 0; i < 2; i++) {
        clip_free(p->text[i]);
        tokenizer_free(p->tokenizer[i]);
    }
    vae_free(p->vae);
    taesd_free(p->taesd);
    schedule_free(p->S);
    st_close(p->embeddings);
    mem_free(p);
}
