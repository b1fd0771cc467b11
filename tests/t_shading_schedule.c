/* t_shading_schedule.c -- the schedule of shading: where albedo ends, how often a step is shaded, that nothing but seed and step decides */
#include "ref/shading.h"
#include "tensor/rng.h"
#include "tests/harness.h"

enum { STEPS = 40000 };

static void albedo_comes_first(void)
{
    static const ShadingSchedule shaded = { 0.1, 1, 0 }, never = { 1, 1, 1 }, always = { 0, 1, 1 };
    for (int i = 0; i < 10000; i++) {
        CHECK((shading_of_step(&shaded, i, 10000, 3, (uint32_t)i) == SHADE_ALBEDO) == (i < 1000), "step %d of 10000, albedo for 1000", i);
        CHECK(shading_of_step(&never, i, 10000, 3, (uint32_t)i) == SHADE_ALBEDO, "step %d: albedo always", i);
        CHECK(shading_of_step(&always, i, 10000, 3, (uint32_t)i) == SHADE_TEXTURELESS, "step %d: never albedo", i);
    }
    CHECK(shading_of_step(&never, 10000, 10000, 3, 0) == SHADE_ALBEDO, "the end of the run");
    CHECK(shading_of_step(&shaded, 149, 1500, 3, 0) == SHADE_ALBEDO && shading_of_step(&shaded, 150, 1500, 3, 0) == SHADE_LAMBERTIAN, "calls of a budget");
}

/* A share p of N draws is off by sqrt(p (1 - p)/N) at one sigma; 5 sigma. */
static void check_share(int hits, int draws, double p, const char *what)
{
    CHECK_LE(fabs((double)hits / draws - p), 5 * sqrt(p * (1 - p) / draws), "%s: %d of %d, expected %g", what, hits, draws, p);
}

static void shares_are_the_probabilities(void)
{
    static const ShadingSchedule known[] = { { 0, 0.3, 0.75 }, { 0, 0.75, 0.5 }, { 0, 0.5, 1 }, { 0, 0, 0.5 }, { 0, 1, 0 } };
    for (size_t k = 0; k < sizeof known / sizeof known[0]; k++) {
        const ShadingSchedule *s = &known[k];
        int hits[3] = { 0 }, pairs = 0;
        for (uint32_t step = 0; step < STEPS; step += 2) {
            const Shading first = shading_of_step(s, 1, 2, 9, step), second = shading_of_step(s, 1, 2, 9, step + 1);
            hits[first]++;
            hits[second]++;
            pairs += first != SHADE_ALBEDO && second != SHADE_ALBEDO;
        }
        check_share(hits[SHADE_ALBEDO], STEPS, 1 - s->diffuse, "albedo");
        check_share(hits[SHADE_LAMBERTIAN], STEPS, s->diffuse * (1 - s->textureless), "lambertian");
        check_share(hits[SHADE_TEXTURELESS], STEPS, s->diffuse * s->textureless, "textureless");
        check_share(pairs, STEPS / 2, s->diffuse * s->diffuse, "two steps on end shaded");
    }
}

/* Of its address, in any order; another seed is another sequence. */
static void nothing_else_decides(void)
{
    static const ShadingSchedule s = { 0, 0.5, 0.5 };
    int other = 0;
    for (uint32_t step = 1000; step-- > 0; ) {
        const RngAt at = { 4, 0, step, RNG_CAMERA };
        const Shading expected = rng_uniform_at(at, 24) >= 0.5 ? SHADE_ALBEDO : rng_uniform_at(at, 25) < 0.5 ? SHADE_TEXTURELESS : SHADE_LAMBERTIAN;
        CHECK(shading_of_step(&s, 1, 2, 4, step) == expected && shading_of_step(&s, 70, 100, 4, step) == expected, "step %u", step);
        other += shading_of_step(&s, 1, 2, 5, step) != expected;
    }
    CHECK(other > 500, "another seed: %d of 1000 steps differ, 625 are expected", other);
}

int main(void)
{
    TEST(albedo_comes_first);
    TEST(shares_are_the_probabilities);
    TEST(nothing_else_decides);
    return test_end();
}
