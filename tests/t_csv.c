/* t_csv.c -- text in CSV files: what a reader of RFC 4180 finds is what was written, in the helper and in a command's file */
#include "ref/csv.h"
#include "tests/command.h"
#include "tests/pipeline_folder.h"

static void fields(void)
{
    static const struct { const char *text, *field; } cases[] = {
        { "", "\"\"" }, { "a red mug", "\"a red mug\"" }, { "a, b\nc", "\"a, b\nc\"" }, { "\"", "\"\"\"\"" }, { "a \"cat\"", "\"a \"\"cat\"\"\"" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        Err err = { 0 };
        Bytes out = { 0 };
        CHECK_OK(csv_text(&out, cases[i].text, &err), &err);
        CHECK(out.n == strlen(cases[i].field) && memcmp(out.p, cases[i].field, out.n) == 0, "%s: found %.*s", cases[i].text, (int)out.n, (const char *)out.p);
        bytes_free(&out);
    }
}

/* Longer than the table's column, with everything that separates. */
static void the_prompt_of_bench_estimators(void)
{
    static const char prompt[] = "a \"cat\", two \"\"dogs\"\", and a very long sentence that goes on, and on, and on, and on, until it ends after more than a hundred";
    static const char row[] = "\nsds,\"a \"\"cat\"\", two \"\"\"\"dogs\"\"\"\", and a very long sentence that goes on, and on, and on, and on, until it ends after more than a hundred\",1,2,,1,,\n";
    char folder[FOLDER_PATH], out[OUTPUT], csv[FOLDER_ROOM];
    void *text = NULL;
    size_t n = 0;
    Err err = { 0 };
    folder_pixels(folder);
    folder_path(csv, folder, "estimators.csv");
    CHECK(command(out, cmd_bench, prompt, "estimators --prior PRIOR --field image --estimators sds --budget 2 --quiet --csv OUT", folder, csv) == EXIT_FINE, "%s", out);
    CHECK_OK(file_read(&text, &n, csv, 1 << 20, &err), &err);
    CHECK(text != NULL && strstr(text, row) != NULL, "%s", text == NULL ? "no file" : (char *)text);
    mem_free(text);
    folder_end(folder);
}

int main(void)
{
    TEST(fields);
    TEST(the_prompt_of_bench_estimators);
    return test_end();
}
