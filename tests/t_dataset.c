/* t_dataset.c -- the training pictures: captions read by a parser of this file, shares and angles against closed forms, pixels
 * against a picture made step by step */
#include "ref/dataset.h"
#include "ref/view_camera.h"
#include "render/scene.h"
#include "tensor/par.h"
#include "tensor/rng.h"
#include "tests/harness.h"

enum { ITEMS = 20000, H = 20, W = 24, PICTURES = 24 };

static const uint64_t seed_of_items = UINT64_C(0x700000005);         /* both halves count */
static DatasetItem items[ITEMS];

static void draw_items(void)
{
    memset(items, 0xa5, sizeof items);                       /* a field that is not set shows */
    for (uint64_t i = 0; i < ITEMS; i++) dataset_item(&items[i], seed_of_items, i);
}

/* `hits` of n independent draws of probability p: within 4.5 standard deviations (7e-6 each way). */
static void share(int hits, int n, double p, const char *what)
{
    CHECK_LE(fabs((double)hits - n * p), 4.5 * sqrt(n * p * (1.0 - p)), "%s: %d of %d, expected a share of %g", what, hits, n, p);
}

/* ---- captions ---- */

/* What a caption says; -1: not said. */
typedef struct Said { int empty, object, colour, thing, well_formed; char view[CAPTION_BYTES]; } Said;

static int index_of(const char *word, const char *(*name)(int), int n)
{
    for (int i = 0; i < n; i++)
        if (strcmp(word, name(i)) == 0) return i;
    return -1;
}

/* "a|an [COLOUR] OBJECT|thing[, VIEW view]", single spaces. */
static Said parse(const char *caption)
{
    Said s = { caption[0] == '\0', -1, -1, 0, 1, "" };
    char text[CAPTION_BYTES], *word[4];
    int words = 0;
    if (s.empty) return s;
    snprintf(text, sizeof text, "%s", caption);
    char *comma = strchr(text, ',');
    if (comma != NULL) {
        const size_t n = strlen(comma);
        s.well_formed = n > 7 && comma[1] == ' ' && strcmp(comma + n - 5, " view") == 0;
        if (s.well_formed) snprintf(s.view, sizeof s.view, "%.*s", (int)(n - 7), comma + 2);
        *comma = '\0';
    }
    for (char *p = text; p != NULL && words < 4; words++) {
        word[words] = p;
        p = strchr(p, ' ');
        if (p != NULL) *p++ = '\0';
    }
    if (words < 2 || words > 3) s.well_formed = 0;
    if (!s.well_formed) return s;
    const int vowel = strchr("aeiou", word[1][0]) != NULL;
    s.well_formed = strcmp(word[0], vowel ? "an" : "a") == 0;
    s.thing = strcmp(word[words - 1], "thing") == 0;
    s.object = index_of(word[words - 1], scene_object_name, scene_object_count());
    if (words == 3) s.colour = index_of(word[1], scene_colour_name, scene_colour_count());
    if ((s.object < 0) != s.thing || (words == 3 && s.colour < 0) || (words == 2 && s.thing)) s.well_formed = 0;
    return s;
}

/* The words for an angle, from the camera's place: the object faces +x and has its left on +y. */
static const char *seen_from(const View *v, int sided)
{
    const double az = (double)v->azimuth;
    if ((double)v->elevation > 60.0) return "overhead";
    if (fabs(az) < 45.0) return "front";
    if (fabs(az) > 135.0) return "back";
    if (!sided) return "side";
    return sin(az * D_PI / 180.0) > 0 ? "left side" : "right side";
}

