// A float evaluator for the example models: Gemm, Relu and Sigmoid of an ONNX file, in double precision.
//
// It exists so that the demo can hold a proved score against the float model without asking the node that proved it.
// Field numbers are those of onnx.proto3.

import { readFileSync } from "node:fs";

const FLOAT = 1n;

/** Loads `path`; returns `features => outputs`, both arrays of numbers. */
export function loadModel(path) {
  const graph = message(only(message(readFileSync(path)), 7));
  const tensors = new Map((graph.get(5) ?? []).map(tensor));
  const nodes = graph.get(1).map((bytes) => node(message(bytes)));
  const [input] = graph.get(11).map((bytes) => text(only(message(bytes), 1)));
  const [output] = graph.get(12).map((bytes) => text(only(message(bytes), 1)));
  return (features) => {
    const values = new Map([[input, features]]);
    for (const { op, inputs, outputs } of nodes) {
      values.set(outputs[0], apply(op, values.get(inputs[0]), inputs.slice(1).map((name) => tensors.get(name))));
    }
    return values.get(output);
  };
}

function apply(op, x, [weights, bias]) {
  switch (op) {
    case "Gemm": {
      const [rows, columns] = weights.dims;
      if (columns !== x.length) throw new Error(`Gemm: expected ${columns} inputs, got ${x.length}`);
      return Array.from({ length: rows }, (_, i) =>
        x.reduce((sum, v, j) => sum + v * weights.data[i * columns + j], bias.data[i]));
    }
    case "Relu": return x.map((v) => Math.max(v, 0));
    case "Sigmoid": return x.map((v) => 1 / (1 + Math.exp(-v)));
    default: throw new Error(`op: expected Gemm, Relu or Sigmoid, got ${op}`);
  }
}

function node(fields) {
  const op = text(only(fields, 4));
  if (op === "Gemm" && !transposedWeights(fields)) throw new Error("Gemm: expected transB = 1 and no other attribute");
  return { op, inputs: fields.get(1).map(text), outputs: fields.get(2).map(text) };
}

function transposedWeights(fields) {
  const attributes = (fields.get(5) ?? []).map(message);
  return attributes.length === 1 && text(only(attributes[0], 1)) === "transB" && only(attributes[0], 3) === 1n;
}

function tensor(bytes) {
  const fields = message(bytes);
  if (only(fields, 2) !== FLOAT) throw new Error(`tensor type: expected float (1), got ${only(fields, 2)}`);
  const raw = only(fields, 9);
  const data = Array.from({ length: raw.length / 4 }, (_, i) => raw.readFloatLE(4 * i));
  return [text(only(fields, 8)), { dims: dimensions(fields.get(1)), data }];
}

/** Dimensions stand one a field, or packed into one. */
function dimensions(values) {
  return values.flatMap((value) => {
    if (typeof value === "bigint") return [Number(value)];
    const packed = [];
    for (let at = 0; at < value.length; ) {
      const [number, next] = varint(value, at);
      packed.push(Number(number));
      at = next;
    }
    return packed;
  });
}

const text = (bytes) => bytes.toString("utf8");
const only = (fields, number) => fields.get(number)?.[0];

/** A protobuf message as `field number → values`, a value being a bigint or its bytes. */
function message(bytes) {
  const fields = new Map();
  for (let at = 0; at < bytes.length; ) {
    let key, value;
    [key, at] = varint(bytes, at);
    const wire = Number(key & 7n);
    if (wire === 0) [value, at] = varint(bytes, at);
    else {
      let length;
      if (wire === 2) [length, at] = varint(bytes, at);
      else if (wire === 5) length = 4n;
      else if (wire === 1) length = 8n;
      else throw new Error(`protobuf: expected wire type 0, 1, 2 or 5, got ${wire} at byte ${at}`);
      value = bytes.subarray(at, at + Number(length));
      at += Number(length);
    }
    const number = Number(key >> 3n);
    fields.set(number, [...(fields.get(number) ?? []), value]);
  }
  return fields;
}

function varint(bytes, at) {
  let value = 0n;
  for (let shift = 0n; ; shift += 7n) {
    if (at >= bytes.length) throw new Error(`protobuf: ends inside a number at byte ${at}`);
    const byte = bytes[at++];
    value |= BigInt(byte & 127) << shift;
    if (byte < 128) return [value, at];
  }
}
