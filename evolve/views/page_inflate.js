// Details come as base64 of zlib of JSON, many programs to a chunk; a chunk is unpacked when first needed.

const chunkTexts = new Map(); // chunk number -> promise of its array of details

// The details of program i: {diff, cut, source, trials, estimates, curve}.
async function detailOf(i) {
  const number = Math.floor(i / data.chunk);
  if (!chunkTexts.has(number)) chunkTexts.set(number, unpack(number));
  return (await chunkTexts.get(number))[i % data.chunk];
}

async function unpack(number) {
  const packed = atob(document.getElementById(`chunk-${number}`).textContent);
  const bytes = Uint8Array.from(packed, (character) => character.charCodeAt(0));
  const plain = typeof DecompressionStream === "function" ? await inflateNatively(bytes) : inflate(bytes);
  return JSON.parse(new TextDecoder().decode(plain));
}

async function inflateNatively(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

const LENGTH_BASE = [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258];
const LENGTH_EXTRA = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
const DISTANCE_BASE = [1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577];
const DISTANCE_EXTRA = [0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13];
const CODE_LENGTH_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

// zlib for browsers without DecompressionStream: Deutsch 1996 <https://www.rfc-editor.org/rfc/rfc1951>.
function inflate(bytes) {
  const input = { bytes, at: 2, buffer: 0, held: 0 }; // two bytes of zlib header
  let output = new Uint8Array(bytes.length * 6);
  let size = 0;
  const room = (more) => {
    if (size + more <= output.length) return;
    const larger = new Uint8Array(Math.max(output.length * 2, size + more));
    larger.set(output);
    output = larger;
  };
  for (let last = 0; !last; ) {
    last = takeBits(input, 1);
    const kind = takeBits(input, 2);
    if (kind === 0) {
      input.buffer = input.held = 0;
      const length = input.bytes[input.at] | (input.bytes[input.at + 1] << 8);
      room(length);
      output.set(input.bytes.subarray(input.at + 4, input.at + 4 + length), size);
      input.at += 4 + length;
      size += length;
      continue;
    }
    const [literals, distances] = kind === 1 ? fixedCodes() : dynamicCodes(input);
    for (;;) {
      const symbol = takeSymbol(input, literals);
      if (symbol === 256) break;
      if (symbol < 256) {
        room(1);
        output[size++] = symbol;
        continue;
      }
      const length = LENGTH_BASE[symbol - 257] + takeBits(input, LENGTH_EXTRA[symbol - 257]);
      const code = takeSymbol(input, distances);
      const distance = DISTANCE_BASE[code] + takeBits(input, DISTANCE_EXTRA[code]);
      room(length);
      for (let k = 0; k < length; k++, size++) output[size] = output[size - distance];
    }
  }
  return output.subarray(0, size);
}

function takeBits(input, count) {
  while (input.held < count) {
    input.buffer |= input.bytes[input.at++] << input.held;
    input.held += 8;
  }
  const bits = input.buffer & ((1 << count) - 1);
  input.buffer >>>= count;
  input.held -= count;
  return bits;
}

// Canonical Huffman code as the number of codes of each length and the symbols in order of their codes.
function huffman(lengths) {
  const counts = new Array(16).fill(0);
  for (const length of lengths) counts[length]++;
  counts[0] = 0;
  const starts = [0, 0];
  for (let length = 1; length < 15; length++) starts[length + 1] = starts[length] + counts[length];
  const symbols = [];
  lengths.forEach((length, symbol) => { if (length) symbols[starts[length]++] = symbol; });
  return { counts, symbols };
}

function takeSymbol(input, { counts, symbols }) {
  for (let length = 1, code = 0, first = 0, index = 0; length < 16; length++) {
    code |= takeBits(input, 1);
    if (code - first < counts[length]) return symbols[index + code - first];
    index += counts[length];
    first = (first + counts[length]) << 1;
    code <<= 1;
  }
  throw new Error("the details of this program are damaged");
}

function fixedCodes() {
  const lengths = Array.from({ length: 288 }, (_, s) => (s < 144 ? 8 : s < 256 ? 9 : s < 280 ? 7 : 8));
  return [huffman(lengths), huffman(new Array(30).fill(5))];
}

function dynamicCodes(input) {
  const literals = takeBits(input, 5) + 257;
  const distances = takeBits(input, 5) + 1;
  const count = takeBits(input, 4) + 4;
  const codeLengths = new Array(19).fill(0);
  for (let k = 0; k < count; k++) codeLengths[CODE_LENGTH_ORDER[k]] = takeBits(input, 3);
  const code = huffman(codeLengths);
  const lengths = [];
  while (lengths.length < literals + distances) {
    const symbol = takeSymbol(input, code);
    if (symbol < 16) lengths.push(symbol);
    else if (symbol === 16) repeat(lengths, lengths[lengths.length - 1], takeBits(input, 2) + 3);
    else repeat(lengths, 0, symbol === 17 ? takeBits(input, 3) + 3 : takeBits(input, 7) + 11);
  }
  return [huffman(lengths.slice(0, literals)), huffman(lengths.slice(literals))];
}

function repeat(list, item, times) {
  for (let k = 0; k < times; k++) list.push(item);
}
