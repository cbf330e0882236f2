/** The classify Worker: says what kind of string a user name is. It keeps and logs nothing of what it reads. */
import { Hono } from 'hono';
import { z } from 'zod';
import { fieldErrors } from '../../contract/problem.ts';
import { readText } from '../http/body.ts';
import { mediaType, parseJson } from '../http/json.ts';
import { HttpProblem, problemResponse } from '../http/problem.ts';
import { classify } from './classify.ts';

const MAX_STRINGS = 1000;
const MAX_CHARACTERS = 256;
const BODY_BYTES = 1024 * 1024;

const text = z.string().max(MAX_CHARACTERS);
const body = z.union([z.object({ username: text }), z.object({ usernames: z.array(text).min(1).max(MAX_STRINGS) })]);

const app = new Hono();

/** `{"username": …}` → one classification; `{"usernames": […]}` → a list in the same order. */
app.post('/classify_username', async (c) => {
  if (mediaType(c.req.raw) !== 'application/json') throw new HttpProblem(415, 'Send application/json.');
  const json = parseJson(await readText(c.req.raw, BODY_BYTES));
  const parsed = body.safeParse(json);
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
  const schema = list === undefined ? z.object({ username: text }) : z.object({ usernames: z.array(text).min(1) });
  const { error } = schema.safeParse(json);
  return new HttpProblem(400, 'Send {"username": "…"} or {"usernames": ["…"]}.', {
    errors: error === undefined ? [] : fieldErrors(error),
  });
}

export default app;
