/** The code blocks of the README and of docs/: what they hold, and what the text just above says of them. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('..', import.meta.url));

export const PAGES: readonly string[] = ['README.md', ...globSync('docs/*.md', { cwd: ROOT }).sort()];

export interface Block {
  readonly page: string;
  /** `sh`, `toml`, …; '' where the page does not say. */
  readonly language: string;
  readonly text: string;
  /** The heading of the second level that it stands below; '' before the first. */
  readonly section: string;
  /** The paragraph above. */
  readonly above: string;
}

export interface Command {
  readonly line: string;
  /** What its output must contain: the page says so behind it, as `# …`. */
  readonly prints: string | null;
}

export function blocksOf(page: string): Block[] {
  const text = readFileSync(join(ROOT, page), 'utf8');
  return [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(({ index, 1: language = '', 2: block = '' }) => ({
    page,
    language,
    text: block,
    section: [...text.slice(0, index).matchAll(/^## (.*)$/gm)].at(-1)?.[1] ?? '',
    above: text.slice(0, index).trimEnd().split('\n\n').at(-1) ?? '',
  }));
}

/** Its commands ask Cloudflare: nothing but their form can be seen here. */
export function needsAccount({ above }: Block): boolean {
  return /needs an account/i.test(above);
}

/** The file that the page says its text goes into. */
export function fileOf({ above }: Block): string | null {
  return /\binto `([^`]+)`/i.exec(above)?.[1] ?? null;
}

/** Each line of a block of `sh` is a command of its own. */
export function commandsOf({ text }: Block): Command[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .map((line) => {
      const [, command = line, prints = null] = /^(.*?)\s{3}# (.*)$/.exec(line) ?? [];
      return { line: command, prints };
    });
}
