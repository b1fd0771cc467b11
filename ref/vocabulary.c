/* vocabulary.c -- the one table of words and the one table of bars */
#include "ref/vocabulary.h"
#include "ref/estimators.h"

#include <string.h>

static const Word words[] = {
    { "", WORD_META, "format", "", "sdref-trace-1", 0, 0 },
    { "", WORD_META, "kind", "", "render, estimator, unet, vae, taesd or clip", 0, 0 },
    { "", WORD_META, "made_with", "", "free text", 0, 0 },

    { "render", WORD_META, "field", "", "voxel, hashgrid, mlp or sh", 0, 0 },
    { "render", WORD_META, "hash_levels", "", "hashgrid", 0, 0 },
    { "render", WORD_META, "hash_table", "", "hashgrid: entries a level, a power of two", 0, 0 },
    { "render", WORD_META, "hash_features", "", "hashgrid: features a level", 0, 0 },
    { "render", WORD_META, "hash_base", "", "hashgrid: level l has floor(base growth^l) cells a side", 0, 0 },
    { "render", WORD_META, "hash_growth", "", "hashgrid", 0, 0 },
    { "render", WORD_META, "shading", "", "albedo, lambertian, textureless or normal (render/shade.h)", 0, 0 },
    { "render", WORD_META, "light", "", "lambertian, textureless: three numbers, where the light is", 0, 0 },
    { "render", WORD_META, "elevation", "", "degrees", 0, 0 },
    { "render", WORD_META, "azimuth", "", "degrees", 0, 0 },
    { "render", WORD_META, "distance", "", "world units", 0, 0 },
    { "render", WORD_META, "fovy", "", "degrees, along the height", 0, 0 },
    { "render", WORD_META, "h", "", "pixels", 0, 0 },
    { "render", WORD_META, "w", "", "pixels", 0, 0 },
    { "render", WORD_META, "samples", "", "a ray", 0, 0 },
    { "render", WORD_META, "background", "", "three numbers in [0,1], or colour or mlp: learnt (render/background.h)", 0, 0 },
    { "render", WORD_INPUT, "in.grid", "(4,Z,Y,X)", "voxel: raw density, raw colour; nodes on the faces of the cube", 0, 0 },
    { "render", WORD_INPUT, "in.sh", "(Z,Y,X,1+3n)", "sh: raw density, harmonics of red, of green, of blue; n = 1, 4 or 9", 0, 0 },
    { "render", WORD_INPUT, "in.table", "(L,T,F)", "hashgrid: features of every level", 0, 0 },
    { "render", WORD_INPUT, "in.w*", "(out,in)", "hashgrid: in.w1, in.w2; mlp: of each layer, the first of 3 + 6 frequencies inputs", 0, 0 },
    { "render", WORD_INPUT, "in.b*", "(out)", "", 0, 0 },
    { "render", WORD_INPUT, "in.points", "(P,3)", "hashgrid, mlp: asks for out.encoding", 0, 0 },
    { "render", WORD_INPUT, "in.jitter", "(H,W,S)", "in [0,1), place of each sample in its interval; absent: 1/2", 0, 0 },
    { "render", WORD_INPUT, "in.background", "(3)", "background colour: before the sigmoid", 0, 0 },
    { "render", WORD_INPUT, "in.background.*", "", "background mlp: w1 (hidden,3+6F), b1 (hidden), w2 (3,hidden), b2 (3)", 0, 0 },
    { "render", WORD_INPUT, "in.cotangent.rgb", "(H,W,3)", "of each output; absent: 0", 0, 0 },
    { "render", WORD_INPUT, "in.cotangent.opacity", "(H,W)", "", 0, 0 },
    { "render", WORD_INPUT, "in.cotangent.depth", "(H,W)", "", 0, 0 },
    { "render", WORD_INPUT, "in.cotangent.z_variance", "(H,W)", "", 0, 0 },
    { "render", WORD_INPUT, "in.cotangent.normal", "(H,W,3)", "", 0, 0 },
    { "render", WORD_INPUT, "in.cotangent.orientation", "(H,W)", "", 0, 0 },
    { "render", WORD_RESULT, "out.c2w", "(3,4)", "camera to world: right, up, -forward, position", 0, FAMILY_RENDER },
    { "render", WORD_RESULT, "out.ray_d", "(H,W,3)", "unit directions", 0, FAMILY_RENDER },
    { "render", WORD_RESULT, "out.encoding", "(P,n)", "what the network is given of in.points", 0, FAMILY_RENDER },
    { "render", WORD_RESULT, "out.rgb", "(H,W,3)", "", 0, FAMILY_RENDER },
    { "render", WORD_RESULT, "out.opacity", "(H,W)", "", 0, FAMILY_RENDER },
    { "render", WORD_RESULT, "out.depth", "(H,W)", "sum w t, not divided by opacity", 0, FAMILY_RENDER },
    { "render", WORD_RESULT, "out.z_variance", "(H,W)", "", 0, FAMILY_RENDER },
    { "render", WORD_RESULT, "out.normal", "(H,W,3)", "sum w n, world axes; n from central differences of step 0.01", 0, FAMILY_RENDER },
    { "render", WORD_RESULT, "out.orientation", "(H,W)", "sum w max(0, n . d)^2; in its gradient w is a constant", 0, FAMILY_RENDER },
    { "render", WORD_RESULT, "out.grad.background*", "", "likewise, of in.background or in.background.*", 0, FAMILY_GRADIENT },
    { "render", WORD_RESULT, "out.grad.*", "", "d sum <cotangent, output> / d in.*, of every part of the field", 0, FAMILY_GRADIENT },

    { "estimator", WORD_META, "estimator", "", "a name that `sdref estimators` lists, or perp_neg", 0, 0 },
    { "estimator", WORD_META, "cfg", "", "uncond + scale*(cond-uncond); of ism negative + scale*(cond-negative)", 0, 0 },
    { "estimator", WORD_META, "phi", "", "ssd: none, quadratic, pearson_depth, depth or normals (ref/phi.h)", 0, 0 },
    { "estimator", WORD_META, "phi_network", "", "ssd, phi depth and normals: folder of their network, relative to the file", 0, 0 },
    { "estimator", WORD_META, "w_neg", "", "perp_neg: weight of the negative prompt, below 0", 0, 0 },
    { "estimator", WORD_META, "lora_t", "", "vsd: timestep of the LoRA's loss", 0, 0 },
    { "estimator", WORD_META, "lora_rank", "", "vsd", 0, 0 },
    { "estimator", WORD_META, "lora_scale", "", "vsd: factor of the LoRA", 0, 0 },
    { "estimator", WORD_META, "prediction_type", "", "what the network puts out: epsilon (if absent), v_prediction, sample", 0, 0 },
    { "estimator", WORD_META, "note", "", "for the reader", 0, 0 },
    { "estimator", WORD_META, "grid", "", "for the reader", 0, 0 },
    { "estimator", WORD_META, "network", "", "folder of the network, relative to the file", 0, 0 },
    { "estimator", WORD_META, "prompt", "", "for the reader", 0, 0 },
    { "estimator", WORD_META, "seed", "", "for the reader", 0, 0 },
    { "estimator", WORD_INPUT, "in.x0", "(1,C,H,W)", "image or latent", 0, 0 },
    { "estimator", WORD_INPUT, "in.noise", "(1,C,H,W)", "eps; of sdi's official form (K,C,H,W), one a move", 0, 0 },
    { "estimator", WORD_INPUT, "in.eps_star", "(1,C,H,W)", "dsd, dsd_star: the run's noise", 0, 0 },
    { "estimator", WORD_INPUT, "in.depth", "(H,W)", "ssd, phi pearson_depth: the render's", 0, 0 },
    { "estimator", WORD_INPUT, "in.nearness", "(H,W)", "ssd, phi depth: (opacity (distance + 1) - depth)/2 of the render", 0, 0 },
    { "estimator", WORD_INPUT, "in.normals", "(3,H,W)", "ssd, phi normals: opacity n of the render, camera space", 0, 0 },
    { "estimator", WORD_INPUT, "in.camera", "(1,D)", "vsd: what the LoRA network is told of the camera", 0, 0 },
    { "estimator", WORD_INPUT, "in.class_embedding.*", "", "vsd: weights of the camera's embedding", 0, 0 },
    { "estimator", WORD_INPUT, "in.lora_noise", "(1,C,H,W)", "vsd: of the LoRA's loss", 0, 0 },
    { "estimator", WORD_INPUT, "in.alphas_cumprod", "(T)", "the schedule; absent: Stable Diffusion's, made in binary64", 0, 0 },
    { "estimator", WORD_INPUT, "in.embed.cond", "(1,L,E)", "prompt embedding", 0, 0 },
    { "estimator", WORD_INPUT, "in.embed.uncond", "(1,L,E)", "embedding of no prompt", 0, 0 },
    { "estimator", WORD_INPUT, "in.embed.negative", "(1,L,E)", "negative prompt", 0, 0 },
    { "estimator", WORD_INPUT, "in.*", "", "vsd: MODULE.lora.down.weight and MODULE.lora.up.weight", 0, 0 },
    { "estimator", WORD_RESULT, "grid", "(K)", "levels of an inversion or an ODE, in the order they are visited", 0, FAMILY_LEVELS },
    { "estimator", WORD_RESULT, "x_start", "(1,C,H,W)", "ism: alpha_0 x0 + sigma_0 noise", 0, FAMILY_ESTIMATOR },
    { "estimator", WORD_RESULT, "inv.*", "(1,C,H,W)", "sdi, ism: inv.K.eps, the prediction of move K (.cond, .uncond: its parts); inv.K.x, the state after it", COMBINES_GUIDANCE, FAMILY_ESTIMATOR },
    { "estimator", WORD_RESULT, "fix.*", "(1,C,H,W)", "sdi: fix.K.eps, fix.K.residual (1) of fixed-point, gradient-descent", 0, FAMILY_ESTIMATOR },
    { "estimator", WORD_RESULT, "ode.*", "(1,C,H,W)", "dsd: ode.K.eps, ode.K.z likewise", COMBINES_GUIDANCE, FAMILY_ESTIMATOR },
    { "estimator", WORD_RESULT, "kappa_inv", "(1,C,H,W)", "sdi: (x - alpha x0) / sigma at the end of the inversion", COMBINES_PREDICTION, FAMILY_ESTIMATOR },
    { "estimator", WORD_RESULT, "kappa", "(1,C,H,W)", "sdi: kappa_inv + H", COMBINES_PREDICTION, FAMILY_ESTIMATOR },
    { "estimator", WORD_RESULT, "x_s", "(1,C,H,W)", "ism: at level s", 0, FAMILY_ESTIMATOR },
    { "estimator", WORD_RESULT, "eps_s*", "(1,C,H,W)", "ism: prediction at s; cds: guided prediction at s", COMBINES_GUIDANCE, FAMILY_ESTIMATOR },
    { "estimator", WORD_RESULT, "eps_ode*", "(1,C,H,W)", "dsd: guided prediction on the ODE at t_baseline", COMBINES_GUIDANCE, FAMILY_ESTIMATOR },
    { "estimator", WORD_RESULT, "v_t", "(1,C,H,W)", "cds: x0 + r_t eps*", 0, FAMILY_ESTIMATOR },
    { "estimator", WORD_RESULT, "v_s", "(1,C,H,W)", "cds: v_t + (r_s - r_t) eps_t", 0, FAMILY_ESTIMATOR },
    { "estimator", WORD_RESULT, "x_t", "(1,C,H,W)", "alpha_t x0 + sigma_t noise", 0, FAMILY_ESTIMATOR },
    { "estimator", WORD_RESULT, "x_tD", "(1,C,H,W)", "asd, dsd: likewise at t_baseline", 0, FAMILY_ESTIMATOR },
    { "estimator", WORD_RESULT, "eps_cond", "(1,C,H,W)", "prediction with the prompt", 0, FAMILY_ESTIMATOR },
    { "estimator", WORD_RESULT, "eps_uncond", "(1,C,H,W)", "prediction without", 0, FAMILY_ESTIMATOR },
    { "estimator", WORD_RESULT, "eps_negative*", "(1,C,H,W)", "prediction with the negative prompt", 0, FAMILY_ESTIMATOR },
    { "estimator", WORD_RESULT, "perp*", "(1,C,H,W)", "perp_neg: n - <n,d> / <d,d> d", COMBINES_PREDICTION, FAMILY_ESTIMATOR },
    { "estimator", WORD_RESULT, "eps_cfg", "(1,C,H,W)", "guided prediction", COMBINES_GUIDANCE, FAMILY_ESTIMATOR },
    { "estimator", WORD_RESULT, "eps_t*", "(1,C,H,W)", "dsd, cds: guided prediction at t", COMBINES_GUIDANCE, FAMILY_ESTIMATOR },
    { "estimator", WORD_RESULT, "eps_baseline*", "(1,C,H,W)", "asd, dsd: prediction at t_baseline", COMBINES_GUIDANCE, FAMILY_ESTIMATOR },
    { "estimator", WORD_RESULT, "eps_phi", "(1,C,H,W)", "vsd: prediction of the LoRA network", 0, FAMILY_ESTIMATOR },
    { "estimator", WORD_RESULT, "delta_C", "(1,C,H,W)", "nfsd: e_cond - e_uncond", COMBINES_PREDICTION, FAMILY_ESTIMATOR },
    { "estimator", WORD_RESULT, "delta_D", "(1,C,H,W)", "nfsd: e_uncond, or e_uncond - e_negative", COMBINES_PREDICTION, FAMILY_ESTIMATOR },
    { "estimator", WORD_RESULT, "phi", "(1)", "ssd", 0, FAMILY_ESTIMATOR },
    { "estimator", WORD_RESULT, "grad_phi", "(1,C,H,W)", "ssd", 0, FAMILY_ESTIMATOR },
    { "estimator", WORD_RESULT, "h", "(1,C,H,W)", "ssd: eps phi - sigma_t grad_phi", COMBINES_PHI, FAMILY_ESTIMATOR },
    { "estimator", WORD_RESULT, "w", "(1)", "weight w(t)", 0, FAMILY_ESTIMATOR },
    { "estimator", WORD_RESULT, "star.*", "(1,C,H,W)", "dsd_star: its predictions", COMBINES_GUIDANCE, FAMILY_ESTIMATOR },
    { "estimator", WORD_RESULT, "ddim.*", "(1,C,H,W)", "dsd_star: those of DDIM", COMBINES_GUIDANCE, FAMILY_ESTIMATOR },
    { "estimator", WORD_RESULT, "x0.*", "(1,C,H,W)", "dsd_star: x0.K after K steps", COMBINES_STEP, FAMILY_ESTIMATOR },
    { "estimator", WORD_RESULT, "grad.*", "(1,C,H,W)", "dsd_star: the gradient of step K", COMBINES_STEP, FAMILY_ESTIMATOR },
    { "estimator", WORD_RESULT, "ddim_x0", "(1,C,H,W)", "dsd_star: DDIM beside it, its last denoised image", COMBINES_STEP, FAMILY_ESTIMATOR },
    { "estimator", WORD_RESULT, "grad", "(1,C,H,W)", "d/dx0 of one view, weight included; of perp_neg the guided prediction", COMBINES_WEIGHT, FAMILY_ESTIMATOR },
    { "estimator", WORD_RESULT, "residual", "(1)", "sdi: mean of grad^2", 0, FAMILY_ESTIMATOR },
    { "estimator", WORD_RESULT, "x0_hat", "(1,C,H,W)", "(x_t - sigma_t eps_cfg) / alpha_t", COMBINES_RATIO, FAMILY_ESTIMATOR },
    { "estimator", WORD_RESULT, "lora_loss", "(1)", "vsd: mean (eps_phi(x_t', lora_t) - lora_noise)^2", 0, FAMILY_ESTIMATOR },
    { "estimator", WORD_RESULT, "lora_grad.*", "", "vsd: gradient of the loss with respect to in.*", 0, FAMILY_GRADIENT },

    { "unet", WORD_META, "network", "", "folder of the network, relative to the file", 0, 0 },
    { "unet", WORD_INPUT, "in.sample", "(B,C,H,W)", "x_t", 0, 0 },
    { "unet", WORD_INPUT, "in.timestep", "(B)", "whole or not", 0, 0 },
    { "unet", WORD_INPUT, "in.encoder_hidden_states", "(B,L,E)", "text states, before any projection", 0, 0 },
    { "unet", WORD_INPUT, "in.class_labels", "(B) or (B,D)", "class_embed_type", 0, 0 },
    { "unet", WORD_INPUT, "in.text_embeds", "(B,D)", "addition_embed_type text_time, text_image", 0, 0 },
    { "unet", WORD_INPUT, "in.time_ids", "(B,6)", "addition_embed_type text_time", 0, 0 },
    { "unet", WORD_INPUT, "in.image_embeds", "(B,D)", "image kinds of embeddings", 0, 0 },
    { "unet", WORD_INPUT, "in.timestep_cond", "(B,D)", "time_cond_proj_dim", 0, 0 },
    { "unet", WORD_INPUT, "in.cotangent", "(B,C',H,W)", "asks for gradients of <cotangent, out.sample>", 0, 0 },
    { "unet", WORD_RESULT, "act.*", "", "output of that module (the first, if several)", 0, FAMILY_NETWORK },
    { "unet", WORD_RESULT, "out.sample", "(B,C',H,W)", "what the network puts out", 0, FAMILY_NETWORK },
    { "unet", WORD_RESULT, "out.grad_sample", "(B,C,H,W)", "", 0, FAMILY_GRADIENT },
    { "unet", WORD_RESULT, "out.grad.*", "", "gradient of that parameter", 0, FAMILY_GRADIENT },

    { "vae", WORD_META, "network", "", "folder of the network, relative to the file", 0, 0 },
    { "vae", WORD_INPUT, "in.image", "(B,3,H,W)", "in [-1,1]", 0, 0 },
    { "vae", WORD_INPUT, "in.latent", "(B,C,h,w)", "not scaled", 0, 0 },
    { "vae", WORD_INPUT, "in.cotangent_mean", "(B,C,h,w)", "asks for out.grad_image", 0, 0 },
    { "vae", WORD_INPUT, "in.cotangent_image", "(B,3,H,W)", "asks for out.grad_latent", 0, 0 },
    { "vae", WORD_RESULT, "act.*", "", "output of that module", 0, FAMILY_NETWORK },
    { "vae", WORD_RESULT, "out.mean", "(B,C,h,w)", "of the posterior of in.image", 0, FAMILY_NETWORK },
    { "vae", WORD_RESULT, "out.logvar", "(B,C,h,w)", "", 0, FAMILY_NETWORK },
    { "vae", WORD_RESULT, "out.grad_image", "(B,3,H,W)", "of <cotangent_mean, mean>", 0, FAMILY_GRADIENT },
    { "vae", WORD_RESULT, "out.image", "(B,3,H,W)", "decoded from in.latent", 0, FAMILY_NETWORK },
    { "vae", WORD_RESULT, "out.grad_latent", "(B,C,h,w)", "of <cotangent_image, image>", 0, FAMILY_GRADIENT },
    { "vae", WORD_RESULT, "out.grad.*", "", "gradient of that parameter", 0, FAMILY_GRADIENT },

    { "taesd", WORD_META, "network", "", "folder of the network, relative to the file", 0, 0 },
    { "taesd", WORD_INPUT, "in.image", "(B,3,H,W)", "in [-1,1]", 0, 0 },
    { "taesd", WORD_INPUT, "in.latent", "(B,4,h,w)", "", 0, 0 },
    { "taesd", WORD_INPUT, "in.cotangent_latent", "(B,4,h,w)", "asks for out.grad_image", 0, 0 },
    { "taesd", WORD_INPUT, "in.cotangent_image", "(B,3,H,W)", "asks for out.grad_latent", 0, 0 },
    { "taesd", WORD_RESULT, "act.*", "", "output of that module", 0, FAMILY_NETWORK },
    { "taesd", WORD_RESULT, "out.latent", "(B,4,h,w)", "encoded from in.image", 0, FAMILY_NETWORK },
    { "taesd", WORD_RESULT, "out.grad_image", "(B,3,H,W)", "", 0, FAMILY_GRADIENT },
    { "taesd", WORD_RESULT, "out.image", "(B,3,H,W)", "decoded from in.latent", 0, FAMILY_NETWORK },
    { "taesd", WORD_RESULT, "out.grad_latent", "(B,4,h,w)", "", 0, FAMILY_GRADIENT },
    { "taesd", WORD_RESULT, "out.grad.*", "", "gradient of that parameter", 0, FAMILY_GRADIENT },

    { "clip", WORD_META, "network", "", "folder of the network, relative to the file", 0, 0 },
    { "clip", WORD_INPUT, "in.input_ids", "(B,T)", "tokens", 0, 0 },
    { "clip", WORD_INPUT, "in.pixel_values", "(B,3,S,S)", "normalised", 0, 0 },
    { "clip", WORD_INPUT, "in.cotangent_image_embeds", "(B,P)", "asks for out.grad_pixel_values", 0, 0 },
    { "clip", WORD_RESULT, "act.*", "", "output of that module", 0, FAMILY_NETWORK },
    { "clip", WORD_RESULT, "out.text.last_hidden_state", "(B,T,C)", "after the final norm", 0, FAMILY_NETWORK },
    { "clip", WORD_RESULT, "out.text.pooler_output", "(B,C)", "at the end token", 0, FAMILY_NETWORK },
    { "clip", WORD_RESULT, "out.text_embeds", "(B,P)", "projected, not normalised", 0, FAMILY_NETWORK },
    { "clip", WORD_RESULT, "out.vision.pooler_output", "(B,C)", "class token after the final norm", 0, FAMILY_NETWORK },
    { "clip", WORD_RESULT, "out.image_embeds", "(B,P)", "projected, not normalised", 0, FAMILY_NETWORK },
    { "clip", WORD_RESULT, "out.grad_pixel_values", "(B,3,S,S)", "", 0, FAMILY_GRADIENT },
    { "clip", WORD_RESULT, "out.grad.*", "", "gradient of that parameter", 0, FAMILY_GRADIENT },
};
enum { WORDS = sizeof words / sizeof words[0] };

