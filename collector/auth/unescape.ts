/** Undoes what sshd does to a name before it logs it: strnvis with VIS_CSTYLE and VIS_OCTAL (log.c of openssh-portable, vis(3)). */
import { Buffer } from 'node:buffer';

const ESCAPED = /\\(?:([0-7]{3})|([\\nrbavtfs0]))/g;
const C_STYLE: Readonly<Record<string, string>> = {
  '\\': '\\',
  n: '\n',
  r: '\r',
  b: '\b',
  a: '\u0007',
  v: '\v',
  t: '\t',
  f: '\f',
  s: ' ',
  0: '\0',
};

/** The name as it was typed; bytes that are no UTF-8 become U+FFFD. */
export function unescaped(text: string): string {
  if (!text.includes('\\')) return text;
  const bytes: Uint8Array[] = [];
  let from = 0;
  for (const found of text.matchAll(ESCAPED)) {
    const [whole, octal, letter = ''] = found;
    bytes.push(Buffer.from(text.slice(from, found.index)));
    bytes.push(
      octal === undefined ? Buffer.from(C_STYLE[letter] ?? '') : Uint8Array.of(Number.parseInt(octal, 8) & 255),
    );
    from = found.index + whole.length;
  }
  bytes.push(Buffer.from(text.slice(from)));
  return Buffer.concat(bytes).toString('utf8');
}
