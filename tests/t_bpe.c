/* t_bpe.c -- vocabularies trained here: two worked by hand; the captions' one, read back by the tokenizer; what must be refused
 *
 * Truth: merges and ids worked out on paper (below); CLIP's own order of byte symbols in tests/golden/tokenizer; a caption's
 * words, each of which must come back as one token that spells it.
 */
#include "render/scene.h"
#include "sampler/view.h"
#include "tensor/mem.h"
#include "tests/harness.h"
#include "weights/bpe.h"
#include "weights/file.h"
#include "weights/tokenizer.h"

#include <inttypes.h>
#include <unistd.h>

static char folder[] = "/tmp/sdref-test-XXXXXX";          /* made and removed by main */
static const char *const file_name[4] = { "merges.txt", "special_tokens_map.json", "tokenizer_config.json", "vocab.json" };

static const char *in_folder(const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

/* The text of a file of the folder, in one of eight buffers; "" when it cannot be read. */
static const char *text_of(const char *name)
{
    static char text[8][16384];
    static int next;
    Err err = { 0 };
    void *bytes = NULL;
    size_t n = 0;
    next = (next + 1) % 8;
    text[next][0] = '\0';
    CHECK_OK(file_read(&bytes, &n, in_folder(name), sizeof text[0] - 1, &err), &err);
    if (bytes != NULL) memcpy(text[next], bytes, n + 1);
    mem_free(bytes);
    return text[next];
}

static void folder_empty(void) { for (int i = 0; i < 4; i++) unlink(in_folder(file_name[i])); }

/* ids of a text, start and end included, zeros behind; how many. */
static int encode(int64_t ids[64], const char *text)
{
    Err err = { 0 };
    int count = 0, dropped = -1;
    memset(ids, 0, 64 * sizeof ids[0]);
    Tokenizer *k = tokenizer_open(folder, &err);
    CHECK(k != NULL, "%s", err.msg);
    if (k != NULL) CHECK_OK(tokenizer_encode(ids, &count, &dropped, k, text, 64, &err), &err);
    CHECK(dropped == 0, "%s: %d dropped", text, dropped);
    tokenizer_free(k);
    return count;
}

static void ids_check(const char *text, const int64_t *expected, int n)
{
    int64_t ids[64];
    const int count = encode(ids, text);
    CHECK(count == n, "%s: %d ids, expected %d", text, count, n);
    for (int i = 0; i < n; i++)
        CHECK(ids[i] == expected[i], "%s: ids[%d] is %" PRId64 ", expected %" PRId64, text, i, ids[i], expected[i]);
}

/* ---- worked by hand ---- */

/* low lower lot:  l o 3, five other pairs 1           -> l o
 *   then all have 1, first by left symbol (e, lo, w)  -> e r</w>
 *   left lo: right t</w> before w before w</w>        -> lo t</w>
 *                                                     -> lo w
 *   lo before low                                     -> lo w</w>, low er</w>
 * Ids: "l" is byte 0x6c, the 75th after 0x21; l's 75, o's 78, with </w> 256 more; merges from 512; then start and end. */
static void ties_go_by_spelling(void)
{
    static const char *const words[] = { "lower", "low", "lot", "low" };
    static const char merges[] = "#version: 0.2\nl o\ne r</w>\nlo t</w>\nlo w\nlo w</w>\nlow er</w>\n";
    Err err = { 0 };
    CHECK_OK(bpe_write(folder, words, 4, 100, 77, &err), &err);
    CHECK(strcmp(text_of("merges.txt"), merges) == 0, "%s", text_of("merges.txt"));
    ids_check("low lower lot", (const int64_t[]){ 518, 516, 517, 514, 519 }, 5);
    ids_check("LO lowl slot", (const int64_t[]){ 518, 75, 256 + 78, 515, 256 + 75, 82, 514, 519 }, 8);
    CHECK_OK(bpe_write(folder, words, 4, 2, 77, &err), &err);
    CHECK(strcmp(text_of("merges.txt"), "#version: 0.2\nl o\ne r</w>\n") == 0, "%s", text_of("merges.txt"));
    ids_check("low lower", (const int64_t[]){ 514, 512, 256 + 86, 512, 86, 513, 515 }, 7);
    CHECK_OK(bpe_write(folder, NULL, 0, 100, 77, &err), &err);
    CHECK(strcmp(text_of("merges.txt"), "#version: 0.2\n") == 0, "%s", text_of("merges.txt"));
    ids_check("!", (const int64_t[]){ 512, 256, 513 }, 3);
}

/* aaaa ba:  a a 2 (they overlap), a a</w> 1, b a</w> 1  -> a a, at the first place only
 *   aa a, a a</w>, b a</w>: a before aa before b        -> a a</w>;  then aa aa</w>;  then b a</w> */
static void overlaps_merge_from_the_left(void)
{
    static const char *const words[] = { "aaaa", "ba" };
    static const char merges[] = "#version: 0.2\na a\na a</w>\naa aa</w>\nb a</w>\n";
    Err err = { 0 };
    CHECK_OK(bpe_write(folder, words, 2, 100, 77, &err), &err);
    CHECK(strcmp(text_of("merges.txt"), merges) == 0, "%s", text_of("merges.txt"));
    ids_check("aaaa ba aaa", (const int64_t[]){ 516, 514, 515, 512, 320, 517 }, 6);
}

static void files_say_what_they_should(void)
{
    static const char *const words[] = { "\"\\", "7" };
    static const char map[] = "{\n  \"bos_token\": \"<|startoftext|>\",\n  \"eos_token\": \"<|endoftext|>\",\n"
                              "  \"pad_token\": \"<|endoftext|>\",\n  \"unk_token\": \"<|endoftext|>\"";
    char expected[400];
    Err err = { 0 };
    CHECK_OK(bpe_write(folder, words, 2, 100, 24, &err), &err);
    snprintf(expected, sizeof expected, "%s\n}\n", map);
    CHECK(strcmp(text_of("special_tokens_map.json"), expected) == 0, "%s", text_of("special_tokens_map.json"));
    snprintf(expected, sizeof expected, "%s,\n  \"model_max_length\": 24,\n  \"tokenizer_class\": \"CLIPTokenizer\"\n}\n", map);
    CHECK(strcmp(text_of("tokenizer_config.json"), expected) == 0, "%s", text_of("tokenizer_config.json"));
    CHECK(strstr(text_of("merges.txt"), "\n\" \\</w>\n") != NULL, "%s", text_of("merges.txt"));
    Tokenizer *clip = tokenizer_open("tests/golden/tokenizer", &err), *k = tokenizer_open(folder, &err);
    CHECK(clip != NULL && k != NULL, "%s", err.msg);
    if (k != NULL && clip != NULL) {
        CHECK(tokenizer_size(k) == 515 && tokenizer_length(k) == 24, "%d, %d", tokenizer_size(k), tokenizer_length(k));
        for (int i = 0; i < 512; i++)
            CHECK(strcmp(tokenizer_text(k, i), tokenizer_text(clip, i)) == 0, "id %d: %s, CLIP's is %s", i, tokenizer_text(k, i),
                  tokenizer_text(clip, i));
        CHECK(strcmp(tokenizer_text(k, 512), "\"\\</w>") == 0, "%s", tokenizer_text(k, 512));
        CHECK(strcmp(tokenizer_text(k, 513), "<|startoftext|>") == 0, "%s", tokenizer_text(k, 513));
    }
    tokenizer_free(clip);
    tokenizer_free(k);
}

/* ---- the words of captions ---- */

enum { WORDS = 64 };

/* "a red mug, left side view": object, colour, label; -1: not said. */
static void caption(char text[128], int object, int colour, int label)
{
    Err err = { 0 };
    char plain[96];
    const char *hue = colour < 0 ? "" : scene_colour_name(colour), *thing = object < 0 ? "thing" : scene_object_name(object);
    const char *first = colour < 0 ? thing : hue;
    snprintf(plain, sizeof plain, "%s %s%s%s", strchr("aeiou", first[0]) != NULL ? "an" : "a", hue, colour < 0 ? "" : " ", thing);
    if (label < 0) snprintf(text, 128, "%s", plain);
    else CHECK_OK(view_prompt(text, 128, plain, (ViewLabel)label, &err), &err);
}

/* The next word of *text: up to a space or a comma, or a comma; "": none is left. */
static void word_next(char word[32], const char **text)
{
    size_t n = 0;
    while (**text == ' ') (*text)++;
    if (**text == ',') n = 1;
    else n = strcspn(*text, " ,");
    snprintf(word, 32, "%.*s", (int)n, *text);
    *text += n;
}

/* All words that captions have; how many. */
static int caption_words(const char *words[WORDS])
{
    static char view[6][2][32];
    int n = 0;
    for (int i = 0; i < scene_object_count(); i++) words[n++] = scene_object_name(i);
    for (int i = 0; i < scene_colour_count(); i++) words[n++] = scene_colour_name(i);
    words[n++] = "a";
    words[n++] = "an";
    words[n++] = "thing";
    words[n++] = ",";
    words[n++] = "view";
    for (int label = 0; label < 6; label++) {
        char text[128];
        caption(text, 0, -1, label);
        const char *rest = strchr(text, ',') + 1;
        for (int i = 0; i < 2; i++) {
            word_next(view[label][i], &rest);
            words[n++] = view[label][i];
        }
    }
    CHECK(n < WORDS, "%d words", n);
    return n;
}

static void caption_check(const Tokenizer *k, const char *text)
{
    Err err = { 0 };
    int64_t ids[64];
    int count = 0, dropped = -1, i = 1;
    char word[32], expected[40];
    CHECK_OK(tokenizer_encode(ids, &count, &dropped, k, text, 64, &err), &err);
    for (word_next(word, &text); word[0] != '\0'; word_next(word, &text), i++) {
        snprintf(expected, sizeof expected, "%s</w>", word);
        CHECK(i < count - 1 && strcmp(tokenizer_text(k, ids[i]), expected) == 0, "%s: token %d is %s", word, i, tokenizer_text(k, ids[i]));
    }
    CHECK(count == i + 1 && dropped == 0, "%d tokens, expected %d", count, i + 1);
    CHECK(ids[0] == tokenizer_size(k) - 2 && ids[i] == tokenizer_size(k) - 1 && ids[63] == ids[i], "start or end");
}

static void every_caption_is_its_words(void)
{
    const char *words[WORDS];
    Err err = { 0 };
    CHECK_OK(bpe_write(folder, words, caption_words(words), 1000, 32, &err), &err);
    Tokenizer *k = tokenizer_open(folder, &err);
    CHECK(k != NULL, "%s", err.msg);
    if (k == NULL) return;
    CHECK(tokenizer_size(k) >= 600 && tokenizer_size(k) <= 1000, "%d tokens", tokenizer_size(k));
    for (int object = -1; object < scene_object_count(); object++) {
        for (int colour = -1; colour < scene_colour_count(); colour++) {
            for (int label = -1; label < 6; label++) {
                char text[128];
                caption(text, object, colour, label);
                caption_check(k, text);
            }
        }
    }
    caption_check(k, "");
    tokenizer_free(k);
}

/* Words that no caption has, and bytes beyond ASCII, are spelt by smaller tokens, none of them the unknown one. */
static void any_prompt_has_tokens(void)
{
    static const char text[] = "A DSLR photo of 3 caf\xc3\xa9s; \xe2\x98\x83!";
    static const char spelt[] = "a</w>dslr</w>photo</w>of</w>3</w>caf\xc3\x83\xc2\xa9s</w>;</w>\xc3\xa2\xc4\xba\xc4\xa5!</w>";
    const char *words[WORDS];
    Err err = { 0 };
    int64_t ids[64];
    char found[200] = "";
    CHECK_OK(bpe_write(folder, words, caption_words(words), 1000, 32, &err), &err);
    const int count = encode(ids, text);
    Tokenizer *k = tokenizer_open(folder, &err);
    CHECK(k != NULL, "%s", err.msg);
    for (int i = 1; k != NULL && i < count - 1; i++) {
        CHECK(ids[i] < tokenizer_size(k) - 2, "ids[%d] is %" PRId64, i, ids[i]);
        strcat(found, tokenizer_text(k, ids[i]));
    }
    CHECK(strcmp(found, spelt) == 0, "%s\n    expected %s", found, spelt);
    tokenizer_free(k);
}

static void order_and_repeats_do_not_matter(void)
{
    const char *words[WORDS], *mixed[2 * WORDS];
    const char *first[4], *second[4];
    Err err = { 0 };
    const int n = caption_words(words);
    for (int i = 0; i < n; i++) mixed[i] = words[n - 1 - i];
    for (int i = 0; i < n; i++) mixed[n + i] = words[7 * i % n];
    CHECK_OK(bpe_write(folder, words, n, 150, 77, &err), &err);
    for (int i = 0; i < 4; i++) first[i] = text_of(file_name[i]);
    CHECK_OK(bpe_write(folder, mixed, 2 * n, 150, 77, &err), &err);
    for (int i = 0; i < 4; i++) second[i] = text_of(file_name[i]);
    for (int i = 0; i < 4; i++) CHECK(strcmp(first[i], second[i]) == 0 && first[i][0] != '\0', "%s differs", file_name[i]);
}

/* ---- refusals ---- */

static void bad_words_are_refused(void)
{
    static const char *const bad[] = { "", "red mug", "Mug", "caf\xc3\xa9", "don't", "r2", "42", "mug ", "\n", ",a", "<|endoftext|>" };
    Err err = { 0 };
    folder_empty();
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const char *const words[] = { "mug", bad[i], "," };
        char expected[200];
        snprintf(expected, sizeof expected, "vocabulary: found the word \"%s\", expected letters a to z, or signs, or one digit",
                 bad[i][0] == '\n' ? "?" : bad[i]);
        err = (Err){ 0 };
        CHECK(bpe_write(folder, words, 3, 100, 77, &err) == -1 && strcmp(err.msg, expected) == 0, "%s: %s", bad[i], err.msg);
    }
    const struct { int merges, length; const char *message; } limits[] = {
        { -1, 77, "vocabulary: found -1 merges, expected 0 to 48894" },
        { 48895, 77, "vocabulary: found 48895 merges, expected 0 to 48894" },
        { 100, 1, "vocabulary: found a length of 1 tokens, expected 2 to 1048576" },
        { 100, 1048577, "vocabulary: found a length of 1048577 tokens, expected 2 to 1048576" },
    };
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        const char *const words[] = { "mug" };
        err = (Err){ 0 };
        const int status = bpe_write(folder, words, 1, limits[i].merges, limits[i].length, &err);
        CHECK(status == -1 && strcmp(err.msg, limits[i].message) == 0, "%s", err.msg);
    }
    for (int i = 0; i < 4; i++) CHECK(!file_exists(in_folder(file_name[i])), "%s was written", file_name[i]);
}

