/**
 * Serves a classifier of one LSTM layer by another library's inference, for bench-serve.js: the same weights, the same tokens, the same kind of Fastify
 * handler, and batches of whatever waits, as `lockstep serve` has them. Usage: node serve-peer.js onnxruntime|tensorflow RUN PEERS, where PEERS is a folder with
 * fastify and onnxruntime-node, or @tensorflow/tfjs and @tensorflow/tfjs-backend-wasm, in its node_modules.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { openModel } from '../dist/src/index.js';

const ROWS_AT_ONCE = 64;

const [kind, run, folder] = process.argv.slice(2);
const require = createRequire(path.join(path.resolve(folder), 'package.json'));
const model = await openModel(run);
const { classes, tokenizer, config } = model;
const { maxLength, truncate } = config.data;
const weights = readWeights(path.join(model.checkpoint, 'model.safetensors'));
await model.close();
const predict = await { onnxruntime: openOnnx, tensorflow: openTensorFlow }[kind]();

const waiting = [];
let isBusy = false;

/** Whatever waits when nothing is computed is computed together. */
async function drain() {
  isBusy = true;
  while (waiting.length > 0) {
    const taken = waiting.splice(0, ROWS_AT_ONCE);
    const found = await predict(taken.map(({ tokens }) => tokens));
    taken.forEach(({ resolve }, row) => resolve(found[row]));
  }
  isBusy = false;
}

/** Of a long text no more is split than what is read of it, as `lockstep serve` does. */
function encodeEnd(text) {
  for (let length = 8 * maxLength; 2 * length < text.length; length *= 4) {
    const at = tokenizer.cut(text.slice(0, truncate === 'post' ? length : -length));
    const found = tokenizer.encode(truncate === 'post' ? text.slice(0, at) : text.slice(at));
    if (found.length >= maxLength) return found;
  }
  return tokenizer.encode(text);
}

function classify(text) {
  const all = encodeEnd(text);
  const tokens = truncate === 'post' ? all.slice(0, maxLength) : all.slice(-maxLength);
  return new Promise((resolve) => {
    waiting.push({ tokens: tokens.length > 0 ? tokens : [tokenizer.emptyToken], resolve });
    if (!isBusy) void drain();
  });
}

const server = require('fastify')();
const body = {
  type: 'object',
  required: ['texts'],
  properties: { texts: { type: 'array', items: { type: 'string' } } },
};
server.post('/predict', { schema: { body } }, async (request) => {
  const found = await Promise.all(request.body.texts.map(classify));
  const predictions = found.map((probabilities) => {
    const likeliest = probabilities.indexOf(Math.max(...probabilities));
    const byName = Object.fromEntries(classes.map((name, i) => [name, probabilities[i]]));
    return {
      label: classes[likeliest],
      probability: probabilities[likeliest],
      probabilities: byName,
    };
  });
  return { predictions };
});
await server.listen({ port: 0, host: '127.0.0.1' });
console.log(`Serving ${kind} at http://127.0.0.1:${server.server.address().port} (`);

function readWeights(file) {
  const bytes = readFileSync(file);
  const length = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString('utf8', 8, 8 + length));
  delete header.__metadata__;
  return Object.fromEntries(
    Object.entries(header).map(
      ([
        name,
        {
          shape,
          data_offsets: [from, to],
        },
      ]) => {
        const data = new Float32Array(
          bytes.buffer.slice(
            bytes.byteOffset + 8 + length + from,
            bytes.byteOffset + 8 + length + to,
          ),
        );
        return [name, { shape, data }];
      },
    ),
  );
}

function sizes() {
  const [vocabulary, E] = weights['embedding.weight'].shape;
  return { vocabulary, E, H: weights['lstm.weight_hh_l0'].shape[1], C: classes.length };
}

/** Both biases of each gate as one. */
function biasSum() {
  const own = weights['lstm.bias_ih_l0'].data;
  const other = weights['lstm.bias_hh_l0']?.data;
  return other === undefined ? own : own.map((value, i) => value + other[i]);
}

/** [4H, columns] with gates i, f, g, o → some other order of the gates. */
function reorderGates(data, order) {
  const size = data.length / 4;
  return Float32Array.from(
    order.flatMap((gate) => [...data.subarray(gate * size, (gate + 1) * size)]),
  );
}

async function openOnnx() {
  const ort = require('onnxruntime-node');
  const session = await ort.InferenceSession.create(onnxModel(), {
    graphOptimizationLevel: 'all',
    intraOpNumThreads: 2,
  });
  return async (rows) => {
    const [B, T] = [rows.length, Math.max(...rows.map(({ length }) => length))];
    const ids = new BigInt64Array(T * B);
    rows.forEach((tokens, b) => tokens.forEach((id, t) => (ids[t * B + b] = BigInt(id))));
    const lengths = Int32Array.from(rows, ({ length }) => length);
    const { probabilities } = await session.run({
      ids: new ort.Tensor('int64', ids, [T, B]),
      lengths: new ort.Tensor('int32', lengths, [B]),
    });
    return rowsOf(probabilities.data, B);
  };
}

