/** What the Debian package ships for its reader: links that lead somewhere, and the kernel that docs/kernels.md names. */
import { readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { expect, it } from 'vitest';
import { documentation } from '../packaging/documentation.ts';

const ROOT = join(import.meta.dirname, '..');
const text = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

it('every link between shipped files leads to a shipped file or folder', () => {
  const shipped = documentation();
  const folders = new Set(shipped.map(dirname));
  const links = shipped
    .filter((path) => path.endsWith('.md'))
    .flatMap((path) =>
      [...text(path).matchAll(/\]\(([^)#\s]+)[^)]*\)/g)]
        .map(([, to = '']) => to)
        .filter((to) => !/^[a-z]+:/.test(to))
        .map((to) => ({ path, to: normalize(join(dirname(path), to)) })),
    );
  expect(links.length).toBeGreaterThan(40);
  expect(links.filter(({ to }) => !shipped.includes(to) && !folders.has(to))).toEqual([]);
});

it('the description names the release that a service needs', () => {
  const [, release] = /As a service that is not root it needs (\S+)\.\n/.exec(text('docs/kernels.md')) ?? [];
  expect(text('packaging/debian-package.ts')).toContain(`It needs Linux ${release} or later.`);
});

it('the unit names a section that there is', () => {
  const [, file = '', section] = /^# .* See (\S+), "(.+)"\.$/m.exec(text('infra/vigia-collector.service')) ?? [];
  expect(text(file)).toMatch(new RegExp(`^#+ ${section}$`, 'm'));
});
