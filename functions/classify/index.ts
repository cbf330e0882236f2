/** The classify Worker: says what kind of string a user name is. It keeps and logs nothing of what it reads. */
import { Hono } from 'hono';
import { classifyRequest, MAX_STRINGS, manyUsernames, oneUsername } from '../../contract/classification.ts';
import { fieldErrors } from '../../contract/problem.ts';
import { readText } from '../http/body.ts';
import { mediaType, parseJson } from '../http/json.ts';
import { HttpProblem, problemResponse } from '../http/problem.ts';
import { classify } from './classify.ts';

const BODY_BYTES = 1024 * 1024;

const app = new Hono();

/** `{"username": …}` → one classification; `{"usernames": […]}` → a list in the same order. */
app.post('/classify_username', async (c) => {
  if (mediaType(c.req.raw) !== 'application/json') throw new HttpProblem(415, 'Send application/json.');
  const json = parseJson(await readText(c.req.raw, BODY_BYTES));
  const parsed = classifyRequest.safeParse(json);
  if (!parsed.success) throw refuse(json);
  return c.json('username' in parsed.data ? classify(parsed.data.username) : parsed.data.usernames.map(classify));
});

app.notFound(() => problemResponse(new HttpProblem(404, 'There is no such route.')));
app.onError((error) => problemResponse(error));

/** Names the wrong field; never its text, which may be a password. */
function refuse(json: unknown): HttpProblem {
  const list = typeof json === 'object' && json !== null && 'usernames' in json ? json.usernames : undefined;
  if (Array.isArray(list) && list.length > MAX_STRINGS)
    return new HttpProblem(413, `A request holds at most ${MAX_STRINGS} strings.`, {
      errors: [{ path: 'usernames', message: `holds ${list.length}` }],
    });
  const schema = list === undefined ? oneUsername : manyUsernames;
  const { error } = schema.safeParse(json);
  return new HttpProblem(400, 'Send {"username": "…"} or {"usernames": ["…"]}.', {
    errors: error === undefined ? [] : fieldErrors(error),
  });
}

export default app;
