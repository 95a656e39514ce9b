// Writes tests/data/media/tokenizer_cases.json: small tokenizers of every kind that we read, with
// what Hugging Face's own library makes of some texts. Run by hand when a kind is added:
//
//     npm install --no-save tokenizers@0.23.2 && node make_cases.mjs
import { readFileSync, writeFileSync } from 'node:fs';
import { Tokenizer } from 'tokenizers';

const added = (id, content, more = {}) => ({
  id, content, special: true, single_word: false, lstrip: false, rstrip: false, normalized: false, ...more,
});

// ---- byte-level: printable ASCII, Ġ, Ċ, the bytes of é and 日, a few merges ----
function byteLevel(changes = {}, model = {}) {
  const vocab = {};
  const add = (text) => { if (!(text in vocab)) vocab[text] = Object.keys(vocab).length; };
  for (let c = 0x21; c < 0x7f; ++c) add(String.fromCharCode(c));
  for (const c of 'ĠĊĉčÃ©æĹ¥') add(c);
  const merges = ['t h', 'th e', 'Ġ the', 'Ġ t', 'i n', 'in g', 'Ġ Ġ', 'Ã ©', 'æ Ĺ', 'æĹ ¥', '1 2', 'a a', 'aa aa', 'Ġ a', "' s"];
  for (const merge of merges) add(merge.replace(' ', ''));
  add('Ġwhole');  // only ignore_merges reaches it
  return {
    version: '1.0', truncation: null, padding: null,
    added_tokens: [added(119, '<x>'), added(120, '<xy>'), added(121, '<free>', { special: false })],
    normalizer: null,
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
    post_processor: null,
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE', dropout: null, unk_token: null, continuing_subword_prefix: null, end_of_word_suffix: null,
      fuse_unk: false, byte_fallback: false, ignore_merges: false, vocab, merges, ...model,
    },
    ...changes,
  };
}

