/** Which page is shown: what stands behind # in the address, so that each page can be linked to and the browser goes back. */

export const PAGES = ['live', 'incidents', 'campaigns', 'models', 'quiet', 'webhooks'] as const;
export type Page = (typeof PAGES)[number];

export interface Route {
  readonly page: Page;
  /** Of the one incident or campaign that is shown; null: the list. */
  readonly id: string | null;
  readonly query: Readonly<Record<string, string>>;
}

/** Reads `#/incidents/ID?state=open`; what is no page is the live one. */
export function readRoute(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?', 2);
  const [name = '', id] = path.split('/', 2);
  const page = PAGES.find((each) => each === name) ?? 'live';
  return { page, id: id ? decoded(id) : null, query: Object.fromEntries(new URLSearchParams(query)) };
}

/** The reverse of `readRoute`; parameters that are empty are left out. */
export function hashOf(page: Page, id: string | null = null, query: Readonly<Record<string, string>> = {}): string {
  const given = Object.entries(query).filter(([, value]) => value !== '');
  const asked = given.length === 0 ? '' : `?${new URLSearchParams(given)}`;
  return `#/${page}${id === null ? '' : `/${encodeURIComponent(id)}`}${asked}`;
}

/** A link may be cut anywhere, also within an escape. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