async function openTensorFlow() {
  const tf = require('@tensorflow/tfjs');
  require('@tensorflow/tfjs-backend-wasm');
  await tf.setBackend('wasm');
  await tf.ready();
  const { vocabulary, E, H, C } = sizes();
  const network = tf.sequential({
    layers: [
      tf.layers.embedding({
        inputDim: vocabulary,
        outputDim: E,
        maskZero: true,
        inputShape: [null],
      }),
      tf.layers.lstm({ units: H, recurrentActivation: 'sigmoid' }),
      tf.layers.dense({ units: C, activation: 'softmax' }),
    ],
  });
  const matrix = (name) => tf.tensor2d(weights[name].data, weights[name].shape);
  network.setWeights([
    matrix('embedding.weight'),
    // Keras has the gates in the same order, and all weights transposed.
    matrix('lstm.weight_ih_l0').transpose(),
    matrix('lstm.weight_hh_l0').transpose(),
    tf.tensor1d(biasSum()),
    matrix('head.weight').transpose(),
    tf.tensor1d(weights['head.bias'].data),
  ]);
  return async (rows) => {
    const [B, T] = [rows.length, Math.max(...rows.map(({ length }) => length))];
    const ids = new Int32Array(B * T);
    rows.forEach((tokens, b) => ids.set(tokens, b * T));
    const found = tf.tidy(() =>
      network.predict(tf.tensor2d(ids, [B, T], 'int32'), { batchSize: B }),
    );
    const data = await found.data();
    found.dispose();
    return rowsOf(data, B);
  };
}

function rowsOf(data, B) {
  const C = classes.length;
  return Array.from({ length: B }, (_, b) => [...data.subarray(b * C, (b + 1) * C)]);
}

/** The network as an ONNX file: embedding, LSTM with the lengths of the rows, head, softmax. */
function onnxModel() {
  const { vocabulary, E, H, C } = sizes();
  const order = [0, 3, 1, 2];
  const zeros = new Float32Array(4 * H);
  const bias = new Float32Array([...reorderGates(biasSum(), order), ...zeros]);
  const tensors = [
    ['embedding', [vocabulary, E], weights['embedding.weight'].data],
    ['W', [1, 4 * H, E], reorderGates(weights['lstm.weight_ih_l0'].data, order)],
    ['R', [1, 4 * H, H], reorderGates(weights['lstm.weight_hh_l0'].data, order)],
    ['B', [1, 8 * H], bias],
    ['head', [C, H], weights['head.weight'].data],
    ['bias', [C], weights['head.bias'].data],
  ];
  const graph = [
    ...[
      node('Gather', ['embedding', 'ids'], ['x']),
      node('LSTM', ['x', 'W', 'R', 'B', 'lengths'], ['', 'last'], [['hidden_size', H]]),
      node('Squeeze', ['last', 'first'], ['hidden']),
      node('Gemm', ['hidden', 'head', 'bias'], ['logits'], [['transB', 1]]),
      node('Softmax', ['logits'], ['probabilities'], [['axis', 1]]),
    ].map((each) => field(1, each)),
    field(2, text('lstm')),
    ...tensors.map(([name, shape, data]) =>
      field(5, tensor(name, shape, 1, Buffer.from(data.buffer, data.byteOffset, data.byteLength))),
    ),
    field(5, tensor('first', [1], 7, Buffer.from(BigInt64Array.of(0n).buffer))),
    field(11, valueInfo('ids', 7, ['T', 'B'])),
    field(11, valueInfo('lengths', 6, ['B'])),
    field(12, valueInfo('probabilities', 1, ['B', C])),
  ];
  const opset = field(8, [number(2, 17)]);
  return Buffer.concat([number(1, 8), field(7, graph), opset].flat(9));
}

/** Protocol buffers: a field is a number and bytes with their length, or a whole number. */
function varint(value) {
  const bytes = [];
  for (let rest = BigInt(value); ; rest >>= 7n) {
    if (rest < 128n) return Buffer.from([...bytes, Number(rest)]);
    bytes.push(Number(rest & 127n) | 128);
  }
}

function number(tag, value) {
  return Buffer.concat([varint(tag * 8), varint(value)]);
}

function field(tag, content) {
  const bytes = Buffer.isBuffer(content) ? content : Buffer.concat(content.flat(9));
  return Buffer.concat([varint(tag * 8 + 2), varint(bytes.length), bytes]);
}

function text(value) {
  return Buffer.from(value);
}

function node(type, inputs, outputs, attributes = []) {
  return [
    ...inputs.map((name) => field(1, text(name))),
    ...outputs.map((name) => field(2, text(name))),
    field(4, text(type)),
    ...attributes.map(([name, value]) =>
      field(5, [field(1, text(name)), number(3, value), number(20, 2)]),
    ),
  ];
}

function tensor(name, shape, type, raw) {
  return [
    ...shape.map((size) => number(1, size)),
    number(2, type),
    field(8, text(name)),
    field(9, raw),
  ];
}

function valueInfo(name, type, shape) {
  const dimensions = shape.map((size) =>
    field(1, [typeof size === 'number' ? number(1, size) : field(2, text(size))]),
  );
  return [field(1, text(name)), field(2, [field(1, [number(1, type), field(2, dimensions)])])];
}