static int is_named(const Word *word, const char *name)
{
    const size_t n = strlen(word->name);
    return word->name[n - 1] == '*' ? strncmp(word->name, name, n - 1) == 0 : strcmp(word->name, name) == 0;
}

const Word *vocabulary_find(const char *trace, WordKind kind, const char *name)
{
    for (int i = 0; i < WORDS; i++)
        if (words[i].kind == kind && is_named(&words[i], name) && (words[i].trace[0] == 0 || strcmp(words[i].trace, trace) == 0))
            return &words[i];
    return NULL;
}

/* What each estimator's step reads, besides: more metadata. */
static void print_settings(FILE *out)
{
    fprintf(out, "  settings of the step, metadata too (`sdref estimators NAME` explains them)\n");
    for (int i = 0; i < estimator_count(); i++) fprintf(out, "    %-24s %s\n", estimator_at(i)->name, estimator_at(i)->keys);
}

void vocabulary_print(FILE *out)
{
    static const char *const heading[] = { "metadata (all values are strings)", "inputs", "results, in the order of computation" };
    static const char *const traces[] = { "", "render", "estimator", "unet", "vae", "taesd", "clip" };
    fprintf(out, "A trace is a safetensors file: tensors in.* are inputs, every other tensor is a result that `sdref verify`\n"
                 "recomputes. Results may be left out.\n");
    for (int t = 0; t < (int)(sizeof traces / sizeof traces[0]); t++) {
        fprintf(out, "\n%s\n", t == 0 ? "every trace" : traces[t]);
        for (int kind = 0; kind < 3; kind++) {
            int shown = 0;
            for (int i = 0; i < WORDS; i++) {
                if (strcmp(words[i].trace, traces[t]) != 0 || (int)words[i].kind != kind) continue;
                if (!shown) fprintf(out, "  %s\n", heading[kind]);
                shown = 1;
                fprintf(out, "    %-24s %-10s %s\n", words[i].name, words[i].shape, words[i].meaning);
            }
            if (kind == WORD_META && strcmp(traces[t], "estimator") == 0) print_settings(out);
        }
    }
}

int bar_for(Bar *bar, StDtype dtype, Family family)
{
    /* F64 is the truth that both programs are held to: golden/README, "Bars". The others judge a backend that computed in that type. */
#ifdef SDREF_F64
    static const double f64[] = { [FAMILY_RENDER] = 1e-10, [FAMILY_GRADIENT] = 1e-10, [FAMILY_ESTIMATOR] = 1e-10, [FAMILY_NETWORK] = 1e-10 };
#else
    static const double f64[] = { [FAMILY_RENDER] = 5e-6, [FAMILY_GRADIENT] = 3e-5, [FAMILY_ESTIMATOR] = 1e-5, [FAMILY_NETWORK] = 5e-6 };
#endif
    if (family == FAMILY_LEVELS) {
        *bar = (Bar){ 0, 0 };
        return 0;
    }
    switch (dtype) {
    case ST_F64:  *bar = (Bar){ f64[family], f64[family] }; return 0;
    case ST_F32:  *bar = (Bar){ 1e-4, 1e-5 }; return 0;
    case ST_F16:  *bar = (Bar){ 2e-2, 4e-3 }; return 0;
    case ST_BF16: *bar = (Bar){ 1e-1, 3e-2 }; return 0;
    default:      return -1;
    }
}