/* Every failing allocation and every failing step of a write is reported, and the next attempt is whole. */
static void trouble_is_reported(void)
{
    static const char *const words[] = { "low", "lower", "lot" };
    for (int kind = 0; kind < 2; kind++) {
        void (*const fail_at)(long) = kind == 0 ? mem_fail_at : file_fail_at;
        long n = 1;
        for (int status = -1; status != 0 && n < 200; n++) {
            Err err = { 0 };
            fail_at(n);
            status = bpe_write(folder, words, 3, 100, 77, &err);
            fail_at(0);
            CHECK((status == 0) == !err.set, "%ld: status %d: %s", n, status, err.msg);
        }
        CHECK(n > (kind == 0 ? 8 : 20) && n < 200, "%s: %ld steps", kind == 0 ? "memory" : "files", n);
    }
    ids_check("lower", (const int64_t[]){ 518, 517, 519 }, 3);
    Err err = { 0 };
    char below[300];
    snprintf(below, sizeof below, "%s/vocab.json/under", folder);
    CHECK(bpe_write(below, words, 3, 100, 77, &err) == -1 && strstr(err.msg, "expected a folder") != NULL, "%s", err.msg);
}

int main(void)
{
    if (mkdtemp(folder) == NULL) return 1;
    TEST(ties_go_by_spelling);
    TEST(overlaps_merge_from_the_left);
    TEST(files_say_what_they_should);
    TEST(every_caption_is_its_words);
    TEST(any_prompt_has_tokens);
    TEST(order_and_repeats_do_not_matter);
    TEST(bad_words_are_refused);
    TEST(trouble_is_reported);
    folder_empty();
    rmdir(folder);
    return test_end();
}