static void captions_say_what_is_seen(void)
{
    for (int i = 0; i < ITEMS; i++) {
        const DatasetItem *t = &items[i];
        const Said s = parse(t->caption);
        const int sided = t->label == VIEW_LEFT || t->label == VIEW_RIGHT;
        CHECK(s.well_formed, "%d: \"%s\"", i, t->caption);
        CHECK(s.object == (t->says_object ? t->object : -1), "%d: object %d, \"%s\"", i, t->object, t->caption);
        CHECK(s.colour == (t->says_colour ? t->colour : -1), "%d: colour %d, \"%s\"", i, t->colour, t->caption);
        CHECK((s.view[0] != '\0') == t->says_view, "%d: says_view %d, \"%s\"", i, t->says_view, t->caption);
        CHECK(s.empty == (!t->says_object && !t->says_colour), "%d: \"%s\"", i, t->caption);
        CHECK(!s.empty || !t->says_view, "%d: a view and nothing else", i);
        if (t->says_view)
            CHECK(strcmp(s.view, seen_from(&t->view, sided)) == 0, "%d: \"%s\" at elevation %g, azimuth %g", i, t->caption,
                  (double)t->view.elevation, (double)t->view.azimuth);
        const ViewThresholds th = view_thresholds_default();
        CHECK(t->label == view_label(t->view.elevation, t->view.azimuth, &th)
              || t->label == view_label_lr(t->view.elevation, t->view.azimuth, &th), "%d: label %d", i, (int)t->label);
    }
}

static void shares_of_captions(void)
{
    int both = 0, no_colour = 0, no_object = 0, empty = 0, view = 0, view_of_both = 0, sides = 0, plain = 0, left = 0, right = 0;
    for (int i = 0; i < ITEMS; i++) {
        const Said s = parse(items[i].caption);
        const int has_view = s.view[0] != '\0', is_both = s.object >= 0 && s.colour >= 0;
        both += is_both;
        no_colour += s.object >= 0 && s.colour < 0;
        no_object += s.thing && s.colour >= 0;
        empty += s.empty;
        view += has_view;
        view_of_both += has_view && is_both;
        plain += strcmp(s.view, "side") == 0;
        left += strcmp(s.view, "left side") == 0;
        right += strcmp(s.view, "right side") == 0;
    }
    CHECK(both + no_colour + no_object + empty == ITEMS, "%d + %d + %d + %d", both, no_colour, no_object, empty);
    share(both, ITEMS, 0.71, "colour and object");
    share(no_colour, ITEMS, 0.08, "without the colour");
    share(no_object, ITEMS, 0.08, "without the object");
    share(empty, ITEMS, 0.13, "empty");
    share(view, ITEMS - empty, 0.75, "with a view");
    share(view_of_both, both, 0.75, "with a view, of those with colour and object");
    sides = plain + left + right;
    share(plain, sides, 0.5, "\"side\" among side views");
    share(left, sides, 0.25, "\"left side\"");
    share(right, sides, 0.25, "\"right side\"");
}

static void prompts(void)
{
    char text[CAPTION_BYTES], expected[CAPTION_BYTES];
    dataset_prompt(text, -1, -1);
    CHECK(strcmp(text, "a thing") == 0, "%s", text);
    for (int o = -1; o < scene_object_count(); o++)
        for (int c = -1; c < scene_colour_count(); c++) {
            Err err = { 0 };
            int object = -1, colour = -1;
            dataset_prompt(text, o, c);
            const Said s = parse(text);
            CHECK(s.object == o && s.colour == c, "\"%s\" of %d, %d", text, o, c);
            CHECK(s.well_formed || (o < 0 && c < 0), "\"%s\"", text);
            if (o < 0 || c < 0) continue;
            snprintf(expected, sizeof expected, "a%s %s %s", strcmp(scene_colour_name(c), "orange") == 0 ? "n" : "", scene_colour_name(c),
                     scene_object_name(o));
            CHECK(strcmp(text, expected) == 0, "\"%s\"", text);
            CHECK_OK(scene_prompt_parse(&object, &colour, text, &err), &err);
            CHECK(object == o && colour == c, "\"%s\" reads as %d, %d", text, object, colour);
            CHECK_OK(view_prompt(expected, CAPTION_BYTES, text, VIEW_RIGHT, &err), &err);          /* the longest fits */
        }
    for (int o = 0; o < scene_object_count(); o++) {
        const char *name = scene_object_name(o);
        dataset_prompt(text, o, -1);
        snprintf(expected, sizeof expected, "%s %s", name[0] == 'e' || name[0] == 'o' ? "an" : "a", name);     /* no name has a, i, u first */
        CHECK(strcmp(text, expected) == 0, "\"%s\"", text);
    }
}

/* ---- what is seen ---- */

