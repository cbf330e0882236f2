/** What the classifier sees of a string: hashed character n-grams, its shape, and a few measures of its make-up. */
import { DAEMON_NAMES, PROGRAM_NAMES } from './known-names.ts';

/** Longer input is cut: nothing that is typed as a user name needs more to be told apart. */
export const LONGEST = 256;
export const BUCKETS = 8192;
/** Buckets for the shape of the whole string. */
const SHAPES = 512;
const SMALLEST_GRAM = 2;
const LARGEST_GRAM = 4;

/** A longer shape is cut: it is that of no name. */
const LONGEST_SHAPE = 8;

const START = '\u0002';
const END = '\u0003';

/** Measures of the whole string, each 0..1. */
const MEASURES: readonly ((text: string) => number)[] = [
  (text) => Math.min(1, text.length / 32),
  (text) => share(text, /[a-z]/g),
  (text) => share(text, /[A-Z]/g),
  (text) => share(text, /[0-9]/g),
  (text) => share(text, /[^A-Za-z0-9]/g),
  (text) => Number(/[a-z]/.test(text) && /[A-Z]/.test(text) && /[0-9]/.test(text)),
  (text) => Number(/[a-z]/i.test(text) && /[0-9]/.test(text) && /[!@#$%^&*?+=]/.test(text)),
  (text) => Number(/\s/.test(text)),
  (text) => Number(/[/|<>;`$~]/.test(text)),
  (text) => Number(/(^|\s)--?[a-z]/.test(text)),
  (text) => Number(/^[a-z]+[._][a-z]+$/.test(text)),
  (text) => Number(/^[a-z]+$/.test(text)),
  (text) => Number(/^(svc|sa|srv|app|sys|bot|ci|job)[-_.]|[-_.](svc|sa|bot|agent|service|daemon)$/.test(text)),
  (text) => Number(/\d{1,4}$/.test(text)),
  (text) => Number(/^[A-Z]/.test(text)),
  (text) => Number(/[!@#$%^&*?+=]/.test(text)),
  (text) => Number(/^_[a-z]/.test(text)),
  (text) => Number(/^\w+=/.test(text)),
  (text) => Number(/[`]|\$[({A-Za-z]/.test(text)),
  (text) => Number(/['"]/.test(text)),
  (text) => Math.min(1, (text.split(' ').length - 1) / 4),
  (text) => walked(text),
  (text) => Number(PROGRAM_NAMES.has(firstWord(text)) && text.includes(' ')),
  (text) => Number(PROGRAM_NAMES.has(text)),
  (text) => Number(DAEMON_NAMES.has(text)),
];

/** The word before the first blank, without a folder before it. */
function firstWord(text: string): string {
  const [word = ''] = text.split(' ', 1);
  return word.slice(word.lastIndexOf('/') + 1);
}

/** Keys that lie side by side, in both directions. */
const NEIGHBOURS = new Set(
  [
    '`1234567890-=',
    'qwertyuiop[]',
    'qwertzuiop',
    'azertyuiop',
    'asdfghjkl;',
    'yxcvbnm,./',
    'zxcvbnm,./',
    '1qaz2wsx3edc4rfv5tgb6yhn7ujm',
    'abcdefghijklmnopqrstuvwxyz',
  ].flatMap((row) => [...row].slice(1).flatMap((key, i) => [`${row[i]}${key}`, `${key}${row[i]}`])),
);

/** Share of the steps from one character to the next that stay on a key or go to the one beside it. */
function walked(text: string): number {
  const keys = text.toLowerCase();
  let steps = 0;
  for (let i = 1; i < keys.length; i++)
    if (keys[i] === keys[i - 1] || NEIGHBOURS.has(keys.slice(i - 1, i + 1))) steps++;
  return steps / Math.max(1, keys.length - 1);
}

/** Runs of one kind of character as one letter each: "Passw0rd!" is "Aa9a!". */
function shapeOf(text: string): string {
  return text
    .replace(/[A-Z]+/g, 'A')
    .replace(/[a-z]+/g, 'a')
    .replace(/[0-9]+/g, '9')
    .replace(/[\s]+/g, ' ')
    .slice(0, LONGEST_SHAPE);
}

/** Width of a row: the buckets, the measures, the shapes, and a constant 1. */
export const WIDTH = BUCKETS + MEASURES.length + SHAPES + 1;

const share = (text: string, pattern: RegExp): number => (text.match(pattern)?.length ?? 0) / Math.max(1, text.length);

/** The features of a string as index → value; n-gram counts have the Euclidean length 1. */
export function usernameFeatures(input: string): Map<number, number> {
  const text = input.slice(0, LONGEST);
  const features = new Map<number, number>();
  const framed = START + text + END;
  for (let length = SMALLEST_GRAM; length <= LARGEST_GRAM; length++) {
    for (let at = 0; at + length <= framed.length; at++) {
      const bucket = hash(framed, at, length) & (BUCKETS - 1);
      features.set(bucket, (features.get(bucket) ?? 0) + 1);
    }
  }
  let square = 0;
  for (const value of features.values()) square += value * value;
  const scale = square > 0 ? 1 / Math.sqrt(square) : 0;
  for (const [bucket, value] of features) features.set(bucket, value * scale);
  const shape = shapeOf(text);
  features.set(BUCKETS + MEASURES.length + (hash(shape, 0, shape.length) & (SHAPES - 1)), 1);
  for (const [i, measure] of MEASURES.entries()) {
    const value = measure(text);
    if (value !== 0) features.set(BUCKETS + i, value);
  }
  features.set(WIDTH - 1, 1);
  return features;
}

/** FNV-1a over UTF-16 units, with a last mix. http://www.isthe.com/chongo/tech/comp/fnv */
function hash(text: string, at: number, length: number): number {
  let value = 0x811c9dc5 ^ length;
  for (let i = at; i < at + length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  value ^= value >>> 15;
  return Math.imul(value, 0x2c1b3c6d) >>> 7;
}
