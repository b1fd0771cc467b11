/* t_prior.c -- a prior that is told of the view in words, against prompts that have the words written out */
#include "ref/pipeline.h"
#include "tests/pipeline_folder.h"

enum { SIDE = 8, N = 3 * SIDE * SIDE };

static Pipeline *open_pixels(const char *folder)
{
    Err err = { 0 };
    Pipeline *p = pipeline_open(folder, NULL, &err);
    CHECK(p != NULL, "%s", err.msg);
    if (p == NULL) exit(1);
    return p;
}

static void predict(real eps[N], Pipeline *p, const char *prompt, Condition condition, CondKind kind, real elevation, real azimuth)
{
    real x[N];
    Err err = { 0 };
    for (int i = 0; i < N; i++) x[i] = R(0.01) * (real)(i % 97) - R(0.4);
    Prior *d = prior_new_views(p, prompt, NULL, condition, SIDE, SIDE, &err);
    CHECK(d != NULL, "%s", err.msg);
    if (d == NULL) exit(1);
    const Denoiser D = prior_denoiser(d);
    const Cond cond = { kind, { elevation, azimuth, R(2.5), R(40.0) } };
    CHECK_OK(D.predict(D.self, eps, x, 300, &cond, &err), &err);
    prior_free(d);
}

/* The prediction for a view is that of the prompt with the words written out by hand. */
static void views_choose_the_words(void)
{
    static const struct { real elevation, azimuth; const char *four, *five; } cases[] = {
        { R(10.0), R(0.0), "a cat, front view", "a cat, front view" },
        { R(10.0), R(90.0), "a cat, side view", "a cat, left side view" },
        { R(10.0), R(-90.0), "a cat, side view", "a cat, right side view" },
        { R(10.0), R(-179.0), "a cat, back view", "a cat, back view" },
        { R(70.0), R(0.0), "a cat, overhead view", "a cat, overhead view" },
    };
    char folder[FOLDER_PATH];
    real got[N], want[N], plain[N], other[N];
    folder_pixels(folder);
    Pipeline *p = open_pixels(folder);
    predict(plain, p, "a cat", CONDITION_PROMPT, COND_TEXT, 0, 0);
    predict(other, p, "a cat", CONDITION_PROMPT, COND_NULL, 0, 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *const words[2] = { cases[i].four, cases[i].five };
        static const Condition conditions[2] = { CONDITION_VIEW, CONDITION_VIEW_LR };
        for (int k = 0; k < 2; k++) {
            predict(want, p, words[k], CONDITION_PROMPT, COND_TEXT, 0, 0);
            CHECK(memcmp(want, plain, sizeof want) != 0, "%s changes nothing", words[k]);
            predict(got, p, "a cat", conditions[k], COND_TEXT, cases[i].elevation, cases[i].azimuth);
            CHECK(memcmp(got, want, sizeof got) == 0, "%s", words[k]);
            predict(got, p, "a cat", conditions[k], COND_NULL, cases[i].elevation, cases[i].azimuth);
            CHECK(memcmp(got, other, sizeof got) == 0, "no prompt has no view");
        }
        predict(got, p, "a cat", CONDITION_PROMPT, COND_TEXT, cases[i].elevation, cases[i].azimuth);
        CHECK(memcmp(got, plain, sizeof got) == 0, "prompt alone");
    }
    pipeline_free(p);
    folder_end(folder);
}

/* Of the tokens that do not fit, those of the longest suffix are counted. */
static void long_prompts_are_counted(void)
{
    char folder[FOLDER_PATH];
    Err err = { 0 };
    folder_pixels(folder);
    Pipeline *p = open_pixels(folder);
    static const char long_prompt[] = "! ! ! ! ! ! ! ! ! ! ! ! !";      /* 13 tokens, and 14 fit */
    int most = 0;
    for (int label = 0; label <= VIEW_RIGHT; label++) {
        char text[64];
        TextStates s;
        if (label == VIEW_SIDE) continue;
        CHECK_OK(view_prompt(text, sizeof text, long_prompt, (ViewLabel)label, &err), &err);
        CHECK_OK(pipeline_text(&s, p, COND_TEXT, text, &err), &err);
        if (s.dropped > most) most = s.dropped;
        text_states_free(&s);
    }
    Prior *plain = prior_new(p, long_prompt, NULL, SIDE, SIDE, &err);
    Prior *views = prior_new_views(p, long_prompt, NULL, CONDITION_VIEW_LR, SIDE, SIDE, &err);
    CHECK(plain != NULL && views != NULL, "%s", err.msg);
    CHECK(prior_dropped(plain, COND_TEXT) == 0 && most > 0 && prior_dropped(views, COND_TEXT) == most, "%d of %d", prior_dropped(views, COND_TEXT), most);
    prior_free(plain);
    prior_free(views);
    pipeline_free(p);
    folder_end(folder);
}

static void out_of_memory(void)
{
    char folder[FOLDER_PATH];
    int failed = 0;
    Err why = { 0 };
    folder_pixels(folder);
    Pipeline *p = open_pixels(folder);
    for (long n = 1; n < 3000; n += 1 + n / 8) {
        Err err = { 0 };
        PipelineFiles f = { 0 };
        mem_fail_at(n);
        Prior *d = prior_new_views(p, "a", NULL, CONDITION_VIEW_LR, SIDE, SIDE, &err);
        const int status = d == NULL ? -1 : pipeline_files(&f, p, &err);
        mem_fail_at(0);
        CHECK((status != 0) == err.set, "allocation %ld", n);
        failed += status != 0;
        prior_free(d);
        mem_free(f.file);
    }
    CHECK(failed > 10, "%d of the allocations failed", failed);
    Prior *d = prior_new_views(p, "a", NULL, CONDITION_VIEW_LR, SIDE, SIDE, &why);
    CHECK(d != NULL, "%s", why.msg);
    prior_free(d);
    pipeline_free(p);
    folder_end(folder);
}

int main(void)
{
    TEST(views_choose_the_words);
    TEST(long_prompts_are_counted);
    TEST(out_of_memory);
    return test_end();
}
