/** The address under which people open the edge in a browser, from the environment. */
import { BindingsError } from '../bindings-error.ts';

/** Characters. Escaped, which may make five of one, and with an id behind it a link still fits into Slack's 3,000. */
const MAX_LENGTH = 500;

/**
 * `DASHBOARD_URL`, as its pages' addresses begin: with a slash at its end. Null where it is not set.
 * @throws BindingsError where it is no address of a page, or is one with more than a path; it may hold a password, so it is not told
 */
export function readDashboardUrl(text = ''): string | null {
  if (text === '') return null;
  const url = URL.parse(text);
  const isBare = url !== null && url.username === '' && url.password === '' && !/[?#]/.test(text);
  if (!isBare || !/^https?:$/.test(url.protocol))
    throw new BindingsError(
      'DASHBOARD_URL',
      'must be an address of http or https such as https://vigia.example.com, without user name, query and fragment, or unset',
    );
  if (url.href.length > MAX_LENGTH)
    throw new BindingsError('DASHBOARD_URL', `must be at most ${MAX_LENGTH} characters long, or unset`);
  return url.href.endsWith('/') ? url.href : `${url.href}/`;
}
