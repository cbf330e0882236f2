/** Passwords by the mutations that people make, and by generators. */
import type { Random } from '../../random.ts';
import { familyName, givenName } from './names.ts';
import { chance, pick } from './pick.ts';

const WORDS =
  'password love dragon monkey sunshine princess football baseball master shadow hunter summer winter spring autumn london paris chelsea arsenal liverpool soccer hockey tigger ginger pepper cookie flower angel secret freedom whatever welcome letmein killer pokemon batman superman starwars matrix computer internet samsung iphone google orange banana cherry purple yellow silver golden diamond lucky happy forever family friends jesus blessed heaven magic phoenix eagle falcon tiger lion panther wolf bear turtle dolphin rainbow butterfly chocolate coffee pizza guitar music rock metal dance ninja samurai warrior knight wizard merlin gandalf frodo legolas trinity neo thunder storm lightning fire ice snow river ocean mountain forest'.split(
    ' ',
  );
const WALKS = [
  'qwerty',
  'asdfgh',
  'zxcvbn',
  '123456',
  '12345678',
  '1q2w3e4r',
  'qazwsx',
  '1qaz2wsx',
  'qwertyuiop',
  'abc123',
  '111111',
  '000000',
  '123123',
  '654321',
  'asdf1234',
  'q1w2e3',
  '987654321',
  '159753',
  '112233',
];
const SYMBOLS = [...'!@#$%^&*?+=._-'];
const LEET: Record<string, string> = { a: '@', e: '3', i: '1', o: '0', s: '$', t: '7' };
const ANY = [...'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!@#$%^&*?+=._-'];

const digits = (count: number, random: Random): string =>
  Array.from({ length: count }, () => Math.floor(random() * 10)).join('');
const capital = (word: string): string => `${word[0]?.toUpperCase() ?? ''}${word.slice(1)}`;
const leet = (word: string, random: Random): string =>
  [...word].map((letter) => (chance(0.6, random) ? (LEET[letter] ?? letter) : letter)).join('');

function word(random: Random): string {
  const drawn = random();
  const base = drawn < 0.7 ? pick(WORDS, random) : drawn < 0.9 ? givenName(random) : familyName(random);
  return chance(0.3, random) ? capital(base) : base;
}

export function password(random: Random): string {
  const drawn = random();
  if (drawn < 0.22) return `${word(random)}${digits(1 + Math.floor(random() * 4), random)}`;
  if (drawn < 0.36)
    return `${capital(word(random))}${digits(1 + Math.floor(random() * 4), random)}${pick(SYMBOLS, random)}`;
  if (drawn < 0.46) return leet(word(random), random) + digits(Math.floor(random() * 4), random);
  if (drawn < 0.54) return `${pick(WALKS, random)}${chance(0.3, random) ? pick(SYMBOLS, random) : ''}`;
  if (drawn < 0.62) return `${word(random)}${pick(SYMBOLS, random)}${digits(2, random)}`;
  if (drawn < 0.7) return word(random) + word(random);
  if (drawn < 0.78) return digits(4 + Math.floor(random() * 8), random);
  if (drawn < 0.84) return `${capital(word(random))}${pick(SYMBOLS, random)}${1950 + Math.floor(random() * 80)}`;
  if (drawn < 0.94) return Array.from({ length: 8 + Math.floor(random() * 10) }, () => pick(ANY, random)).join('');
  return drawn < 0.97 ? word(random) : `${digits(2, random)}${word(random)}${digits(2, random)}`;
}
