/**
 * Builds the dashboard into one page with the policy that lets its own script and styles run and nothing else:
 * `npm run build:dashboard`. The Worker answers it as it is; a test fails while it is not current.
 */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const FOLDER = fileURLToPath(new URL('.', import.meta.url));
export const DASHBOARD_FILE = fileURLToPath(new URL('../functions/detect/generated/dashboard.json', import.meta.url));
/** Whose code goes into the page; their licences stand in it. */
const SHIPPED = ['preact', 'uplot', 'eventsource-parser'];

/** What the Worker imports. */
interface BuiltDashboard {
  readonly html: string;
  /** The Content-Security-Policy of the page. */
  readonly policy: string;
}

/** @returns the text of the generated file; the same for the same sources */
export async function buildDashboard(): Promise<string> {
  const script = await bundled('main.tsx');
  const style =
    (await bundled('style/main.css')) + readFileSync(packageFile('uplot', 'dist/uPlot.min.css'), 'utf8').trim();
  const policy = [
    "default-src 'none'",
    `script-src ${hashOf(script)}`,
    `style-src ${hashOf(style)}`,
    "connect-src 'self'",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
  const html = readFileSync(`${FOLDER}page.html`, 'utf8')
    .replace('LICENCES', () => SHIPPED.map(licenceOf).join('\n'))
    .replace('/* STYLE */', () => style)
    .replace('/* SCRIPT */', () => script);
  return `${JSON.stringify({ html, policy } satisfies BuiltDashboard)}\n`;
}

async function bundled(entry: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [`${FOLDER}${entry}`],
    absWorkingDir: FOLDER,
    bundle: true,
    write: false,
    format: 'esm',
    target: 'es2024',
    minify: true,
    legalComments: 'none',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    logLevel: 'silent',
  });
  // An end tag within the script would end it for the parser of the page.
  return (outputFiles[0]?.text ?? '').trim().replaceAll('</script', '<\\/script');
}

function hashOf(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}

function licenceOf(name: string): string {
  const { version }: { version: string } = JSON.parse(readFileSync(packageFile(name, 'package.json'), 'utf8'));
  return `${name} ${version}\n${readFileSync(packageFile(name, 'LICENSE'), 'utf8').trim()}\n`;
}

function packageFile(name: string, file: string): string {
  return fileURLToPath(new URL(`../node_modules/${name}/${file}`, import.meta.url));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const text = await buildDashboard();
  writeFileSync(DASHBOARD_FILE, text);
  process.stderr.write(`wrote ${DASHBOARD_FILE}: ${Math.round(text.length / 1024)} KiB\n`);
}
