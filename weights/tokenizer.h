/* tokenizer.h -- CLIP's byte-level byte-pair encoding: a prompt -> token ids
 *
 * Rules of openai/CLIP's simple_tokenizer, and of transformers' CLIPTokenizer where the two agree:
 *   1. clean-up: white space at both ends goes (Python's str.strip); lower case (Python's str.lower, Unicode 14.0)
 *   2. words: at each place the first of these that fits; white space between them is skipped
 *          <|startoftext|>  <|endoftext|>  's 't 're 've 'm 'll 'd  letters  one number  others (not space, letter, number)
 *   3. a word's UTF-8 bytes become symbols, the last one marked </w>; of all pairs of neighbours the one that comes first
 *      in merges.txt is merged wherever it stands, left to right; again, until no pair is in merges.txt
 *   4. a symbol is a token; one that the vocabulary lacks is the unknown token; the words <|startoftext|> and
 *      <|endoftext|> are the tokens of those names
 *   5. start, at most length - 2 tokens, end; then padding up to length
 *
 * TRAP: rule 2 ignores case, after rule 1 as well. So U+017F, a long s, counts as the s of 's and of <|startoftext|> (which
 * then is an ordinary word), and U+0345, no letter but with a letter as its capital, fits nothing: it is skipped.
 *
 * DIFFERS: the text is taken as it stands. Both originals send it through ftfy first (accents composed, NFC; plain quotes,
 * widths, ligatures; no control characters; text that was decoded wrongly is mended), and openai/CLIP undoes HTML
 * escapes. A prompt that has none of these gets the same ids.
 * DIFFERS: transformers cuts every special token, the padding one too, out of the raw text before rule 1. Here, as in
 * openai/CLIP, "!!<|endoftext|>" is "!!<|", "endoftext", "|>"; and where "!" pads (SD 2) a prompt's "!" is still the
 * token "!</w>" (256), not the padding (0).
 */
#ifndef SDREF_WEIGHTS_TOKENIZER_H
#define SDREF_WEIGHTS_TOKENIZER_H

#include "tensor/err.h"

#include <stdint.h>

enum { TOKENIZER_LENGTH = 77, TOKENIZER_TEXT_BYTES = 65536 };

typedef struct Tokenizer Tokenizer;                       /* read-only once open */

/* Reads folder/vocab.json and merges.txt and, where there, special_tokens_map.json, tokenizer_config.json (bos_token,
 * eos_token, unk_token, pad_token: the first file that names one wins; model_max_length) and added_tokens.json. Without
 * pad_token the end token pads. NULL on error: ids other than 0 .. n-1 once each, a merge of or into what is no token, a
 * token that no merge makes (merges.txt was cut), tokens added to those of vocab.json. */
Tokenizer *tokenizer_open(const char *folder, Err *err);
void       tokenizer_free(Tokenizer *k);                  /* NULL is fine */

/* ids (length): start, tokens, end, padding. *count: how many stand before the padding; *dropped: how many tokens of the
 * prompt did not fit. Errors: a length below 2; a text that is not UTF-8 or has more than TOKENIZER_TEXT_BYTES. */
int tokenizer_encode(int64_t *ids, int *count, int *dropped, const Tokenizer *k, const char *text, int length, Err *err);

int         tokenizer_size(const Tokenizer *k);           /* tokens in the vocabulary */
int         tokenizer_length(const Tokenizer *k);         /* model_max_length; TOKENIZER_LENGTH where no file says */
/* A token as vocab.json spells it ("cat</w>"; bytes beyond printable ASCII are spelt as other characters), owned by the
 * tokenizer. NULL: no such id. */
const char *tokenizer_text(const Tokenizer *k, int64_t id);

#endif
