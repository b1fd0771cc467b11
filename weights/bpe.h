/* bpe.h -- trains a small vocabulary of CLIP's byte-level byte-pair encoding and writes it as a tokenizer's folder
 *
 * The symbols of a word are those of tokenizer.h, rule 3. Of all pairs of neighbours in all words, each word of weight 1 and each
 * place counted ("aaaa" has the pair a a at two places, which overlap), the most frequent is merged wherever it stands, left
 * to right; of equals the one whose left symbol, then whose right symbol, is spelt first in byte order (</w> is part of the
 * spelling). Again, until every word is one token or the merges allowed are made. The encoder, which merges by rank, takes
 * the same steps: it gives a word of the list the tokens that training made of it.
 */
#ifndef SDREF_WEIGHTS_BPE_H
#define SDREF_WEIGHTS_BPE_H

#include "tensor/err.h"

/* Writes into the folder, made when it is not there, and over files of these names:
 *     vocab.json               256 bytes, 256 bytes with </w>, the merges in order, <|startoftext|>, <|endoftext|>: the order of
 *                              CLIP's ids, so any prompt has tokens
 *     merges.txt               "#version: 0.2", then a merge a line
 *     tokenizer_config.json    tokenizer_class CLIPTokenizer, model_max_length = length, the special tokens
 *     special_tokens_map.json  bos_token <|startoftext|>; eos_token, unk_token and, as in SD 1, pad_token <|endoftext|>
 * words (count): each one word of tokenizer.h's rule 2, of ASCII: letters a to z, or signs, or one digit. Neither their order nor
 * how often one is given matters. Errors: another word; merges_max outside 0 to 48894 (what a reader takes); length
 * outside 2 to 2^20; memory (all found before a file is written); files. */
int bpe_write(const char *folder, const char *const *words, int count, int merges_max, int length, Err *err);

#endif
