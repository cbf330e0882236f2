/** `POST /classify_username`: hands the request on to the classify Worker, which keeps and logs nothing of it. */
import { type AppContext, bindingsOf } from './services.ts';

export async function classifyUsername(c: AppContext): Promise<Response> {
  const answer = await bindingsOf(c.env).classify.fetch(
    new Request('http://classify/classify_username', {
      method: 'POST',
      headers: c.req.raw.headers,
      body: c.req.raw.body,
    }),
  );
  return new Response(answer.body, answer); // whose headers may be added to
}
