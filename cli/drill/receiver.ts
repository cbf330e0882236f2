/** The receiver of a drill's webhooks: checks each signature and prints what came, one JSON object a line. */
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { Webhook } from 'standardwebhooks';

const [port = '9099'] = process.argv.slice(2);
const webhook = new Webhook(process.env.WEBHOOK_SECRET ?? '');

createServer(async (request, response) => {
  const body = await text(request);
  const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
  let verified = true;
  try {
    webhook.verify(body, headers);
  } catch {
    verified = false;
  }
  process.stdout.write(`${JSON.stringify({ id: headers['webhook-id'], verified, event: JSON.parse(body) })}\n`);
  response.writeHead(verified ? 204 : 401).end();
}).listen(Number(port), '127.0.0.1', () => process.stdout.write(`${JSON.stringify({ listening: Number(port) })}\n`));