/* Pairs: chi^2 of k - 1 degrees of freedom has mean k - 1 and variance 2 (k - 1): at most 5 deviations above. */
static void objects_and_colours_uniform(void)
{
    enum { MOST = 1000 };
    const int objects = scene_object_count(), colours = scene_colour_count(), k = objects * colours;
    static int pair[MOST], of_object[MOST], empty_of[MOST], of_colour[MOST];
    double chi2 = 0;
    BUG_IF(k > MOST, "%d pairs", k);
    for (int i = 0; i < ITEMS; i++) {
        CHECK(items[i].object >= 0 && items[i].object < objects && items[i].colour >= 0 && items[i].colour < colours, "%d", i);
        pair[items[i].object * colours + items[i].colour]++;
        of_object[items[i].object]++;
        of_colour[items[i].colour]++;
        empty_of[items[i].object] += items[i].caption[0] == '\0';
    }
    for (int i = 0; i < k; i++) {
        const double d = pair[i] - (double)ITEMS / k;
        chi2 += d * d / ((double)ITEMS / k);
        CHECK(pair[i] > 0, "pair %d never seen", i);
    }
    CHECK_LE(chi2, k - 1 + 5.0 * sqrt(2.0 * (k - 1)), "pairs of object and colour");
    CHECK_LE(k - 1 - 5.0 * sqrt(2.0 * (k - 1)), chi2, "pairs of object and colour: too even");
    for (int o = 0; o < objects; o++) share(of_object[o], ITEMS, 1.0 / objects, scene_object_name(o));
    for (int c = 0; c < colours; c++) share(of_colour[c], ITEMS, 1.0 / colours, scene_colour_name(c));
    for (int o = 0; o < objects; o++) share(empty_of[o], of_object[o], 0.13, "empty captions of an object");
}

/* P(elevation <= x) = (x + 10) / 190 + (sin x - sin -10) / (2 (sin 85 - sin -10)): half uniform, half by area. */
static double elevation_below(double x)
{
    const double s0 = sin(-10.0 * D_PI / 180.0), s1 = sin(85.0 * D_PI / 180.0);
    return (x + 10.0) / 190.0 + (sin(x * D_PI / 180.0) - s0) / (2.0 * (s1 - s0));
}

static void views_cover_the_range(void)
{
    static const double at[] = { 0.0, 15.0, 30.0, 45.0, 60.0, 75.0 };
    int below[6] = { 0 }, sector[12] = { 0 }, label[4] = { 0 }, nearer = 0, wider = 0;
    for (int i = 0; i < ITEMS; i++) {
        const View *v = &items[i].view;
        CHECK(v->azimuth >= R(-180.0) && v->azimuth < R(180.0), "%d: azimuth %g", i, (double)v->azimuth);
        CHECK(v->elevation >= R(-10.0) && v->elevation <= R(85.0), "%d: elevation %g", i, (double)v->elevation);
        CHECK(v->distance >= R(2.4) && v->distance <= R(2.6), "%d: distance %g", i, (double)v->distance);
        CHECK(v->fovy >= R(39.0) && v->fovy <= R(41.0), "%d: fovy %g", i, (double)v->fovy);
        for (int k = 0; k < 6; k++) below[k] += (double)v->elevation <= at[k];
        sector[(int)(((double)v->azimuth + 180.0) / 30.0)]++;
        nearer += v->distance < R(2.5);
        wider += v->fovy > R(40.0);
        label[items[i].label >= VIEW_LEFT ? VIEW_SIDE : items[i].label]++;
    }
    const double overhead = 1.0 - elevation_below(60.0);
    for (int k = 0; k < 6; k++) share(below[k], ITEMS, elevation_below(at[k]), "elevation");
    for (int k = 0; k < 12; k++) share(sector[k], ITEMS, 1.0 / 12.0, "sector of azimuth");
    share(nearer, ITEMS, 0.5, "distance");
    share(wider, ITEMS, 0.5, "fovy");
    share(label[VIEW_FRONT], ITEMS, 0.25 * (1.0 - overhead), "front");
    share(label[VIEW_BACK], ITEMS, 0.25 * (1.0 - overhead), "back");
    share(label[VIEW_SIDE], ITEMS, 0.50 * (1.0 - overhead), "side");
    share(label[VIEW_OVERHEAD], ITEMS, overhead, "overhead");
}

