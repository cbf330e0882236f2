/** One page of a list: what is on it, and where the next one is. */
import type { AppContext } from './services.ts';

/** `next` also as a link (RFC 8288), for clients that follow those of every API alike. */
export function answerPage<P extends { readonly next: string | null }>(c: AppContext, page: P): Response {
  if (page.next !== null) {
    const url = new URL(c.req.url);
    url.searchParams.set('cursor', page.next);
    c.header('link', `<${url.pathname}${url.search}>; rel="next"`);
  }
  return c.json(page);
}