// ---- characters with ▁, with or without bytes to fall back on ----
function characters(changes = {}, model = {}, bytes = true) {
  const vocab = { '<unk>': 0, '<s>': 1, '</s>': 2 };
  const add = (text) => { if (!(text in vocab)) vocab[text] = Object.keys(vocab).length; };
  if (bytes) for (let b = 0; b < 256; ++b) add(`<0x${b.toString(16).toUpperCase().padStart(2, '0')}>`);
  for (const c of '▁abcdefghijklmnopqrstuvwxyz<>/.,é') add(c);
  const merges = [['▁', 't'], ['h', 'e'], ['▁t', 'he'], ['▁', '▁'], ['i', 'n'], ['a', 'a'], ['aa', 'aa'], ['s', '>'], ['▁', 'a'], ['.', '▁']];
  for (const [a, b] of merges) add(a + b);
  return {
    version: '1.0', truncation: null, padding: null,
    added_tokens: [added(0, '<unk>'), added(1, '<s>'), added(2, '</s>')],
    normalizer: { type: 'Sequence', normalizers: [
      { type: 'Prepend', prepend: '▁' }, { type: 'Replace', pattern: { String: ' ' }, content: '▁' }] },
    pre_tokenizer: null,
    post_processor: { type: 'TemplateProcessing',
      single: [{ SpecialToken: { id: '<s>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
      pair: [{ Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 1 } }],
      special_tokens: { '<s>': { id: '<s>', ids: [1], tokens: ['<s>'] } } },
    decoder: { type: 'Sequence', decoders: [
      { type: 'Replace', pattern: { String: '▁' }, content: ' ' }, { type: 'ByteFallback' }, { type: 'Fuse' },
      { type: 'Strip', content: ' ', start: 1, stop: 0 }] },
    model: {
      type: 'BPE', dropout: null, unk_token: '<unk>', continuing_subword_prefix: null, end_of_word_suffix: null,
      fuse_unk: true, byte_fallback: bytes, ignore_merges: false, vocab, merges, ...model,
    },
    ...changes,
  };
}

const template = (before, after) => ({ type: 'TemplateProcessing',
  single: [...before.map((id) => ({ SpecialToken: { id, type_id: 0 } })), { Sequence: { id: 'A', type_id: 0 } },
           ...after.map((id) => ({ SpecialToken: { id, type_id: 0 } }))],
  pair: [{ Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 1 } }],
  special_tokens: Object.fromEntries([...before, ...after].map((id) =>
    [id, { id, ids: [{ '<x>': 119, '<xy>': 120 }[id]], tokens: [id] }])) });
const split = (regex, more = {}) => ({ type: 'Sequence', pretokenizers: [
  { type: 'Split', pattern: { Regex: regex }, behavior: 'Isolated', invert: false, ...more },
  { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false }] });
const metaspace = (prepend_scheme, split) => ({
  normalizer: null, pre_tokenizer: { type: 'Metaspace', replacement: '▁', prepend_scheme, split },
  ...(split ? { decoder: { type: 'Metaspace', replacement: '▁', prepend_scheme, split } } : {}) });
const llama3 = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const qwen2 = llama3.replace('{1,3}', '');
const tekken = '[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+';
const strips = (flags) => byteLevel({ added_tokens: [added(119, '<x>', flags), added(120, '<xy>'), added(121, 'the', { ...flags, special: false })] });

const kinds = {
  'byte level': byteLevel(),
  'byte level, space before the text': byteLevel({ pre_tokenizer: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true } }),
  'byte level, no cuts': byteLevel({ pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false } }),
  'byte level, unknown token': byteLevel({}, { unk_token: '~' }),
  'byte level, unknown tokens fused': byteLevel({}, { unk_token: '~', fuse_unk: true }),
  'digits': byteLevel({ pre_tokenizer: { type: 'Sequence', pretokenizers: [{ type: 'Digits', individual_digits: true },
    { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true }] } }),
  'llama 3, whole words': byteLevel({ pre_tokenizer: split(llama3), post_processor: { type: 'Sequence', processors: [
    { type: 'ByteLevel', add_prefix_space: true, trim_offsets: false, use_regex: true }, template(['<x>'], [])] } }, { ignore_merges: true }),
  'removed where not matched': byteLevel({ pre_tokenizer: split(qwen2, { behavior: 'Removed', invert: true }) }),
  'qwen 2, composed': byteLevel({ pre_tokenizer: split(qwen2), normalizer: { type: 'NFC' }, post_processor: template(['<x>'], ['<xy>', '<x>']) }),
  'tekken': byteLevel({ pre_tokenizer: split(tekken) }),
  'left strip': strips({ lstrip: true }),
  'right strip': strips({ rstrip: true }),
  'both strips': strips({ lstrip: true, rstrip: true }),
  'single word': strips({ single_word: true }),
  'llama 2': characters(),
  'llama 2, no bytes': characters({}, {}, false),
  'llama 2, unknown tokens one by one': characters({}, { fuse_unk: false }, false),
  'gemma': characters({ normalizer: { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
    pre_tokenizer: { type: 'Split', pattern: { String: ' ' }, behavior: 'MergedWithPrevious', invert: false },
    decoder: { type: 'Sequence', decoders: [{ type: 'Replace', pattern: { String: '▁' }, content: ' ' }, { type: 'ByteFallback' }, { type: 'Fuse' }] } }),
};
for (const scheme of ['always', 'first', 'never'])
  for (const cuts of [true, false]) kinds[`metaspace ${scheme}${cuts ? ', cut' : ''}`] = characters(metaspace(scheme, cuts), {}, !cuts);

const texts = ['', ' ', '  ', 'the thing', ' the  the', 'a<x>b', '<x>', '<x><xy><xy', ' <x> ', 'the <x>  the\n<x>\tthe', "it's 12 1212",
  'aaaaaaaaa', ' whole', 'whole whole', 'é日', 'e\u0301 \u212B', '\u0000z', '日本 ß', '<free>a<free>', 'thethe the, (the) _the the1 éthe the日',
  '<s>the</s> the', 'a.the. a', '<unk>', '▁', '▁ a▁', '<0x41>', 'ZZ Z', ' <s> a', '\t<x>\u00a0<x>\u3000', '\u{1F600}\u{1F600}a', 'é', 'in\r\n\r\ning', "THE'S'll"];

const cases = [];
for (const [name, tokenizer] of Object.entries(kinds)) {
  const reference = Tokenizer.fromString(JSON.stringify(tokenizer));
  const rows = [];
  for (const text of texts) {
    const ids = (await reference.encode(text, null, { addSpecialTokens: false })).getIds();
    const special = (await reference.encode(text, null, { addSpecialTokens: true })).getIds();
    rows.push({ text, ids, special, decoded: await reference.decode(ids, false), skipped: await reference.decode(special, true) });
  }
  cases.push({ name, tokenizer, rows });
}
const out = cases.map((c) => JSON.stringify(c)).join(',\n');
writeFileSync(new URL('../data/media/tokenizer_cases.json', import.meta.url), `[\n${out}\n]\n`);