/* Of ITEMS looks out of 2^31 - 1 some 0.1 pairs are equal; 5 would be a wonder. */
static int ascending(const void *a, const void *b)
{
    const int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

static void looks_are_new(void)
{
    static int look[ITEMS];
    int equal = 0, upper = 0;
    for (int i = 0; i < ITEMS; i++) {
        look[i] = items[i].look;
        upper += look[i] > INT32_MAX / 2;
        CHECK(look[i] >= 1, "%d: look %d", i, look[i]);
    }
    qsort(look, ITEMS, sizeof look[0], ascending);
    for (int i = 1; i < ITEMS; i++) equal += look[i] == look[i - 1];
    CHECK_LE(equal, 4, "looks seen twice");
    share(upper, ITEMS, 0.5, "looks in the upper half");
}

/* ---- a pure function of (seed, i) ---- */

static int same_item(const DatasetItem *a, const DatasetItem *b)
{
    return a->object == b->object && a->colour == b->colour && a->look == b->look && a->view.elevation == b->view.elevation
        && a->view.azimuth == b->view.azimuth && a->view.distance == b->view.distance && a->view.fovy == b->view.fovy
        && a->says_object == b->says_object && a->says_colour == b->says_colour && a->says_view == b->says_view
        && a->label == b->label && strcmp(a->caption, b->caption) == 0;
}

static void any_order(void)
{
    DatasetItem again, last;
    for (uint64_t k = 0; k < ITEMS; k++) {
        const uint64_t i = (k * 7919 + 13) % ITEMS;                          /* 7919: prime, so every i comes once */
        memset(&again, (int)(k & 0xff), sizeof again);
        dataset_item(&again, seed_of_items, i);
        CHECK(same_item(&again, &items[i]), "picture %d out of order", (int)i);
    }
    dataset_item(&again, seed_of_items, UINT32_MAX);
    dataset_item(&last, seed_of_items, UINT32_MAX - 1);
    CHECK(!same_item(&again, &last) && parse(again.caption).well_formed, "the last picture of a stream: \"%s\"", again.caption);
}

/* The addresses of the draws: networks are trained on what they give. */
static void draws_by_address(void)
{
    const uint32_t objects = (uint32_t)scene_object_count(), colours = (uint32_t)scene_colour_count();
    for (uint32_t i = 0; i < 500; i++) {
        const RngAt scene = { seed_of_items, 0, i, RNG_BATCH }, words = { seed_of_items, 0, i, RNG_DROP };
        const ViewRange range = { R(-10.0), R(85.0), R(-180.0), R(180.0), R(2.4), R(2.6), R(39.0), R(41.0) };
        const double u = rng_uniform_at(words, 0);
        const DatasetItem *t = &items[i];
        View v;
        view_sample(&v, 1, &range, VIEWS_INDEPENDENT, seed_of_items, i);
        CHECK(t->object == (int)rng_below(scene, 0, objects) && t->colour == (int)rng_below(scene, 1, colours), "object of %u", i);
        CHECK(t->look == 1 + (int)rng_below(scene, 2, INT32_MAX), "look of %u", i);
        CHECK(v.elevation == t->view.elevation && v.azimuth == t->view.azimuth && v.distance == t->view.distance && v.fovy == t->view.fovy,
              "view of %u", i);
        CHECK(t->says_object == (u < 0.79) && t->says_colour == (u < 0.71 || (u >= 0.79 && u < 0.87)), "words of %u: \"%s\"", i, t->caption);
        CHECK(t->says_view == (u < 0.87 && rng_uniform_at(words, 1) < 0.75), "view of %u: \"%s\"", i, t->caption);
        if (strstr(t->caption, "side") != NULL)
            CHECK((strstr(t->caption, ", side") == NULL) == (rng_uniform_at(words, 2) < 0.5), "side of %u: \"%s\"", i, t->caption);
    }
}

/* Two seeds share an item's object, colour and label with a chance of 1 in a thousand or so, never its view. */
static void seeds_differ(void)
{
    int alike = 0;
    for (uint64_t i = 0; i < 2000; i++) {
        DatasetItem other, far;
        dataset_item(&other, seed_of_items + 1, i);
        dataset_item(&far, seed_of_items + (UINT64_C(1) << 40), i);
        CHECK(other.view.azimuth != items[i].view.azimuth || other.view.elevation != items[i].view.elevation, "view %d", (int)i);
        CHECK(far.look != items[i].look && far.view.azimuth != items[i].view.azimuth, "the upper half of a seed, %d", (int)i);
        alike += other.object == items[i].object && other.colour == items[i].colour;
    }
    share(alike, 2000, 1.0 / (scene_object_count() * scene_colour_count()), "the same object and colour at another seed");
}

/* ---- pixels ---- */

static void pictures_are_the_scene(void)
{
    enum { N = H * W };
    static real x[3 * N], other[3 * N], shade[N], P[3 * N], Q[N], mask[N];
    for (int i = 0; i < 60; i++) {
        const DatasetItem *t = &items[i];
        const uint64_t look_seed = seed_of_items;
        SceneLook look;
        Camera camera;
        real colour[3];
        int wrong = 0, outside = 0, ground = 0, covered = 0, differ = 0;
        scene_look(&look, look_seed, t->object, t->look);
        scene_colour_rgb(colour, t->colour);
        camera_of_view(&camera, &t->view, H, W);
        scene_render(P, Q, mask, &look, t->object, &camera);
        dataset_picture(x, shade, t, seed_of_items, H, W);
        for (int k = 0; k < 3 * N; k++) {
            const real rgb = P[k] + Q[k % N] * colour[k / N];
            wrong += x[k] != rgb + rgb - R(1.0);                             /* 2 rgb is exact: one rounding, as fma has */
            outside += !(x[k] >= R(-1.0) && x[k] <= R(1.0));
            ground += mask[k % N] == 0 && x[k] != R(2.0) * look.ground - R(1.0);
            covered += mask[k % N] == 1;
        }
        CHECK(wrong == 0, "picture %d: %d values are not the scene's", i, wrong);
        CHECK(outside == 0, "picture %d: %d values outside [-1,1]", i, outside);
        CHECK(ground == 0, "picture %d: %d values of the background", i, ground);
        CHECK(covered > 0, "picture %d (%s): no pixel is covered", i, scene_object_name(t->object));
        DatasetItem next = *t;
        next.look = t->look == INT32_MAX ? 1 : t->look + 1;
        dataset_picture(other, shade, &next, seed_of_items, H, W);
        for (int k = 0; k < 3 * N; k++) differ += other[k] != x[k];
        CHECK(differ > N, "picture %d: another look changes %d of %d values", i, differ, 3 * N);      /* the ground alone is more */
    }
}

static void pictures_in_parallel(void)
{
    enum { N = H * W };
    static real serial[PICTURES][3 * N], parallel[PICTURES][3 * N], shade[PICTURES][N];
    for (int i = PICTURES - 1; i >= 0; i--) {
        DatasetItem item;
        dataset_item(&item, 9, (uint64_t)i);
        dataset_picture(serial[i], shade[0], &item, 9, H, W);
    }
    const int threads = par_threads();
    par_threads_set(3);
    PAR_FOR
    for (int i = 0; i < PICTURES; i++) {
        DatasetItem item;
        dataset_item(&item, 9, (uint64_t)i);
        dataset_picture(parallel[i], shade[i], &item, 9, H, W);
    }
    par_threads_set(threads);
    for (int i = 0; i < PICTURES; i++) CHECK(memcmp(serial[i], parallel[i], sizeof serial[i]) == 0, "picture %d", i);
    for (int i = 1; i < PICTURES; i++) CHECK(memcmp(serial[i], serial[i - 1], sizeof serial[i]) != 0, "pictures %d and %d are one", i - 1, i);
}

int main(void)
{
    draw_items();
    TEST(captions_say_what_is_seen);
    TEST(shares_of_captions);
    TEST(prompts);
    TEST(objects_and_colours_uniform);
    TEST(views_cover_the_range);
    TEST(looks_are_new);
    TEST(any_order);
    TEST(draws_by_address);
    TEST(seeds_differ);
    TEST(pictures_are_the_scene);
    TEST(pictures_in_parallel);
    return test_end();
}
