/** What went wrong, and that something is not there yet. */
import type { ComponentChildren } from 'preact';
import { RefusedError } from '../../contract/client.ts';

export function Failure({ error }: { error: Error }) {
  const fields = error instanceof RefusedError ? error.errors : [];
  return (
    <div class="notice bad" role="alert">
      <p>{headline(error)}</p>
      {fields.length > 0 && (
        <ul>
          {fields.map(({ path, message }) => (
            <li key={path}>
              <code>{path === '' ? 'body' : path}</code> {message}
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

function headline(error: Error): string {
  if (!(error instanceof RefusedError)) return error.message;
  return error.detail ?? `The edge answers ${error.status} ${error.title}.`;
}

export function Note({ children, tone = 'plain' }: { children: ComponentChildren; tone?: 'plain' | 'bad' | 'good' }) {
  return (
    <p class={`notice ${tone}`} role={tone === 'plain' ? undefined : 'status'}>
      {children}
    </p>
  );
}
